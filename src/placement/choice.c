/* SPDX-License-Identifier: BSD-3-Clause */
/* choice.c - which nodes are in play for a request, and how many ranks it has. */
#include <errno.h>
#include <stdlib.h>

#include "common/mem.h"
#include "placement/plan.h"

/* What is known of a node number. */
struct lookup {
    uint32_t node; /* index + 1; 0 = there is no such node */
    bool excluded;
    bool seated;
};

static struct lookup *find(struct lookup *table, int number)
{
    if (number < BP_NODE_MASTER || number > BP_NODE_NUMBER_MAX)
        return NULL;
    return &table[number - BP_NODE_MASTER];
}

static int fill_table(const struct bp_plan *plan, struct lookup *table, struct bp_error *err)
{
    for (size_t i = 0; i < plan->node_count; i++) {
        struct lookup *entry = find(table, plan->nodes[i].number);
        if (entry == NULL || entry->node != 0)
            return bp_error_set(err, -EINVAL, "node number %d is out of bounds or there twice",
                                plan->nodes[i].number);
        entry->node = (uint32_t)i + 1;
    }
    for (size_t i = 0; i < plan->request->exclude_count; i++) {
        struct lookup *entry = find(table, plan->request->exclude[i]);
        if (entry != NULL)
            entry->excluded = true;
    }
    return 0;
}

static void sit(struct bp_plan *plan, struct lookup *entry)
{
    if (entry->excluded || entry->seated)
        return;
    entry->seated = true;
    size_t index = entry->node - 1;
    const struct bp_place_node *node = &plan->nodes[index];
    struct bp_seat *seat = &plan->seats[plan->seat_count++];
    *seat = (struct bp_seat){.index = index, .number = node->number};
    bp_cores_init(&seat->cores, node->hardware->slots, node->hardware->slot_count,
                  plan->machine_of[index]);
}

static int too_small(const struct bp_plan *plan, const struct bp_seat *seat, struct bp_error *err)
{
    auto_free char *name = bp_nodeset_format(&seat->number, 1, "n");
    if (plan->request->cpus_per_rank == 0)
        return bp_error_set(err, -ENOSPC, "%s has no CPU for this job", name);
    return bp_error_set(err, -ENOSPC, "-c %u wants %u CPU%s on one node; %s has %u", plan->cpus,
                        plan->cpus, plan->cpus == 1 ? "" : "s", name, seat->cores.count);
}

/* Leave out the nodes that are too small for one rank; an error if none is left, or if one is
 * named by -w. */
static int drop_small(struct bp_plan *plan, struct bp_error *err)
{
    const struct bp_seat *biggest = &plan->seats[0];
    size_t kept = 0;
    for (size_t i = 0; i < plan->seat_count; i++) {
        bool fits = plan->seats[i].cores.count >= plan->cpus;
        if (!fits && i < plan->listed)
            return too_small(plan, &plan->seats[i], err);
        if (plan->seats[i].cores.count > biggest->cores.count)
            biggest = &plan->seats[i];
        kept += fits;
    }
    if (kept == 0)
        return too_small(plan, biggest, err);
    kept = 0;
    for (size_t i = 0; i < plan->seat_count; i++) {
        if (plan->seats[i].cores.count >= plan->cpus)
            plan->seats[kept++] = plan->seats[i];
        else
            bp_cores_done(&plan->seats[i].cores);
    }
    plan->seat_count = kept;
    return 0;
}

static int seat_nodes(struct bp_plan *plan, struct lookup *table, struct bp_error *err)
{
    const struct bp_place_request *request = plan->request;
    for (size_t i = 0; i < request->list_count; i++) {
        struct lookup *entry = find(table, request->list[i]);
        if (entry == NULL || entry->node == 0) {
            auto_free char *name = bp_nodeset_format(&request->list[i], 1, "n");
            return bp_error_set(err, -ENOENT, "%s does not exist or is not up", name);
        }
        sit(plan, entry);
    }
    plan->listed = plan->seat_count;
    bool only_listed =
        request->one_each || (request->list_count > 0 && request->nodes_min <= plan->listed);
    for (size_t i = 0; !only_listed && i < plan->node_count; i++)
        sit(plan, find(table, plan->nodes[i].number));
    if (plan->seat_count == 0)
        return bp_error_set(err, -ENOENT, "no node is left to place ranks on");
    return 0;
}

/* bpsh: the list is the map. */
static int choose_each(struct bp_plan *plan, struct lookup *table, struct bp_error *err)
{
    const struct bp_place_request *request = plan->request;
    if (request->list_count > BP_PLACE_RANKS_MAX)
        return bp_error_set(err, -E2BIG, "%zu ranks, but %d is the most", request->list_count,
                            BP_PLACE_RANKS_MAX);
    auto_free uint32_t *seat_by_node = bp_calloc(plan->node_count, sizeof *seat_by_node);
    for (size_t i = 0; i < plan->seat_count; i++)
        seat_by_node[plan->seats[i].index] = (uint32_t)i;
    plan->seat_of = bp_calloc(request->list_count, sizeof *plan->seat_of);
    for (size_t i = 0; i < request->list_count; i++) {
        const struct lookup *entry = find(table, request->list[i]);
        if (!entry->excluded)
            plan->seat_of[plan->ranks++] = seat_by_node[entry->node - 1];
    }
    plan->per_node = plan->ranks;
    return 0;
}

