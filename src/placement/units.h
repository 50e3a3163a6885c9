/* SPDX-License-Identifier: BSD-3-Clause */
/* units.h - what ranks take of one node: its cores, or its hardware threads, in placement order. */
#ifndef BP_PLACEMENT_UNITS_H
#define BP_PLACEMENT_UNITS_H

#include "placement/placement.h"

/* A computer: the nodes on it share what is taken, by other jobs and by this one. */
struct bp_machine {
    uint32_t id;
    uint8_t *used;  /* CPUs of other jobs, whole cores */
    uint8_t *taken; /* those and this job's */
    size_t bytes;   /* of both */
    uint8_t used_devices[BP_DEVICES_MAX / 8];
    uint32_t device_load[BP_DEVICES_MAX]; /* ranks of this job that have it */
    uint32_t version;                     /* of taken */
    uint32_t seats;                       /* nodes of the job's choice that stand on it */
    uint32_t promised;                    /* units counted on while nodes are chosen */
};

/* Nested groups of units, outermost first; each is an interval of the node's units. */
enum bp_level {
    BP_LEVEL_NODE,
    BP_LEVEL_KIND,
    BP_LEVEL_PACKAGE,
    BP_LEVEL_NUMA,
    BP_LEVEL_L3,
    BP_LEVEL_L2,
    BP_LEVEL_L1,
    BP_LEVEL_CORE,
    BP_LEVELS
};

struct bp_domain {
    uint32_t first, end; /* interval of units */
    uint32_t peer;       /* the first domain of this level that is of the same object */
    uint32_t load;       /* units taken here through this node */
    uint32_t free;       /* units that can be taken; fresh after bp_units_refresh */
    uint32_t ranks;      /* of a peer: ranks whose first unit is of this object */
};

struct bp_unit {
    uint32_t first, end;        /* its interval of slots */
    uint32_t domain[BP_LEVELS]; /* index of the domain it is in, at each level */
    bool is_free;
    bool closed; /* no more ranks here: the limit of an object around it is reached */
};

struct bp_units {
    struct bp_slot *slots; /* sorted: faster kinds first, then as the computer is built */
    uint32_t slot_count;
    struct bp_unit *units;
    uint32_t count;
    struct bp_domain *domains[BP_LEVELS];
    uint32_t domain_count[BP_LEVELS];
    uint32_t cursor[BP_LEVELS]; /* where domains take turns: the one that had a rank, plus 1 */
    uint32_t limit[BP_LEVELS];  /* most ranks of an object; 0 = any */
    struct bp_machine *machine;
    uint32_t version; /* of machine->taken, that is_free and free are of */
};

/* Units are hardware threads, or cores; of the CPUs in `only` (a mask; NULL = all). machine is
 * borrowed and must hold every PU of hardware. */
void bp_units_init(struct bp_units *units, const struct bp_hardware *hardware,
                   struct bp_machine *machine, bool threads, const uint8_t *only,
                   size_t only_bytes);
void bp_units_done(struct bp_units *units);

/* Count again what is free, if somebody took anything on this machine. */
void bp_units_refresh(struct bp_units *units);
uint32_t bp_units_free(struct bp_units *units);

/* Objects of that level, and the units of the biggest one (of one kind). */
uint32_t bp_units_objects(const struct bp_units *units, enum bp_level level);
uint32_t bp_units_biggest(const struct bp_units *units, enum bp_level level);
/* Units of the smallest object of a level: of all its peers together. */
uint32_t bp_units_smallest(const struct bp_units *units, enum bp_level level);

/* Take these units for one rank. */
void bp_units_take(struct bp_units *units, const uint32_t *row, uint32_t count);

/* Add all PUs of the units `row` to mask. */
void bp_units_mask(const struct bp_units *units, const uint32_t *row, uint32_t count,
                   uint8_t *mask, size_t bytes);

/* The number of the object at `level` around a slot. */
uint32_t bp_slot_object(const struct bp_slot *slot, enum bp_level level);

#endif
