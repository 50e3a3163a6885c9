/* SPDX-License-Identifier: BSD-3-Clause */
/* plan.h - a placement being made: the nodes in play (seats), the spots that ranks get on them, and
 * which rank gets which spot. */
#ifndef BP_PLACEMENT_PLAN_H
#define BP_PLACEMENT_PLAN_H

#include "placement/units.h"

/* How nodes take turns. */
enum bp_over {
    BP_OVER_FILL,   /* one after the other */
    BP_OVER_ROUNDS, /* a rank each in turn */
    BP_OVER_SPAN,   /* a rank for each object in turn */
    BP_OVER_PLANE,  /* `plane` ranks each in turn */
    BP_OVER_EACH,   /* as seat_of says */
};

/* How a rank finds its units on a node. */
enum bp_seek {
    BP_SEEK_SPREAD,  /* where least is taken */
    BP_SEEK_PACK,    /* the first ones */
    BP_SEEK_CYCLE,   /* objects of `level` in turn */
    BP_SEEK_FILL,    /* objects of `level` one after the other */
    BP_SEEK_SCATTER, /* one unit from each package in turn */
    BP_SEEK_DEVICE,  /* near the devices in turn */
    BP_SEEK_LIST,    /* the CPUs of pe_list, in that order */
    BP_SEEK_ROW,     /* what the rankfile says */
};

/* In which order ranks get the spots. */
enum bp_number {
    BP_NUMBER_DEALT, /* as they were dealt */
    BP_NUMBER_NODES, /* node by node, there as dealt */
    BP_NUMBER_ORDER, /* node by node, there in the machine's order */
    BP_NUMBER_TURNS, /* the nodes in turn */
    BP_NUMBER_SPAN,  /* the objects of all nodes in turn */
};

struct bp_policy {
    enum bp_over over;
    enum bp_seek seek;
    enum bp_level level;  /* of the objects */
    uint32_t plane;
    uint32_t limit;       /* most ranks on an object; 0 = any */
    bool strict;          /* a rank must fit into one object */
    bool fresh;           /* threads: those of cores that have no rank yet first */
    bool threads;         /* units are hardware threads */
    bool sorted;          /* ranks side by side are so on the node too */
    enum bp_number number;
    enum bp_device_kind device;
};

struct bp_seat {
    size_t index; /* into the nodes given to bp_place */
    int number;
    const struct bp_hardware *hardware;
    struct bp_units units;
    uint32_t slots; /* ranks that the user gave it; 0 = any number */
    uint32_t most;  /* ranks that it may have, whatever else was said; 0 = any number */
    uint32_t bare;  /* mentions of it as a host without a number of slots */
    uint32_t ranks;
    bool full;
    bool busy;            /* wanted for this job alone, but there is another */
    uint32_t score;       /* while nodes are chosen: ranks it could take; then its weight */
    uint32_t next_device; /* where devices take turns */
};

/* What a rank gets. */
struct bp_spot {
    uint32_t seat;
    uint32_t first, count; /* its units: that part of plan->units */
    uint32_t object;       /* around its first unit, at the policy's level */
    uint32_t gpus;         /* its GPUs: from there on in plan->gpus, plan->gpus_each of them */
    uint32_t lead;         /* the device it was put near; BP_NOWHERE = none */
};

struct bp_plan {
    const struct bp_place_request *request;
    const struct bp_place_node *nodes;
    size_t node_count;
    struct bp_policy policy;
    struct bp_machine *machines;
    size_t machine_count;
    struct bp_machine **machine_of; /* by index of node */
    struct bp_seat *seats;          /* in the job's node order */
    size_t seat_count;
    size_t listed;     /* the first seats are those that the user named */
    uint32_t *seat_of; /* by rank, for BP_OVER_EACH */
    uint32_t ranks;
    uint32_t cpus;      /* units a rank, at least 1 */
    uint32_t per_node;  /* most ranks on a node */
    uint32_t gpus_each; /* GPUs a rank */
    bool all_seats;     /* every seat must get a rank */
    bool idle;          /* as if there were no other jobs */
    bool gpus_shared;   /* more ranks than GPUs: each may have several ranks */
    uint32_t pass;      /* over the seats while ranks are dealt, from 1 */
    bool crowded;       /* more ranks than CPUs: they share those that are free */
    bool unclaimed;     /* the ranks take nothing from anybody (bpsh) */
    bool overload;      /* a CPU may have several ranks */
    struct bp_spot *spots;
    uint32_t spot_count;
    uint32_t *units; /* rows of spots */
    size_t unit_count, unit_room;
    uint32_t *gpus;
    size_t gpu_count;
    uint32_t *order; /* spot of each rank */
    struct bp_map *map;
};

