/* SPDX-License-Identifier: BSD-3-Clause */
/* count.c - how many ranks and nodes the options make, and options that contradict each other. */
#include <errno.h>

#include "placement/plan.h"

/* Ranks that ppr puts on the first `nodes` seats. */
static uint64_t count_per_object(const struct bp_plan *plan, uint64_t nodes)
{
    uint64_t ranks = 0;
    for (size_t i = 0; i < plan->seat_count && i < nodes; i++)
        ranks += bp_seat_quota(plan, &plan->seats[i]);
    return ranks;
}

/* How many ranks the user wants if he does not say -n; nodes: wanted, 0 = as many as it takes. */
static uint64_t default_ranks(const struct bp_plan *plan, uint64_t nodes)
{
    const struct bp_place_request *request = plan->request;
    uint64_t seats = nodes > 0 && nodes < plan->seat_count ? nodes : plan->seat_count;
    uint64_t slots = 0, packages = 0;
    if (request->map_by == BP_MAP_PPR)
        return count_per_object(plan, seats);
    for (size_t i = 0; i < seats; i++)
        slots += plan->seats[i].slots;
    nodes = nodes > 0 ? nodes : 1;
    for (size_t i = 0; i < seats && i < nodes; i++)
        packages += bp_units_objects(&plan->seats[i].units, BP_LEVEL_PACKAGE);
    if (request->ranks_per_node > 0)
        return nodes * request->ranks_per_node;
    if (request->ranks_per_package > 0)
        return packages * request->ranks_per_package;
    return request->host_count > 0 ? slots : nodes;
}

/* Nodes wanted: 0 = as many as it takes. */
static int count_nodes(const struct bp_plan *plan, uint64_t *ret_nodes, struct bp_error *err)
{
    const struct bp_place_request *request = plan->request;
    uint64_t least = request->nodes_min, most = request->nodes_max;
    if (least == 0 && request->list_count > 0)
        least = plan->listed;
    if (most > 0 && most < request->nodes_min)
        return bp_error_set(err, -EINVAL, "-N %u-%u: the second number is smaller",
                            request->nodes_min, request->nodes_max);
    if (least > plan->seat_count && request->nodes_min == 0)
        return bp_error_set(err, -ENOENT, "%llu nodes are listed, and only %zu can be used",
                            (unsigned long long)least, plan->seat_count);
    if (least > plan->seat_count)
        return bp_error_set(err, -ENOENT, "-N %llu: only %zu node%s can be used",
                            (unsigned long long)least, plan->seat_count,
                            plan->seat_count == 1 ? "" : "s");
    uint64_t nodes = most > least ? most : least;
    *ret_nodes = nodes < plan->seat_count ? nodes : plan->seat_count;
    return 0;
}

/* -n is more than an option allows each object of a level, of all nodes or of the `nodes` that have
 * most of them. */
static int check_objects(const struct bp_plan *plan, uint64_t ranks, uint64_t nodes,
                         enum bp_level level, uint32_t each, struct bp_error *err)
{
    uint64_t sum = 0, most = 0;
    bool packages = level == BP_LEVEL_PACKAGE;
    for (size_t i = 0; each > 0 && i < plan->seat_count; i++) {
        uint32_t objects = bp_units_objects(&plan->seats[i].units, level);
        sum += objects;
        most = objects > most ? objects : most;
    }
    if (nodes > 0 && nodes * most < sum)
        sum = nodes * most;
    if (each == 0 || ranks <= sum * each)
        return 0;
    return bp_error_set(err, -EINVAL, "%llu ranks are more than %u on each of %llu %s%s",
                        (unsigned long long)ranks, each, (unsigned long long)sum,
                        packages ? "package" : "core", sum == 1 ? "" : "s");
}

/* -n is more than what the options allow a node, or its packages, times the nodes. */
static int check_limits(const struct bp_plan *plan, uint64_t ranks, uint64_t nodes,
                        struct bp_error *err)
{
    const struct bp_place_request *request = plan->request;
    uint64_t per_node = request->ranks_per_node;
    uint64_t most = per_node * (nodes > 0 ? nodes : plan->seat_count);
    if (per_node > 0 && ranks > most)
        return bp_error_set(err, -EINVAL,
                            "%llu ranks are more than %llu on each of %llu node%s",
                            (unsigned long long)ranks, (unsigned long long)per_node,
                            (unsigned long long)(most / per_node), most == per_node ? "" : "s");
    int r = check_objects(plan, ranks, nodes, BP_LEVEL_PACKAGE, request->ranks_per_package, err);
    if (r == 0)
        r = check_objects(plan, ranks, nodes, BP_LEVEL_CORE, request->ranks_per_core, err);
    if (r < 0)
        return r;
    if (request->map_by != BP_MAP_PPR)
        return 0;
    most = count_per_object(plan, nodes > 0 ? nodes : plan->seat_count);
    if (ranks > most)
        return bp_error_set(err, -EINVAL, "%llu ranks are more than the %llu that %u on each %s "
                            "make", (unsigned long long)ranks, (unsigned long long)most,
                            request->map_count, bp_plan_object(plan));
    return 0;
}

/* More ranks than the user gave the nodes slots: they are oversubscribed. */
static int check_slots(struct bp_plan *plan, struct bp_error *err)
{
    uint64_t slots = 0;
    enum bp_choice choice = plan->request->oversubscribe;
    for (size_t i = 0; i < plan->seat_count; i++)
        slots += plan->seats[i].slots;
    if (slots == 0 || slots >= plan->ranks || choice == BP_CHOICE_YES)
        return 0;
    if (choice == BP_CHOICE_NO)
        return bp_error_set(err, -ENOSPC, "%u ranks are more than the %llu slots of the hosts "
                            "(nooversubscribe)", plan->ranks, (unsigned long long)slots);
    bp_map_warn(plan->map, "%u ranks on %llu slots: nodes get more ranks than they have slots",
                plan->ranks, (unsigned long long)slots);
    return 0;
}

void bp_plan_count_again(struct bp_plan *plan)
{
    const struct bp_place_request *request = plan->request;
    if (request->ranks > 0)
        return;
    plan->ranks = (uint32_t)default_ranks(plan, plan->seat_count);
    plan->per_node = request->ranks_per_node > 0 ? request->ranks_per_node : plan->ranks;
}

int bp_plan_count_ranks(struct bp_plan *plan, uint32_t *ret_nodes, struct bp_error *err)
{
    const struct bp_place_request *request = plan->request;
    uint64_t nodes = 0, ranks = request->ranks;
    int r = count_nodes(plan, &nodes, err);
    if (r < 0)
        return r;
    if (ranks == 0)
        ranks = default_ranks(plan, nodes);
    if (ranks > BP_PLACE_RANKS_MAX)
        return bp_error_set(err, -E2BIG, "%llu ranks, but %d is the most",
                            (unsigned long long)ranks, BP_PLACE_RANKS_MAX);
    r = check_limits(plan, ranks, nodes, err);
    if (r < 0)
        return r;
    if (nodes > ranks && request->nodes_max <= request->nodes_min)
        bp_map_warn(plan->map, "-n %llu cannot use %llu nodes: %llu %s enough",
                    (unsigned long long)ranks, (unsigned long long)nodes, (unsigned long long)ranks,
                    ranks == 1 ? "is" : "are");
    nodes = nodes > ranks ? ranks : nodes;
    plan->ranks = (uint32_t)ranks;
    plan->per_node = request->ranks_per_node > 0 ? request->ranks_per_node : plan->ranks;
    *ret_nodes = (uint32_t)nodes;
    return check_slots(plan, err);
}
