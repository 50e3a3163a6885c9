/* SPDX-License-Identifier: BSD-3-Clause */
/* map_show.c - a map shown. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/std.h"
#include "lib/client.h"
#include "tools/map_json.h"
#include "tools/map_show.h"
#include "tools/text.h"

#define COLUMNS     100 /* where there is no terminal that says its own */
#define COLUMNS_MIN 60
#define COLUMNS_MAX 240

static unsigned columns_of(int fd)
{
    struct winsize size;
    unsigned columns = COLUMNS;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    return columns < COLUMNS_MIN ? COLUMNS_MIN : columns > COLUMNS_MAX ? COLUMNS_MAX : columns;
}

static bool has_colours(int fd)
{
    const char *terminal = getenv("TERM"), *refused = getenv("NO_COLOR");
    return isatty(fd) && terminal != NULL && strcmp(terminal, "dumb") != 0 &&
           (refused == NULL || refused[0] == '\0');
}

static void show_picture(const struct bp_picture *picture, FILE *out)
{
    struct bp_picture_style style = {.columns = columns_of(fileno(out)),
                                     .colour = has_colours(fileno(out))};
    auto_free char *text = bp_picture_text(picture, &style);
    fputs(text, out);
}

static void show_lines(const struct bp_picture *picture, FILE *out)
{
    for (uint32_t rank = 0; rank < picture->map->rank_count; rank++) {
        auto_free char *line = bp_picture_line(picture, rank);
        fprintf(out, "%s\n", line);
    }
}

static int write_svg(const struct bp_picture *picture, const char *path, struct bp_error *err)
{
    auto_free char *svg = bp_picture_svg(picture);
    if (strcmp(path, "-") == 0) {
        bp_std_put(svg);
        return 0; /* the end of the program tells */
    }
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return bp_error_set(err, -errno, "%s: %s", path, strerror(errno));
    int bad = fputs(svg, file) == EOF, code = errno;
    if (fclose(file) == EOF && !bad) {
        bad = 1;
        code = errno;
    }
    return bad ? bp_error_set(err, -code, "%s: %s", path, strerror(code)) : 0;
}

static int show(const struct bp_picture *picture, const struct map_options *options,
                struct bp_error *err)
{
    int r = 0;
    if (options->svg != NULL)
        r = write_svg(picture, options->svg, err);
    auto_free struct bp_app_rank *apps = NULL;
    if (r == 0 && options->json && options->app_count > 0)
        r = bp_apps_ranks(options->apps, options->app_count, picture->map->rank_count, &apps, err);
    if (r == 0 && options->json)
        map_json_print(picture, apps, stdout);
    bool asked = options->show_map || options->show_bindings;
    if (options->show_map || (!asked && !options->json && options->svg == NULL))
        show_picture(picture, stdout);
    if (options->show_bindings)
        show_lines(picture, stdout);
    return r;
}

/* The map beside the jobs that run and wait; if it has to wait for these, the map without them. */
static int place(struct map_nodes *nodes, const struct bp_asked *asked, const char *tool,
                 struct bp_map **ret_map, struct bp_error *err)
{
    const char *why = "its nodes are kept for earlier jobs"; /* if only these are in the way */
    int r = bp_place(&asked->request, nodes->rows, nodes->row_count, ret_map, err);
    for (int use = MAP_NODES_USED; r == -EAGAIN && use <= MAP_NODES_IDLE; use++) {
        map_nodes_use(nodes, (enum map_nodes_use)use);
        if (use == MAP_NODES_IDLE)
            why = err->text;
        auto_free char *plain = text_plain(why);
        r = bp_place(&asked->request, nodes->rows, nodes->row_count, ret_map, err);
        if (r == 0)
            fprintf(stderr, "%s: the job would wait: %s; then it would be:\n", tool, plain);
    }
    return r;
}

static int compute(struct map_nodes *nodes, const Bpmix__Place *asked_place,
                   const struct map_options *options, const char *tool, const char *command,
                   struct bp_error *err)
{
    struct bp_asked asked;
    struct bp_map *map = NULL;
    int r = bp_asked_init(&asked, asked_place, nodes->states, nodes->state_count, err);
    if (r < 0)
        return r;
    r = map_nodes_check(nodes, &asked, err);
    if (r == 0)
        r = place(nodes, &asked, tool, &map, err);
    if (r == 0) {
        struct bp_picture picture = {
            .map = map, .nodes = nodes->rows, .command = command, .notes = nodes->files};
        for (size_t i = 0; i < map->warning_count; i++)
            fprintf(stderr, "%s: %s\n", tool, map->warnings[i]);
        r = show(&picture, options, err);
    }
    bp_map_free(map);
    bp_asked_done(&asked);
    return r;
}

/* A job of a process that is itself in a job shares that job's CPUs. */
static Bpmix__Place shared_place(const Bpmix__Place *asked)
{
    Bpmix__Place place = *asked;
    place.overlap |= bp_client_node() >= 0;
    return place;
}

int map_show_dry(const Bpmix__Place *asked, const struct map_options *options, const char *tool,
                 const char *command)
{
    struct map_nodes nodes;
    struct bp_error err = {0};
    Bpmix__Place wanted = options->file_count > 0 ? *asked : shared_place(asked);
    int r = options->file_count > 0
                ? map_nodes_files(&nodes, options->files, options->file_count, &err)
                : map_nodes_live(&nodes, &err);
    if (r == 0) {
        r = compute(&nodes, &wanted, options, tool, command, &err);
        map_nodes_done(&nodes);
    }
    if (r == 0)
        return 0;
    auto_free char *why = text_plain(err.text);
    fprintf(stderr, "%s: %s\n", tool, why);
    return 125;
}

struct map_job *map_show_job(const Bpmix__JobMap *map, const struct map_options *wanted,
                             const char *tool, bool needed)
{
    struct bp_error err = {0};
    bool shown = wanted != NULL && (wanted->show_map || wanted->show_bindings);
    if (!needed && !shown)
        return NULL;
    struct map_job *job = map_job_new(map, &err);
    if (job == NULL) {
        fprintf(stderr, "%s: the map cannot be shown: %s\n", tool, err.text);
        return NULL;
    }
    if (shown && wanted->show_map)
        show_picture(&job->picture, stderr);
    if (shown && wanted->show_bindings)
        show_lines(&job->picture, stderr);
    return job;
}

/* Does a shell take the word as it is? */
static bool is_plain(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=./:,@%";
    return word[0] != '\0' && word[strspn(word, plain)] == '\0';
}

char *map_show_command(char *const *argv, size_t count)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? " " : "", out);
        if (is_plain(argv[i])) {
            fputs(argv[i], out);
            continue;
        }
        fputc('\'', out);
        for (const char *c = argv[i]; *c != '\0'; c++)
            fputs(*c == '\'' ? "'\\''" : (char[]){*c, '\0'}, out);
        fputc('\'', out);
    }
    fclose(out);
    return text;
}