void bp_map_warn(struct bp_map *map, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What --map-by names: "L3". */
const char *bp_plan_object(const struct bp_plan *plan);
/* "core" or "hardware thread"; with an s if count is not 1. */
const char *bp_plan_unit(const struct bp_plan *plan, uint32_t count);
/* "-c 8", "pe=8", ...: how the user said the CPUs of a rank; to be freed. */
char *bp_plan_cpus_word(const struct bp_plan *plan);

/* machine.c: find the computers, with what other jobs have taken; start over from there. */
void bp_machines_find(struct bp_plan *plan);
void bp_machines_reset(struct bp_plan *plan);

/* policy.c: what the request's words mean together. 0 or -EINVAL. */
int bp_policy_find(struct bp_policy *policy, const struct bp_place_request *request,
                   struct bp_error *err);

/* seat.c: a seat for a node that is in play, and what a rank would find there. */
void bp_seat_init(struct bp_seat *seat, const struct bp_plan *plan, size_t index);
uint32_t bp_seat_room(const struct bp_plan *plan, const struct bp_seat *seat);
uint32_t bp_seat_limit(const struct bp_plan *plan, const struct bp_seat *seat); /* ranks at most */
uint64_t bp_seat_quota(const struct bp_plan *plan, const struct bp_seat *seat); /* of ppr */
/* Leave out the seats that are too small for one rank: -ENOSPC if none is left, or if one was named
 * by the user. */
int bp_seats_drop_small(struct bp_plan *plan, struct bp_error *err);

/* choice.c: which nodes are in play, and how many ranks there are. */
int bp_plan_choose(struct bp_plan *plan, struct bp_error *err);

/* count.c: how many ranks the options make, and nodes wanted: 0 = as many as it takes. 0 or
 * negative errno. */
int bp_plan_count_ranks(struct bp_plan *plan, uint32_t *ret_nodes, struct bp_error *err);
/* Fewer seats than -N's most were found: what follows from their number is counted again. */
void bp_plan_count_again(struct bp_plan *plan);

/* seek.c: take units for one more rank of the seat, near the device if there is one; false: there
 * are none. */
bool bp_seat_seek(struct bp_plan *plan, struct bp_seat *seat, const struct bp_device *device,
                  uint32_t *row);

/* exact.c: what the user named CPU by CPU. Such a rank's units; -EAGAIN: another job has them. */
int bp_seat_seek_exact(struct bp_plan *plan, struct bp_seat *seat, uint32_t rank,
                       struct bp_spot *spot, struct bp_error *err);
int bp_plan_check_exact(struct bp_plan *plan, struct bp_error *err);

/* device.c: the device that the next rank of the seat should be near (NULL = any), and its GPUs. */
uint32_t bp_device_distance(const struct bp_hardware *hardware, const struct bp_slot *slot,
                            const struct bp_device *device);
/* The GPUs of --gpu-bind map: -ENOSPC if one is not there. */
int bp_seat_check_gpus(const struct bp_plan *plan, const struct bp_seat *seat,
                       struct bp_error *err);
/* The k-th GPU of that local rank by --gpu-bind map. */
uint32_t bp_mapped_gpu(const struct bp_plan *plan, const struct bp_seat *seat, uint32_t local,
                       uint32_t k);
bool bp_seat_has_gpus(const struct bp_plan *plan, const struct bp_seat *seat);
uint32_t bp_seat_lead_device(const struct bp_plan *plan, struct bp_seat *seat);
void bp_seat_take_gpus(struct bp_plan *plan, struct bp_seat *seat, uint32_t lead,
                       struct bp_spot *spot);
/* The first CPU that map_cpu or mask_cpu names for that local rank. */
const struct bp_slot *bp_named_slot(const struct bp_plan *plan, const struct bp_seat *seat,
                                    uint32_t local);
uint32_t bp_nearest_nic(const struct bp_hardware *hardware, const struct bp_slot *slot);

/* deal.c: spots for all ranks. 0; -EAGAIN: they do not fit; another error: never. */
int bp_plan_deal(struct bp_plan *plan, struct bp_error *err);
uint32_t *bp_plan_row(struct bp_plan *plan, uint32_t count); /* room for a spot's units */

/* crowd.c: spots for more ranks than CPUs, and the warning. -EAGAIN: a node has no free core. */
int bp_plan_crowd(struct bp_plan *plan, struct bp_error *err);
uint32_t bp_plan_count(struct bp_plan *plan, bool with_used);

/* number.c: which rank gets which spot. */
void bp_plan_number(struct bp_plan *plan);

/* Is a PU one of pe_list's, if there is such a list? */
bool bp_plan_wants(const struct bp_plan *plan, uint32_t pu);

/* mask.c: add to a mask (of the machine's bytes) what the spot is bound to by --bind-to; or what
 * the ranks of a crowded seat share: CPUs that no other job has, of pe-list if the user gave one.
 * And a mask becomes that of all cores it touches. */
void bp_mask_bind(const struct bp_plan *plan, const struct bp_seat *seat,
                  const struct bp_spot *spot, uint8_t *mask);
void bp_mask_shared(const struct bp_plan *plan, const struct bp_seat *seat, uint8_t *mask);
void bp_mask_whole_cores(const struct bp_units *units, uint8_t *mask, size_t bytes);

/* map.c: the finished plan as a map. */
void bp_map_fill(struct bp_map *map, const struct bp_plan *plan);

#endif
