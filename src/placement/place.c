/* SPDX-License-Identifier: BSD-3-Clause */
/* place.c - from a request and the nodes to a map: choose nodes, deal ranks, fill the map. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "placement/plan.h"

static bool said(const char *word)
{
    return word != NULL && word[0] != '\0';
}

int bp_place_words(const char *map_by, const char *bind_to, struct bp_place_request *request,
                   struct bp_error *err)
{
    static const char *const maps[] = {
        [BP_MAP_SLOT] = "slot", [BP_MAP_CORE] = "core", [BP_MAP_NODE] = "node"};
    static const char *const binds[] = {[BP_BIND_NONE] = "none", [BP_BIND_CORE] = "core"};
    enum bp_map_by map = BP_MAP_DEFAULT;
    enum bp_bind_to bind = BP_BIND_DEFAULT;
    for (int i = BP_MAP_SLOT; said(map_by) && i <= BP_MAP_NODE; i++)
        if (strcmp(map_by, maps[i]) == 0)
            map = (enum bp_map_by)i;
    for (int i = BP_BIND_NONE; said(bind_to) && i <= BP_BIND_CORE; i++)
        if (strcmp(bind_to, binds[i]) == 0)
            bind = (enum bp_bind_to)i;
    if (said(map_by) && map == BP_MAP_DEFAULT)
        return bp_error_set(err, -EINVAL, "map-by '%.40s' is not one of slot, core, node", map_by);
    if (said(bind_to) && bind == BP_BIND_DEFAULT)
        return bp_error_set(err, -EINVAL, "bind-to '%.40s' is not one of none, core", bind_to);
    request->map_by = map;
    request->bind_to = bind;
    return 0;
}

static void plan_done(struct bp_plan *plan)
{
    for (size_t i = 0; i < plan->seat_count; i++) {
        bp_cores_done(&plan->seats[i].cores);
        free(plan->seats[i].units);
    }
    for (size_t i = 0; i < plan->machine_count; i++)
        free(plan->machines[i].taken);
    free(plan->seats);
    free(plan->machines);
    free(plan->machine_of);
    free(plan->seat_of);
    bp_map_free(plan->map);
}

int bp_place(const struct bp_place_request *request, const struct bp_place_node *nodes,
             size_t node_count, struct bp_map **ret_map, struct bp_error *err)
{
    if (node_count == 0)
        return bp_error_set(err, -ENOENT, "there is no node to place ranks on");
    if (node_count > BP_PLACE_NODES_MAX)
        return bp_error_set(err, -E2BIG, "%zu nodes, but %d is the most", node_count,
                            BP_PLACE_NODES_MAX);
    struct bp_plan plan __attribute__((cleanup(plan_done))) = {
        .request = request,
        .nodes = nodes,
        .node_count = node_count,
        .cpus = request->cpus_per_rank > 0 ? request->cpus_per_rank : 1,
        .map = bp_calloc(1, sizeof *plan.map),
    };
    bp_machines_find(&plan);
    int r = bp_plan_choose(&plan, err);
    if (r < 0)
        return r;
    bp_plan_deal(&plan);
    bp_map_fill(plan.map, &plan);
    *ret_map = bp_take_ptr(plan.map);
    return 0;
}
