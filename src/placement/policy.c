/* SPDX-License-Identifier: BSD-3-Clause */
/* policy.c - what the words of a request mean together: how nodes take turns, how a rank finds its
 * units on a node, and in which order ranks are numbered. */
#include <errno.h>

#include "placement/plan.h"

/* What each word of --map-by means by itself. */
static const struct bp_policy policies[] = {
    [BP_MAP_DEFAULT] = {.over = BP_OVER_FILL, .seek = BP_SEEK_SPREAD, .fresh = true,
                        .sorted = true, .number = BP_NUMBER_NODES},
    [BP_MAP_SLOT] = {.over = BP_OVER_FILL, .seek = BP_SEEK_PACK, .number = BP_NUMBER_NODES},
    [BP_MAP_OBJECT] = {.over = BP_OVER_FILL, .seek = BP_SEEK_CYCLE, .number = BP_NUMBER_NODES},
    [BP_MAP_NODE] = {.over = BP_OVER_ROUNDS, .seek = BP_SEEK_SPREAD, .fresh = true,
                     .sorted = true, .number = BP_NUMBER_TURNS},
    [BP_MAP_DEVICE] = {.over = BP_OVER_FILL, .seek = BP_SEEK_DEVICE, .fresh = true,
                       .number = BP_NUMBER_NODES},
    [BP_MAP_PPR] = {.over = BP_OVER_FILL, .seek = BP_SEEK_FILL, .number = BP_NUMBER_NODES},
    [BP_MAP_SEQ] = {.over = BP_OVER_EACH, .seek = BP_SEEK_SPREAD, .fresh = true, .sorted = true,
                    .number = BP_NUMBER_DEALT},
    [BP_MAP_RANKFILE] = {.over = BP_OVER_EACH, .seek = BP_SEEK_ROW, .threads = true,
                         .number = BP_NUMBER_DEALT},
    [BP_MAP_PE_LIST] = {.over = BP_OVER_FILL, .seek = BP_SEEK_LIST, .threads = true,
                        .number = BP_NUMBER_NODES},
};

static const enum bp_level levels[] = {
    [BP_OBJECT_HWTHREAD] = BP_LEVEL_CORE, [BP_OBJECT_CORE] = BP_LEVEL_CORE,
    [BP_OBJECT_L1] = BP_LEVEL_L1,         [BP_OBJECT_L2] = BP_LEVEL_L2,
    [BP_OBJECT_L3] = BP_LEVEL_L3,         [BP_OBJECT_NUMA] = BP_LEVEL_NUMA,
    [BP_OBJECT_PACKAGE] = BP_LEVEL_PACKAGE, [BP_OBJECT_NODE] = BP_LEVEL_NODE,
};

/* Objects of that kind in turn, or each filled, or so many ranks on each. */
static void set_object(struct bp_policy *policy, const struct bp_place_request *request)
{
    enum bp_object object = request->map_object;
    policy->level = levels[object];
    if (object == BP_OBJECT_HWTHREAD)
        policy->threads = true;
    if (request->map_by == BP_MAP_PPR) {
        policy->limit = request->map_count;
        policy->strict = policy->level >= BP_LEVEL_PACKAGE;
        if (object == BP_OBJECT_NODE)
            policy->seek = BP_SEEK_SPREAD;
        if (object == BP_OBJECT_HWTHREAD)
            policy->limit = 0, policy->seek = BP_SEEK_PACK, policy->strict = false;
        if (object == BP_OBJECT_CORE && request->map_count > 1)
            policy->threads = true;
        return;
    }
    policy->strict = object > BP_OBJECT_CORE;
    if (object <= BP_OBJECT_CORE)
        policy->seek = BP_SEEK_PACK;
    else if (request->map_fill)
        policy->seek = BP_SEEK_FILL;
    if (request->map_span && object > BP_OBJECT_CORE)
        policy->over = BP_OVER_SPAN;
}

/* srun's -m over nodes, then inside them. */
static void set_deal(struct bp_policy *policy, const struct bp_place_request *request)
{
    if (request->deal_nodes == BP_DEAL_CYCLIC) {
        policy->over = BP_OVER_ROUNDS;
        policy->number = BP_NUMBER_TURNS;
    } else if (request->deal_nodes == BP_DEAL_PLANE) {
        policy->over = BP_OVER_PLANE;
        policy->plane = request->plane;
        policy->number = BP_NUMBER_DEALT;
    }
    if (request->deal_packages == BP_DEAL_DEFAULT)
        return;
    policy->sorted = false;
    policy->level = BP_LEVEL_PACKAGE;
    policy->seek = request->deal_packages == BP_DEAL_BLOCK    ? BP_SEEK_PACK
                   : request->deal_packages == BP_DEAL_CYCLIC ? BP_SEEK_CYCLE
                                                              : BP_SEEK_SCATTER;
    enum bp_deal cores = request->deal_cores;
    if (cores == BP_DEAL_DEFAULT)
        cores = request->deal_packages;
    policy->fresh = cores != BP_DEAL_BLOCK;
}

