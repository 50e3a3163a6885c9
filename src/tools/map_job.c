/* SPDX-License-Identifier: BSD-3-Clause */
/* map_job.c - the map that bpmaster has made for a job. */
#include <errno.h>

#include "common/mem.h"
#include "tools/map_job.h"

static const struct bp_hardware unknown; /* of a node that is gone already */

static bool is_number(int32_t number)
{
    return number >= 0 && number <= BP_NODE_NUMBER_MAX;
}

static int fill_nodes(struct map_job *job, const Bpmix__JobMap *map, struct bp_error *err)
{
    job->rows = bp_calloc(map->n_nodes, sizeof *job->rows);
    job->map.nodes = bp_calloc(map->n_nodes, sizeof *job->map.nodes);
    job->map.node_count = (uint32_t)map->n_nodes;
    for (size_t i = 0; i < map->n_nodes; i++) {
        int number = map->nodes[i]->number;
        const struct bp_place_node *row = map_nodes_row(&job->all, number);
        job->rows[i] = row != NULL ? *row
                                   : (struct bp_place_node){.number = number, .hardware = &unknown};
        job->map.nodes[i] = (struct bp_map_node){.number = number, .index = i};
        if (!is_number(number))
            return bp_error_set(err, -EPROTO, "bpmaster sent a node %d", number);
    }
    return 0;
}

/* Indexes of devices that the node has: the rest is no matter of a picture. */
static void fill_devices(struct bp_map_rank *rank, const Bpmix__Rank *row,
                         const struct bp_hardware *hardware)
{
    rank->nic = row->nic > 0 && row->nic <= hardware->device_count ? row->nic - 1 : BP_NOWHERE;
    rank->gpus = row->gpus;
    rank->gpu_count = (uint32_t)row->n_gpus;
    for (size_t i = 0; i < row->n_gpus; i++)
        if (row->gpus[i] >= hardware->device_count)
            rank->gpu_count = 0;
}

static int fill_ranks(struct map_job *job, const Bpmix__JobMap *map, struct bp_error *err)
{
    auto_free uint32_t *index_of = bp_calloc(BP_NODE_NUMBER_MAX + 1, sizeof *index_of);
    for (uint32_t i = 0; i < job->map.node_count; i++)
        index_of[job->map.nodes[i].number] = i;
    job->map.ranks = bp_calloc(map->n_ranks, sizeof *job->map.ranks);
    job->map.rank_count = (uint32_t)map->n_ranks;
    for (size_t i = 0; i < map->n_ranks; i++) {
        const Bpmix__Rank *row = map->ranks[i];
        struct bp_map_rank *rank = &job->map.ranks[i];
        uint32_t node = is_number(row->node) ? index_of[row->node] : 0;
        if (job->map.node_count == 0 || job->map.nodes[node].number != row->node ||
            row->local != job->map.nodes[node].ranks)
            return bp_error_set(err, -EPROTO, "bpmaster sent a map that contradicts itself");
        job->map.nodes[node].ranks++;
        *rank = (struct bp_map_rank){.node = node, .local = row->local,
                                     .cpus = row->cpus.data, .cpus_bytes = row->cpus.len,
                                     .mems = row->mems.data, .mems_bytes = row->mems.len};
        fill_devices(rank, row, job->rows[node].hardware);
    }
    for (uint32_t i = 0; i < job->map.node_count; i++)
        if (job->map.nodes[i].ranks == 0)
            return bp_error_set(err, -EPROTO, "bpmaster sent a map with a node without ranks");
    return 0;
}

struct map_job *map_job_new(const Bpmix__JobMap *map, struct bp_error *err)
{
    struct map_job *job = bp_calloc(1, sizeof *job);
    job->map.shared = map->shared;
    int r = map_nodes_live(&job->all, err);
    if (r == 0) {
        map_nodes_use(&job->all, MAP_NODES_USED);
        r = fill_nodes(job, map, err);
    }
    if (r == 0)
        r = fill_ranks(job, map, err);
    if (r < 0) {
        map_job_free(job);
        return NULL;
    }
    job->picture = (struct bp_picture){.map = &job->map, .nodes = job->rows};
    return job;
}

void map_job_free(struct map_job *job)
{
    if (job == NULL)
        return;
    free(job->map.ranks);
    free(job->map.nodes);
    free(job->rows);
    map_nodes_done(&job->all);
    free(job);
}

const struct bp_hardware *map_job_hardware(const struct map_job *job, uint32_t rank)
{
    return job->rows[job->map.ranks[rank].node].hardware;
}
