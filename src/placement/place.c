/* SPDX-License-Identifier: BSD-3-Clause */
/* place.c - from a request and the nodes to a map: choose nodes, deal ranks, fill the map. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "placement/plan.h"

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