/* How many ranks the options make, and nodes wanted: 0 = as many as it takes. */
static int count_ranks(struct bp_plan *plan, uint32_t *ret_nodes, struct bp_error *err)
{
    const struct bp_place_request *request = plan->request;
    uint64_t nodes = request->nodes_min;
    if (nodes == 0)
        nodes = plan->listed;
    uint64_t per_node = request->ranks_per_node;
    uint64_t ranks = request->ranks;
    if (ranks == 0)
        ranks = (nodes > 0 ? nodes : 1) * (per_node > 0 ? per_node : 1);
    if (ranks > BP_PLACE_RANKS_MAX)
        return bp_error_set(err, -E2BIG, "%llu ranks, but %d is the most",
                            (unsigned long long)ranks, BP_PLACE_RANKS_MAX);
    if (nodes > plan->seat_count)
        return bp_error_set(err, -ENOENT, "-N %llu: only %zu node%s can be used",
                            (unsigned long long)nodes, plan->seat_count,
                            plan->seat_count == 1 ? "" : "s");
    uint64_t most = per_node * (nodes > 0 ? nodes : plan->seat_count);
    if (per_node > 0 && ranks > most)
        return bp_error_set(err, -EINVAL,
                            "-n %llu is more than --ntasks-per-node %llu on %llu node%s",
                            (unsigned long long)ranks, (unsigned long long)per_node,
                            (unsigned long long)(most / per_node), most == per_node ? "" : "s");
    if (nodes > ranks) {
        bp_map_warn(plan->map, "-n %llu cannot use %llu nodes: %llu %s enough",
                    (unsigned long long)ranks, (unsigned long long)nodes, (unsigned long long)ranks,
                    ranks == 1 ? "is" : "are");
        nodes = ranks;
    }
    plan->ranks = (uint32_t)ranks;
    plan->per_node = per_node > 0 ? (uint32_t)per_node : plan->ranks;
    *ret_nodes = (uint32_t)nodes;
    return 0;
}

static int compare_scores(const void *a, const void *b)
{
    const struct bp_seat *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static int compare_indexes(const void *a, const void *b)
{
    const struct bp_seat *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

/* Keep `nodes` seats: those of -w first, then those with room for their share of the ranks, in the
 * order given. Nodes of one computer have its room only once. */
static void trim_seats(struct bp_plan *plan, uint32_t nodes)
{
    uint32_t share = (plan->ranks + nodes - 1) / nodes;
    for (size_t i = 0; i < plan->seat_count; i++) {
        struct bp_seat *seat = &plan->seats[i];
        uint32_t room = bp_cores_free(&seat->cores);
        uint32_t *promised = &seat->cores.machine->promised;
        room = (room > *promised ? room - *promised : 0) / plan->cpus;
        seat->score = room < share ? room : share;
        *promised += seat->score * plan->cpus;
    }
    if (nodes > plan->listed) {
        struct bp_seat *others = plan->seats + plan->listed;
        qsort(others, plan->seat_count - plan->listed, sizeof *others, compare_scores);
        qsort(others, nodes - plan->listed, sizeof *others, compare_indexes);
    }
    for (size_t i = nodes; i < plan->seat_count; i++)
        bp_cores_done(&plan->seats[i].cores);
    plan->seat_count = nodes;
}

static int choose_seats(struct bp_plan *plan, struct bp_error *err)
{
    uint32_t nodes = 0;
    int r = drop_small(plan, err);
    if (r == 0)
        r = count_ranks(plan, &nodes, err);
    if (r < 0)
        return r;
    uint32_t wanted = plan->request->nodes_min;
    if (wanted > 0 && wanted < plan->listed)
        bp_map_warn(plan->map, "%zu nodes are listed but -N is %u: the last ones are left out",
                    plan->listed, wanted);
    if (nodes > 0) {
        plan->all_seats = true;
        trim_seats(plan, nodes);
    }
    return 0;
}

int bp_plan_choose(struct bp_plan *plan, struct bp_error *err)
{
    auto_free struct lookup *table = bp_calloc(BP_NODE_NUMBER_MAX + 2, sizeof *table);
    int r = fill_table(plan, table, err);
    if (r < 0)
        return r;
    plan->seats = bp_calloc(plan->node_count, sizeof *plan->seats);
    r = seat_nodes(plan, table, err);
    if (r < 0)
        return r;
    return plan->request->one_each ? choose_each(plan, table, err) : choose_seats(plan, err);
}
