/* SPDX-License-Identifier: BSD-3-Clause */
/* placement.h - who runs where: the nodes' CPUs and a user's request become a map of ranks. */
#ifndef BP_PLACEMENT_PLACEMENT_H
#define BP_PLACEMENT_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cpuset.h"
#include "common/error.h"
#include "common/nodeset.h"

#define BP_SLOTS_MAX       BP_CPUS_MAX
#define BP_SLOTS_TEXT_MAX  (BP_SLOTS_MAX * 48u) /* bytes of the longest text of bp_slots_format */
#define BP_PLACE_RANKS_MAX 65536
#define BP_PLACE_NODES_MAX 65536

/* One hardware thread that a node may use. All numbers are below BP_CPUS_MAX; equal numbers of
 * core, l3, numa, package and kind mean the same object of that computer. */
struct bp_slot {
    uint32_t pu; /* the operating system's number */
    uint32_t core;
    uint32_t l3;
    uint32_t numa;
    uint32_t package;
    uint32_t kind; /* of core; higher is faster */
};

/* Refuse slots a liar made up: too many, a number out of bounds, a PU named twice. 0 or -EINVAL. */
int bp_slots_check(const struct bp_slot *slots, size_t count, struct bp_error *err);

/* The text `bptopo` prints: "bpslots 1 COUNT", then COUNT lines "slot PU core l3 numa package
 * kind". The caller frees it. */
char *bp_slots_format(const struct bp_slot *slots, size_t count);

/* Read exactly such a text of length bytes (no NUL needed). The caller frees *ret_slots; they have
 * passed bp_slots_check. 0 or -EINVAL: garbage, a cut text or anything behind it. */
int bp_slots_parse(const char *text, size_t length, struct bp_slot **ret_slots, size_t *ret_count,
                   struct bp_error *err);

enum bp_map_by { BP_MAP_DEFAULT, BP_MAP_SLOT, BP_MAP_CORE, BP_MAP_NODE };
enum bp_bind_to { BP_BIND_DEFAULT, BP_BIND_NONE, BP_BIND_CORE };

/* What a user asked for; 0 or NULL = not said. */
struct bp_place_request {
    uint32_t ranks;          /* -n */
    uint32_t nodes_min;      /* -N */
    uint32_t ranks_per_node; /* --ntasks-per-node */
    uint32_t cpus_per_rank;  /* -c: cores */
    const int *list;         /* -w: node numbers */
    size_t list_count;
    const int *exclude; /* -x: node numbers; unknown ones do not matter */
    size_t exclude_count;
    enum bp_map_by map_by;
    enum bp_bind_to bind_to;
    bool one_each; /* bpsh: one rank for each entry of list, in its order */
};

/* Turn the words of the command line ("" or NULL = not said) into *request's map_by and bind_to. 0
 * or -EINVAL. */
int bp_place_words(const char *map_by, const char *bind_to, struct bp_place_request *request,
                   struct bp_error *err);

/* A node the job may use. Numbers are BP_NODE_MASTER to BP_NODE_NUMBER_MAX, each once. */
struct bp_place_node {
    int number;
    uint32_t machine; /* nodes with equal numbers stand on one computer and share its CPUs */
    const struct bp_slot *slots; /* allowed CPUs; passed bp_slots_check */
    size_t slot_count;
    const uint8_t *used; /* CPUs of other jobs, a mask; NULL = none */
    size_t used_bytes;
};

struct bp_map_rank {
    uint32_t node;       /* index into the map's nodes */
    uint32_t local;      /* rank's number on its node, from 0 */
    const uint8_t *cpus; /* mask for sched_setaffinity */
    size_t cpus_bytes;   /* 0 = unbound: the rank inherits what the node's agent may use */
};

struct bp_map_node {
    int number;
    size_t index; /* into the nodes given to bp_place */
    uint32_t ranks;
    /* CPUs the job occupies: add them to `used` while it runs. Also set for bind none, where ranks
     * carry no mask; 0 bytes when CPUs are shared. */
    const uint8_t *taken;
    size_t taken_bytes;
};

struct bp_map {
    struct bp_map_rank *ranks; /* by rank */
    uint32_t rank_count;
    struct bp_map_node *nodes; /* the job's nodes in its order, each with at least one rank */
    uint32_t node_count;
    char **warnings; /* sentences for the user */
    size_t warning_count;
    uint8_t *masks; /* memory of all masks */
};

/* Place a job (README.md has the rules). Deterministic. 0, -EINVAL (a request that contradicts
 * itself), -ENOENT (a node that is not there), -ENOSPC (no node is big enough), -E2BIG. */
int bp_place(const struct bp_place_request *request, const struct bp_place_node *nodes,
             size_t node_count, struct bp_map **ret_map, struct bp_error *err);
void bp_map_free(struct bp_map *map);

/* The map as bytes of this computer, to be read by the same program; the caller frees them. */
uint8_t *bp_map_pack(const struct bp_map *map, size_t *ret_length);
/* 0, or -EINVAL: cut, too long, or ranks on nodes that are not in it. */
int bp_map_unpack(const uint8_t *bytes, size_t length, struct bp_map **ret_map);

/* "rank 0 on n1: core 0 (CPUs 0,8)"; with no slots given (slot_count 0): "rank 0 on n1: CPUs 0,8";
 * with no mask: "rank 0 on n1: not bound". The caller frees it. */
char *bp_map_line(uint32_t rank, int node, const uint8_t *cpus, size_t cpus_bytes,
                  const struct bp_slot *slots, size_t slot_count);

#endif
