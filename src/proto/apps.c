/* SPDX-License-Identifier: BSD-3-Clause */
/* apps.c - a job of several programs: which rank runs which. */
#include <errno.h>

#include "common/mem.h"
#include "proto/apps.h"

#define NOBODY UINT32_MAX

/* The ranks of one range become those of the program. */
static int claim(struct bp_app_rank *ranks, uint32_t rank_count, const Bpmix__RankRange *range,
                 struct bp_app_rank next, struct bp_error *err)
{
    if (range->count == 0 || range->first >= rank_count ||
        range->count > rank_count - range->first)
        return bp_error_set(err, -EINVAL, "program %u is for ranks that the job has not (%u and "
                            "%u more)", next.app, range->first, range->count);
    for (uint32_t i = 0; i < range->count; i++, next.place++) {
        struct bp_app_rank *rank = &ranks[range->first + i];
        if (rank->app != NOBODY)
            return bp_error_set(err, -EINVAL, "rank %u has two programs", range->first + i);
        *rank = next;
    }
    return 0;
}

static int claim_all(struct bp_app_rank *ranks, uint32_t rank_count, const Bpmix__App *app,
                     uint32_t index, struct bp_error *err)
{
    struct bp_app_rank next = {.app = index};
    if (app->n_argv == 0 || app->n_ranks == 0 || (app->cwd[0] != '\0' && app->cwd[0] != '/'))
        return bp_error_set(err, -EINVAL, "program %u has no words, no ranks, or a working "
                            "directory that is no absolute path", index);
    for (size_t i = 0; i < app->n_ranks; i++) {
        int r = claim(ranks, rank_count, app->ranks[i], next, err);
        if (r < 0)
            return r;
        next.place += app->ranks[i]->count;
    }
    return 0;
}

int bp_apps_ranks(Bpmix__App *const *apps, size_t count, uint32_t rank_count,
                  struct bp_app_rank **ret_ranks, struct bp_error *err)
{
    auto_free struct bp_app_rank *ranks = bp_calloc(rank_count, sizeof *ranks);
    for (uint32_t i = 0; i < rank_count; i++)
        ranks[i].app = NOBODY;
    for (size_t i = 0; i < count; i++) {
        int r = claim_all(ranks, rank_count, apps[i], (uint32_t)i, err);
        if (r < 0)
            return r;
    }
    for (uint32_t i = 0; i < rank_count; i++)
        if (ranks[i].app == NOBODY)
            return bp_error_set(err, -EINVAL, "rank %u has no program", i);
    *ret_ranks = bp_take_ptr(ranks);
    return 0;
}