static void set_number(struct bp_policy *policy, enum bp_rank_by rank_by)
{
    static const enum bp_number numbers[] = {[BP_RANK_SLOT] = BP_NUMBER_NODES,
                                             [BP_RANK_NODE] = BP_NUMBER_TURNS,
                                             [BP_RANK_FILL] = BP_NUMBER_ORDER,
                                             [BP_RANK_SPAN] = BP_NUMBER_SPAN};
    if (rank_by != BP_RANK_DEFAULT)
        policy->number = numbers[rank_by];
}

static int contradiction(const struct bp_place_request *request, struct bp_error *err)
{
    bool deals = request->deal_nodes != BP_DEAL_DEFAULT ||
                 request->deal_packages != BP_DEAL_DEFAULT;
    if (request->list_count > 0 && request->host_count > 0)
        return bp_error_set(err, -EINVAL, "-w and --host both name the nodes: give one of them");
    if (request->map_by != BP_MAP_DEFAULT && request->map_by != BP_MAP_SEQ && deals)
        return bp_error_set(err, -EINVAL, "-m and --map-by both say how ranks are dealt: give one "
                            "of them");
    if (request->map_by == BP_MAP_SEQ && request->host_count == 0 && request->list_count == 0)
        return bp_error_set(err, -EINVAL, "--map-by seq (-m arbitrary) puts a rank on each node of "
                            "a list: --hostfile, --host or -w has to name them");
    if (request->map_by == BP_MAP_RANKFILE && request->rankfile_count == 0)
        return bp_error_set(err, -EINVAL, "--map-by rankfile needs --rankfile FILE");
    if (request->map_by != BP_MAP_RANKFILE && request->rankfile_count > 0)
        return bp_error_set(err, -EINVAL, "--rankfile says where ranks are: leave --map-by away");
    if (request->rankfile_count > 0 && request->list_count + request->host_count > 0)
        return bp_error_set(err, -EINVAL, "--rankfile names the nodes: leave -w and --host away");
    if (request->rankfile_count > 0 &&
        (request->nodes_min > 0 || request->ranks_per_node > 0 || request->cpus_per_rank > 0))
        return bp_error_set(err, -EINVAL, "--rankfile says where ranks are, and on which CPUs: "
                            "leave -N, -c and --ntasks-per-node away");
    if (request->overload && request->bind_to == BP_OBJECT_NONE)
        return bp_error_set(err, -EINVAL, "--bind-to none cannot be overloaded");
    if (request->gpu_bind != BP_GPU_DEFAULT && request->gpus_per_rank == 0)
        return bp_error_set(err, -EINVAL, "--gpu-bind needs --gpus-per-task");
    return 0;
}

int bp_policy_find(struct bp_policy *policy, const struct bp_place_request *request,
                   struct bp_error *err)
{
    int r = contradiction(request, err);
    if (r < 0)
        return r;
    *policy = policies[request->map_by];
    policy->device = request->map_device;
    if (request->map_by == BP_MAP_OBJECT || request->map_by == BP_MAP_PPR)
        set_object(policy, request);
    set_deal(policy, request);
    bool near_gpus = request->gpus_per_rank > 0 && request->gpu_bind != BP_GPU_NONE &&
                     request->gpu_bind != BP_GPU_MAP;
    if (near_gpus && request->map_by == BP_MAP_DEFAULT &&
        request->deal_packages == BP_DEAL_DEFAULT && request->cpu_map_count == 0) {
        policy->seek = BP_SEEK_DEVICE;
        policy->device = BP_DEVICE_GPU;
    }
    if ((request->bind_to == BP_OBJECT_HWTHREAD && request->map_by == BP_MAP_DEFAULT) ||
        request->ranks_per_core > 1)
        policy->threads = true;
    if (request->one_each)
        *policy = policies[BP_MAP_SEQ];
    if (request->cpu_map_count > 0)
        policy->sorted = false; /* it goes by local rank */
    set_number(policy, request->rank_by);
    return 0;
}
