/* SPDX-License-Identifier: BSD-3-Clause */
/* map.h - the job as this node was told it: which rank lives on which node, which have ended. */
#ifndef BP_PMIX_MAP_H
#define BP_PMIX_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "proto/apps.h"

#define BP_NSPACE_MAX   255 /* PMIX_MAX_NSLEN */
#define BP_NODE_NONE    SIZE_MAX
#define BP_RANKS_MAX    (1u << 22)

struct bp_map_node {
    int32_t number;  /* the node's number in the cluster; addresses frames */
    char *name;      /* its host name */
    uint32_t *ranks; /* by local rank */
    size_t rank_count;
};

struct bp_map {
    char nspace[BP_NSPACE_MAX + 1];
    struct bp_map_node *nodes; /* in map order; "index" below is a position in it */
    size_t node_count;
    size_t self;        /* index of this node */
    uint32_t rank_count;
    uint32_t *node_of;  /* by rank: index of its node */
    uint32_t *local_of; /* by rank: its local rank */
    bool *gone;         /* by rank */
    struct bp_app_rank *app_of; /* by rank: its program, of app_count; NULL = there is only one */
    uint32_t app_count;
};

/* Check and copy what bpnode sent. Every rank 0..n-1 must stand on exactly one node, names and
 * numbers must differ. -EINVAL. */
int bp_map_new(const Bpmix__PmixJob *job, struct bp_map **ret_map, struct bp_error *err);
void bp_map_free(struct bp_map *map);

/* Index of the node with this number, or BP_NODE_NONE. */
size_t bp_map_index(const struct bp_map *map, int32_t number);

static inline const struct bp_map_node *bp_map_here(const struct bp_map *map)
{
    return &map->nodes[map->self];
}

#endif
