/* SPDX-License-Identifier: BSD-3-Clause */
/* jobinfo.c - the job's map as PMIx keys. Open MPI 4.1 asks for these and no others. libpmix
 * derives most of them from the node and process maps, but not those of a rank that has an array of
 * its own, nor local ranks elsewhere once any rank has one: so each array is complete. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <pmix.h>
#include <pmix_server.h>

#include "common/mem.h"
#include "pmix/infos.h"
#include "pmix/jobinfo.h"

/* "0,1,2" */
static char *rank_list(const struct bp_map_node *node)
{
    size_t size = node->rank_count * sizeof "4294967295", used = 0;
    char *list = bp_calloc(1, size + 1);
    for (size_t i = 0; i < node->rank_count; i++)
        used += (size_t)snprintf(list + used, size + 1 - used, "%s%u", i > 0 ? "," : "",
                                 node->ranks[i]);
    return list;
}

/* Lists of all nodes with ranks, in libpmix's input format. */
static void write_lists(const struct bp_map *map, char **ret_nodes, char **ret_ranks)
{
    size_t nodes_size = 0, ranks_size = 0, node_count = 0;
    for (size_t i = 0; i < map->node_count; i++) {
        nodes_size += strlen(map->nodes[i].name) + 1;
        ranks_size += map->nodes[i].rank_count * sizeof "4294967295" + 1;
    }
    char *nodes = bp_calloc(1, nodes_size + 1), *ranks = bp_calloc(1, ranks_size + 1);
    char *n = nodes, *r = ranks;
    for (size_t i = 0; i < map->node_count; i++) {
        if (map->nodes[i].rank_count == 0)
            continue;
        auto_free char *list = rank_list(&map->nodes[i]);
        const char *comma = node_count > 0 ? "," : "", *semicolon = node_count > 0 ? ";" : "";
        n = stpcpy(stpcpy(n, comma), map->nodes[i].name);
        r = stpcpy(stpcpy(r, semicolon), list);
        node_count++;
    }
    *ret_nodes = nodes;
    *ret_ranks = ranks;
}

static pmix_status_t add_maps(struct bp_infos *infos, const struct bp_map *map)
{
    auto_free char *nodes = NULL, *ranks = NULL, *node_map = NULL, *rank_map = NULL;
    write_lists(map, &nodes, &ranks);
    pmix_status_t status = PMIx_generate_regex(nodes, &node_map);
    if (status == PMIX_SUCCESS)
        status = PMIx_generate_ppn(ranks, &rank_map);
    if (status != PMIX_SUCCESS)
        return status;
    bp_infos_add(infos, PMIX_NODE_MAP, node_map, PMIX_REGEX);
    bp_infos_add(infos, PMIX_PROC_MAP, rank_map, PMIX_REGEX);
    return PMIX_SUCCESS;
}

static void add_node(struct bp_infos *infos, const struct bp_map *map, size_t index)
{
    const struct bp_map_node *node = &map->nodes[index];
    auto_free char *peers = rank_list(node);
    struct bp_infos inner = {0};
    bp_infos_string(&inner, PMIX_HOSTNAME, node->name);
    bp_infos_number(&inner, PMIX_NODEID, (uint32_t)index);
    bp_infos_number(&inner, PMIX_LOCAL_SIZE, (uint32_t)node->rank_count);
    bp_infos_number(&inner, PMIX_NODE_SIZE, (uint32_t)node->rank_count);
    bp_infos_string(&inner, PMIX_LOCAL_PEERS, peers);
    bp_infos_rank(&inner, PMIX_LOCALLDR, node->ranks[0]);
    bp_infos_nest(infos, PMIX_NODE_INFO_ARRAY, &inner);
}

/* Where a bound rank runs, so that its neighbours know what they share with it. */
static void add_place(struct bp_infos *inner, const char *cpus)
{
    auto_free char *name = bp_format("hwloc:%s", cpus);
    auto_free char *locality = NULL;
    pmix_cpuset_t cpuset;
    PMIX_CPUSET_CONSTRUCT(&cpuset);
    if (PMIx_Parse_cpuset_string(name, &cpuset) == PMIX_SUCCESS &&
        PMIx_server_generate_locality_string(&cpuset, &locality) == PMIX_SUCCESS) {
        bp_infos_string(inner, PMIX_LOCALITY_STRING, locality);
    }
    PMIx_Cpuset_destruct(&cpuset);
}

static void add_rank(struct bp_infos *infos, const struct bp_map *map, uint32_t rank,
                     const char *cpus)
{
    struct bp_infos inner = {0};
    bp_infos_rank(&inner, PMIX_RANK, rank);
    bp_infos_rank(&inner, PMIX_GLOBAL_RANK, rank);
    bp_infos_rank(&inner, PMIX_APP_RANK, map->app_of != NULL ? map->app_of[rank].place : rank);
    bp_infos_small(&inner, PMIX_LOCAL_RANK, (uint16_t)map->local_of[rank]);
    bp_infos_small(&inner, PMIX_NODE_RANK, (uint16_t)map->local_of[rank]);
    bp_infos_number(&inner, PMIX_NODEID, map->node_of[rank]);
    bp_infos_string(&inner, PMIX_HOSTNAME, map->nodes[map->node_of[rank]].name);
    bp_infos_number(&inner, PMIX_APPNUM, map->app_of != NULL ? map->app_of[rank].app : 0);
    if (cpus != NULL)
        add_place(&inner, cpus);
    bp_infos_nest(infos, PMIX_PROC_INFO_ARRAY, &inner);
}

