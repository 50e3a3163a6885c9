/* SPDX-License-Identifier: BSD-3-Clause */
/* apps.c - the programs of a job that has several (MPMD): which ranks run which. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "tools/apps.h"

struct app *apps_add(struct apps *apps)
{
    if (apps->count == APPS_MAX)
        return NULL;
    apps->rows = bp_realloc(apps->rows, apps->count + 1, sizeof *apps->rows);
    struct app *app = &apps->rows[apps->count++];
    *app = (struct app){.argv = NULL};
    return app;
}

void app_add_word(struct app *app, const char *word)
{
    app->argv = bp_realloc(app->argv, app->argc + 1, sizeof *app->argv);
    app->argv[app->argc++] = bp_strdup(word);
}

void app_add_variable(struct app *app, char *take_variable)
{
    app->env = bp_realloc(app->env, app->env_count + 1, sizeof *app->env);
    app->env[app->env_count++] = take_variable;
}

void app_add_range(struct app *app, uint32_t first, uint32_t count)
{
    app->ranks += count;
    if (app->range_count > 0) {
        struct app_range *last = &app->ranges[app->range_count - 1];
        if (last->first + last->count == first) {
            last->count += count;
            return;
        }
    }
    app->ranges = bp_realloc(app->ranges, app->range_count + 1, sizeof *app->ranges);
    app->ranges[app->range_count++] = (struct app_range){.first = first, .count = count};
}

static void app_done(struct app *app)
{
    for (size_t i = 0; i < app->argc; i++)
        free(app->argv[i]);
    for (size_t i = 0; i < app->env_count; i++)
        free(app->env[i]);
    free(app->argv);
    free(app->env);
    free(app->cwd);
    hosts_done(&app->hosts);
    free(app->ranges);
}

void apps_done(struct apps *apps)
{
    for (size_t i = 0; i < apps->count; i++)
        app_done(&apps->rows[i]);
    free(apps->rows);
    *apps = (struct apps){0};
}

static size_t app_bytes(const struct app *app)
{
    size_t bytes = app->cwd != NULL ? strlen(app->cwd) + 1 : 0;
    for (size_t i = 0; i < app->argc; i++)
        bytes += strlen(app->argv[i]) + 1;
    for (size_t i = 0; i < app->env_count; i++)
        bytes += strlen(app->env[i]) + 1;
    return bytes;
}

int apps_check(const struct apps *apps, struct bp_error *err)
{
    for (size_t i = 0; i < apps->count; i++) {
        size_t bytes = app_bytes(&apps->rows[i]);
        if (bytes > APP_BYTES_MAX)
            return bp_error_set(err, -E2BIG, "program %zu (%.64s): its words and variables have "
                                "%zu bytes; a job of several programs may have %d for each",
                                i + 1, apps->rows[i].argv[0], bytes, APP_BYTES_MAX);
    }
    return 0;
}

int apps_number(struct apps *apps, struct bp_error *err)
{
    apps->ranks = 0;
    for (size_t i = 0; i < apps->count; i++) {
        struct app *app = &apps->rows[i];
        uint32_t ranks = app->ranks;
        if (ranks == 0)
            return bp_error_set(err, -EINVAL, "how many ranks run program %zu (%.64s)? say so in "
                                "front of it: --np N", i + 1, app->argv[0]);
        if (ranks > APP_RANKS_MAX - apps->ranks)
            return bp_error_set(err, -E2BIG, "more than %d ranks", APP_RANKS_MAX);
        app->ranks = 0;
        app_add_range(app, apps->ranks, ranks);
        apps->ranks += ranks;
    }
    return 0;
}

static Bpmix__RankRange **range_messages(const struct app *app)
{
    size_t count = app->range_count;
    Bpmix__RankRange **list = bp_calloc(count, sizeof *list + sizeof **list);
    Bpmix__RankRange *rows = (Bpmix__RankRange *)(list + count);
    for (size_t i = 0; i < count; i++) {
        bpmix__rank_range__init(&rows[i]);
        rows[i].first = app->ranges[i].first;
        rows[i].count = app->ranges[i].count;
        list[i] = &rows[i];
    }
    return list;
}

Bpmix__App **apps_messages(const struct apps *apps)
{
    Bpmix__App **list = bp_calloc(apps->count, sizeof *list + sizeof **list);
    Bpmix__App *rows = (Bpmix__App *)(list + apps->count);
    for (size_t i = 0; i < apps->count; i++) {
        const struct app *app = &apps->rows[i];
        bpmix__app__init(&rows[i]);
        rows[i].argv = app->argv;
        rows[i].n_argv = app->argc;
        rows[i].env = app->env;
        rows[i].n_env = app->env_count;
        if (app->cwd != NULL)
            rows[i].cwd = app->cwd;
        rows[i].expand = app->expand;
        rows[i].ranks = range_messages(app);
        rows[i].n_ranks = app->range_count;
        list[i] = &rows[i];
    }
    return list;
}

void apps_messages_free(Bpmix__App **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i]->ranks);
    free(list);
}
