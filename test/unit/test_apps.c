/* SPDX-License-Identifier: BSD-3-Clause */
/* test_apps.c - which rank runs which program, and what a peer can lie about it. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "proto/apps.h"
#include "tap.h"

#define APPS_MAX   4
#define RANGES_MAX 4

/* "0-1,4 2-3": the ranges of two programs (from - to); "" has none. */
struct request {
    Bpmix__App rows[APPS_MAX], *apps[APPS_MAX];
    Bpmix__RankRange ranges[APPS_MAX][RANGES_MAX], *lists[APPS_MAX][RANGES_MAX];
    char *word;
    size_t count;
};

static void add_range(struct request *request, const char *text)
{
    Bpmix__App *app = &request->rows[request->count - 1];
    Bpmix__RankRange *range = &request->ranges[request->count - 1][app->n_ranks];
    unsigned first, last;
    bpmix__rank_range__init(range);
    int got = sscanf(text, "%u-%u", &first, &last);
    range->first = first;
    range->count = got == 2 ? last - first + 1 : 1;
    app->ranks = request->lists[request->count - 1];
    app->ranks[app->n_ranks++] = range;
}

static void request_init(struct request *request, const char *text)
{
    memset(request, 0, sizeof *request);
    auto_free char *copy = bp_strdup(text);
    request->word = (char *)"program";
    char *rest = copy;
    for (char *app; (app = strsep(&rest, " ")) != NULL;) {
        Bpmix__App *row = &request->rows[request->count];
        bpmix__app__init(row);
        row->argv = &request->word;
        row->n_argv = 1;
        request->apps[request->count++] = row;
        for (char *range; (range = strsep(&app, ",")) != NULL;)
            if (range[0] != '\0')
                add_range(request, range);
    }
}

/* "0/0 0/1 1/0": program and place of each rank; or the sentence. */
static void expect(const char *text, uint32_t ranks, const char *want)
{
    struct request request;
    struct bp_error err = {0};
    auto_free struct bp_app_rank *found = NULL;
    char got[256] = "";
    size_t used = 0;
    request_init(&request, text);
    int r = bp_apps_ranks(request.apps, request.count, ranks, &found, &err);
    for (uint32_t i = 0; r == 0 && i < ranks; i++)
        used += (size_t)snprintf(got + used, sizeof got - used, "%s%u/%u", i > 0 ? " " : "",
                                 found[i].app, found[i].place);
    CU_ASSERT_EQUAL(r < 0, found == NULL);
    const char *result = r < 0 ? err.text : got;
    if (strcmp(result, want) != 0)
        printf("# %s gives %s, not %s\n", text, result, want);
    CU_ASSERT_STRING_EQUAL(result, want);
}

static void by_rank(void)
{
    expect("0-1 2", 3, "0/0 0/1 1/0");
    expect("1,3 0,2,4", 5, "1/0 0/0 1/1 0/1 1/2");
    expect("3,0-1 2", 4, "0/1 0/2 1/0 0/0");
}

static void lies(void)
{
    expect("0-1 1-2", 3, "rank 1 has two programs");
    expect("0-1,1", 2, "rank 1 has two programs");
    expect("0 2", 3, "rank 1 has no program");
    expect("0-3", 3, "program 0 is for ranks that the job has not (0 and 4 more)");
    expect("3", 3, "program 0 is for ranks that the job has not (3 and 1 more)");
    expect("4294967295", 3, "program 0 is for ranks that the job has not (4294967295 and 1 more)");
    expect("1-4294967295", 3,
           "program 0 is for ranks that the job has not (1 and 4294967295 more)");
    expect("1-0", 3, "program 0 is for ranks that the job has not (1 and 0 more)");
    static const char sentence[] =
        "program 1 has no words, no ranks, or a working directory that is no absolute path";
    expect("0 ", 1, sentence);
    for (int i = 0; i < 2; i++) {
        struct request request;
        struct bp_error err = {0};
        struct bp_app_rank *found = NULL;
        request_init(&request, "0 1");
        if (i == 0)
            request.rows[1].n_argv = 0;
        else
            request.rows[1].cwd = (char *)"usr";
        CU_ASSERT_TRUE(bp_apps_ranks(request.apps, 2, 2, &found, &err) < 0);
        CU_ASSERT_STRING_EQUAL(err.text, sentence);
    }
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"each rank's program, and its place there", by_rank},
        {"what does not fit together", lies},
        {NULL, NULL},
    };
    return bp_tap_run("apps", tests);
}