/* How many ranks each program has, and its first one. */
static void add_apps(struct bp_infos *infos, const struct bp_map *map)
{
    auto_free uint32_t *sizes = bp_calloc(map->app_count, sizeof *sizes);
    auto_free uint32_t *leaders = bp_calloc(map->app_count, sizeof *leaders);
    for (uint32_t rank = 0; rank < map->rank_count; rank++) {
        const struct bp_app_rank *of = &map->app_of[rank];
        sizes[of->app]++;
        if (of->place == 0)
            leaders[of->app] = rank;
    }
    for (uint32_t app = 0; app < map->app_count; app++) {
        struct bp_infos inner = {0};
        bp_infos_number(&inner, PMIX_APPNUM, app);
        bp_infos_number(&inner, PMIX_APP_SIZE, sizes[app]);
        bp_infos_rank(&inner, PMIX_APPLDR, leaders[app]);
        bp_infos_nest(infos, PMIX_APP_INFO_ARRAY, &inner);
    }
}

static void add_job(struct bp_infos *infos, const struct bp_shepherd *shepherd)
{
    const struct bp_map *map = shepherd->map;
    const struct bp_map_node *here = bp_map_here(map);
    auto_free char *peers = rank_list(here);
    auto_free char *directory = bp_format("%s/job", shepherd->session);
    uint32_t nodes = 0;
    for (size_t i = 0; i < map->node_count; i++)
        nodes += map->nodes[i].rank_count > 0;
    bp_infos_string(infos, PMIX_JOBID, map->nspace);
    bp_infos_number(infos, PMIX_JOB_SIZE, map->rank_count);
    bp_infos_number(infos, PMIX_UNIV_SIZE, map->rank_count);
    bp_infos_number(infos, PMIX_MAX_PROCS, map->rank_count);
    bp_infos_number(infos, PMIX_NUM_NODES, nodes);
    bp_infos_number(infos, PMIX_JOB_NUM_APPS, map->app_count);
    bp_infos_number(infos, PMIX_LOCAL_SIZE, (uint32_t)here->rank_count);
    bp_infos_number(infos, PMIX_NODE_SIZE, (uint32_t)here->rank_count);
    bp_infos_string(infos, PMIX_LOCAL_PEERS, peers);
    bp_infos_rank(infos, PMIX_LOCALLDR, here->ranks[0]);
    bp_infos_string(infos, PMIX_TMPDIR, shepherd->session);
    bp_infos_string(infos, PMIX_NSDIR, directory);
    bp_infos_true(infos, PMIX_TDIR_RMCLEAN);
}

static pmix_status_t register_all(struct bp_shepherd *shepherd, char **cpus)
{
    const struct bp_map *map = shepherd->map;
    const struct bp_map_node *here = bp_map_here(map);
    struct bp_infos infos = {0};
    pmix_status_t status = add_maps(&infos, map);
    add_job(&infos, shepherd);
    for (size_t i = 0; i < map->node_count; i++)
        if (map->nodes[i].rank_count > 0)
            add_node(&infos, map, i);
    if (map->app_of != NULL)
        add_apps(&infos, map);
    for (uint32_t rank = 0; rank < map->rank_count; rank++) {
        bool local = map->node_of[rank] == map->self;
        add_rank(&infos, map, rank, cpus != NULL && local ? cpus[map->local_of[rank]] : NULL);
    }
    if (status == PMIX_SUCCESS)
        status = PMIx_server_register_nspace(map->nspace, (int)here->rank_count, infos.array,
                                             infos.count, NULL, NULL);
    bp_infos_done(&infos);
    for (size_t i = 0; i < here->rank_count; i++) {
        if (status != PMIX_SUCCESS && status != PMIX_OPERATION_SUCCEEDED)
            return status;
        pmix_proc_t proc;
        PMIX_LOAD_PROCID(&proc, map->nspace, here->ranks[i]);
        status = PMIx_server_register_client(&proc, shepherd->uid, shepherd->gid, NULL, NULL,
                                             NULL);
    }
    return status;
}

int bp_jobinfo_register(struct bp_shepherd *shepherd, char **cpus, struct bp_error *err)
{
    pmix_status_t status = register_all(shepherd, cpus);
    if (status != PMIX_SUCCESS && status != PMIX_OPERATION_SUCCEEDED)
        return bp_error_set(err, -EIO, "libpmix does not take the job's map: %s",
                            PMIx_Error_string(status));
    return 0;
}
