/* SPDX-License-Identifier: BSD-3-Clause */
/* placement.h - who runs where: what the nodes have and a user's request become a map of ranks. */
#ifndef BP_PLACEMENT_PLACEMENT_H
#define BP_PLACEMENT_PLACEMENT_H

#include "common/nodeset.h"
#include "placement/hardware.h"
#include "placement/request.h"

#define BP_PLACE_RANKS_MAX 65536
#define BP_PLACE_NODES_MAX 65536

/* A node the job may use. Numbers are BP_NODE_MASTER to BP_NODE_NUMBER_MAX, each once. */
struct bp_place_node {
    int number;
    uint32_t machine; /* nodes with equal numbers stand on one computer and share what it has */
    const struct bp_hardware *hardware; /* what the node may use; passed bp_hardware_check */
    const uint8_t *used;                /* CPUs of other jobs, a mask; NULL = none */
    size_t used_bytes;
    const uint8_t *used_devices; /* by index, a mask; NULL = none */
    size_t used_devices_bytes;
};

struct bp_map_rank {
    uint32_t node;       /* index into the map's nodes */
    uint32_t local;      /* rank's number on its node, from 0 */
    const uint8_t *cpus; /* mask for sched_setaffinity */
    size_t cpus_bytes;   /* 0 = unbound: the rank inherits what the node's agent may use */
    const uint8_t *mems; /* NUMA nodes by the kernel's numbers, a mask for set_mempolicy */
    size_t mems_bytes;   /* 0 = not bound */
    const uint32_t *gpus; /* indexes into the node's devices */
    uint32_t gpu_count;
    uint32_t nic; /* the nearest one's index; BP_NOWHERE = none */
};

struct bp_map_node {
    int number;
    size_t index; /* into the nodes given to bp_place */
    uint32_t ranks;
    /* CPUs and devices the job occupies: add them to `used` while it runs. Also set where ranks
     * carry no mask. */
    const uint8_t *taken;
    size_t taken_bytes;
    const uint8_t *taken_devices;
    size_t taken_devices_bytes;
};

struct bp_map {
    struct bp_map_rank *ranks; /* by rank */
    uint32_t rank_count;
    struct bp_map_node *nodes; /* the job's nodes in its order, each with at least one rank */
    uint32_t node_count;
    bool shared;     /* more ranks than CPUs: the masks of a node's ranks are the same */
    char **warnings; /* sentences for the user */
    size_t warning_count;
    uint8_t *masks; /* memory of all masks */
    uint32_t *gpus; /* memory of all GPUs */
};

/* Place a job (README.md has the rules). Deterministic. 0; -EAGAIN: not beside the other jobs, but
 * on the same nodes without them (the sentence says what is short); or never: -EINVAL (a request
 * that contradicts itself), -ENOENT (a node that is not there), -ENOSPC (no node is big enough),
 * -E2BIG. */
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
