/* SPDX-License-Identifier: BSD-3-Clause */
/* apps.h - a job of several programs: which rank runs which. */
#ifndef BP_PROTO_APPS_H
#define BP_PROTO_APPS_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "proto/bpmix.pb-c.h"

struct bp_app_rank {
    uint32_t app;   /* index of its program */
    uint32_t place; /* its number among that program's ranks */
};

/* Look the programs up by rank: *ret_ranks, rank_count of them, is the caller's. -EINVAL unless
 * each program has words and a rank, each rank from 0 to rank_count - 1 runs exactly one, and
 * working directories are absolute paths. */
int bp_apps_ranks(Bpmix__App *const *apps, size_t count, uint32_t rank_count,
                  struct bp_app_rank **ret_ranks, struct bp_error *err);

#endif
