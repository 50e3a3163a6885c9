/* SPDX-License-Identifier: BSD-3-Clause */
/* cores.h - the cores of one node in placement order, and taking some of them for a rank. */
#ifndef BP_PLACEMENT_CORES_H
#define BP_PLACEMENT_CORES_H

#include "placement/placement.h"

/* A computer: the nodes on it share one mask of CPUs taken, by other jobs and by this one. */
struct bp_machine {
    uint32_t id;
    uint8_t *taken;
    size_t taken_bytes;
    uint32_t seats;    /* nodes of the job's choice that stand on it */
    uint32_t promised; /* cores counted on while nodes are chosen */
};

/* Nested groups of cores, outermost first; each is an interval of the node's cores. */
enum bp_level {
    BP_LEVEL_NODE,
    BP_LEVEL_KIND,
    BP_LEVEL_PACKAGE,
    BP_LEVEL_NUMA,
    BP_LEVEL_L3,
    BP_LEVELS
};

struct bp_domain {
    uint32_t first, end; /* interval of cores */
    uint32_t load;       /* cores taken here through this node */
    uint32_t free;       /* cores nobody has; fresh only inside bp_cores_take */
};

struct bp_core {
    uint32_t first, end;        /* its interval of slots */
    uint32_t domain[BP_LEVELS]; /* index of the domain it is in, at each level */
};

struct bp_cores {
    struct bp_slot *slots; /* sorted: faster kinds first, then as the computer is built */
    size_t slot_count;
    struct bp_core *cores;
    uint32_t count;
    struct bp_domain *domains[BP_LEVELS];
    uint32_t domain_count[BP_LEVELS];
    struct bp_machine *machine;
};

/* machine is borrowed and must hold every PU of slots. */
void bp_cores_init(struct bp_cores *cores, const struct bp_slot *slots, size_t slot_count,
                   struct bp_machine *machine);
void bp_cores_done(struct bp_cores *cores);

uint32_t bp_cores_free(const struct bp_cores *cores);

/* Take `want` free cores for one rank: in the smallest domain that still fits them, of the fastest
 * kind that does, where this job has taken least, side by side if possible. False: not that many
 * are free. ret_units gets the cores' indexes, ascending. */
bool bp_cores_take(struct bp_cores *cores, uint32_t want, uint32_t *ret_units);

/* Take every free core; how many they were. */
uint32_t bp_cores_take_all(struct bp_cores *cores);

/* Add all PUs of the cores `units` to mask. */
void bp_cores_mask(const struct bp_cores *cores, const uint32_t *units, uint32_t count,
                   uint8_t *mask, size_t bytes);

#endif
