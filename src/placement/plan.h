/* SPDX-License-Identifier: BSD-3-Clause */
/* plan.h - a placement being made: the nodes in play (seats), how many ranks each has, and in what
 * order the ranks are numbered. */
#ifndef BP_PLACEMENT_PLAN_H
#define BP_PLACEMENT_PLAN_H

#include "placement/cores.h"

struct bp_seat {
    size_t index; /* into the nodes given to bp_place */
    int number;
    struct bp_cores cores;
    uint32_t ranks;
    uint32_t *units; /* ranks x plan.cpus indexes of cores, in the order taken */
    uint32_t units_room;
    bool full;
    uint32_t score; /* while nodes are chosen: ranks it could take */
};

struct bp_plan {
    const struct bp_place_request *request;
    const struct bp_place_node *nodes;
    size_t node_count;
    struct bp_machine *machines;
    size_t machine_count;
    struct bp_machine **machine_of; /* by index of node */
    struct bp_seat *seats;          /* in the job's node order */
    size_t seat_count;
    size_t listed;     /* the first seats are -w's */
    uint32_t *seat_of; /* by rank */
    uint32_t ranks;
    uint32_t cpus;     /* cores a rank, at least 1 */
    uint32_t per_node; /* most ranks on a node */
    bool all_seats;    /* every seat must get a rank */
    bool shared;       /* the ranks do not fit: CPUs are shared, nothing is bound */
    struct bp_map *map;
};

void bp_map_warn(struct bp_map *map, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* machine.c: find the computers, with what other jobs have taken; start over from there. */
void bp_machines_find(struct bp_plan *plan);
void bp_machines_reset(struct bp_plan *plan, bool with_used);

/* choice.c: which nodes are in play, and how many ranks there are. */
int bp_plan_choose(struct bp_plan *plan, struct bp_error *err);

/* deal.c: how many ranks on which seat, on which cores, or on shared CPUs. */
void bp_plan_deal(struct bp_plan *plan);

/* map.c: the finished plan as a map. */
void bp_map_fill(struct bp_map *map, struct bp_plan *plan);

#endif
