/* SPDX-License-Identifier: BSD-3-Clause */
/* place_build.h - made-up computers for the placement tests. */
#ifndef BP_TEST_PLACE_BUILD_H
#define BP_TEST_PLACE_BUILD_H

#include <string.h>

#include "placement/placement.h"

/* packages x NUMA nodes x L3 caches x cores x threads; numbers as Linux gives them: all first
 * threads first. The last `slow` cores are of kind 0, the others of kind 1 (all 0 if slow is 0). */
struct build {
    unsigned packages, numas, l3s, cores, threads, slow;
};

static inline unsigned build_cores(const struct build *b)
{
    return b->packages * b->numas * b->l3s * b->cores;
}

/* Fill slots (room for all) in bptopo's order but for the kinds; returns how many. */
static inline size_t build_slots(const struct build *b, struct bp_slot *slots)
{
    unsigned total = build_cores(b);
    size_t count = 0;
    for (unsigned thread = 0; thread < b->threads; thread++)
        for (unsigned core = 0; core < total; core++)
            slots[count++] = (struct bp_slot){
                .pu = thread * total + core,
                .core = core,
                .l3 = core / b->cores,
                .numa = core / b->cores / b->l3s,
                .package = core / b->cores / b->l3s / b->numas,
                .kind = b->slow > 0 && core < total - b->slow ? 1 : 0,
            };
    return count;
}

#endif
