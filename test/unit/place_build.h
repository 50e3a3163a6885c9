/* SPDX-License-Identifier: BSD-3-Clause */
/* place_build.h - made-up computers for the placement tests. */
#ifndef BP_TEST_PLACE_BUILD_H
#define BP_TEST_PLACE_BUILD_H

#include <stdio.h>
#include <string.h>

#include "placement/placement.h"

/* packages x NUMA nodes x L3 caches x cores x threads; numbers as Linux gives them: all first
 * threads first. The last `slow` cores are of kind 0, the others of kind 1 (all 0 if slow is 0).
 * Each core has an L1, each pair of cores an L2. */
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
                .l1 = core,
                .l2 = core / b->cores * ((b->cores + 1) / 2) + core % b->cores / 2,
                .l3 = core / b->cores,
                .numa = core / b->cores / b->l3s,
                .package = core / b->cores / b->l3s / b->numas,
                .kind = b->slow > 0 && core < total - b->slow ? 1 : 0,
            };
    return count;
}

/* `gpus` GPUs, dealt over the NUMA nodes from the last one down, then a NIC on each package;
 * devices has room for all. Returns how many. */
static inline size_t build_devices(const struct build *b, unsigned gpus, struct bp_device *devices)
{
    unsigned numas = b->packages * b->numas;
    size_t count = 0;
    for (unsigned i = 0; i < gpus + b->packages; i++) {
        struct bp_device *d = &devices[count++];
        unsigned numa = i < gpus ? numas - 1 - i % numas : (i - gpus) * b->numas;
        *d = (struct bp_device){.kind = i < gpus ? BP_DEVICE_GPU : BP_DEVICE_NIC,
                                .vendor = BP_VENDOR_NVIDIA,
                                .numa = numa,
                                .package = numa / b->numas,
                                .l3 = BP_NOWHERE};
        snprintf(d->name, sizeof d->name, "%s%u", i < gpus ? "gpu" : "nic", i);
    }
    return count;
}

#endif
