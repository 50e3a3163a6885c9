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
    bp_seat_init(&plan->seats[plan->seat_count++], plan, entry->node - 1);
}

/* The number of the i-th node that the user named, in his order. */
static bool named_node(const struct bp_place_request *request, size_t i, int *ret_number)
{
    if (i < request->list_count)
        *ret_number = request->list[i];
    else if (i - request->list_count < request->host_count)
        *ret_number = request->hosts[i - request->list_count].number;
    else if (i - request->list_count - request->host_count < request->rankfile_count)
        *ret_number = request->rankfile[i - request->list_count - request->host_count].number;
    else
        return false;
    return true;
}

static int seat_nodes(struct bp_plan *plan, struct lookup *table, struct bp_error *err)
{
    const struct bp_place_request *request = plan->request;
    int number;
    for (size_t i = 0; named_node(request, i, &number); i++) {
        struct lookup *entry = find(table, number);
        if (entry == NULL || entry->node == 0) {
            auto_free char *name = bp_nodeset_format(&number, 1, "n");
            return bp_error_set(err, -ENOENT, "%s does not exist or is not up", name);
        }
        sit(plan, entry);
    }
    plan->listed = plan->seat_count;
    bool only_listed = plan->policy.over == BP_OVER_EACH || request->host_count > 0 ||
                       (request->list_count > 0 && request->nodes_min <= plan->listed);
    for (size_t i = 0; !only_listed && i < plan->node_count; i++)
        sit(plan, find(table, plan->nodes[i].number));
    if (plan->seat_count == 0)
        return bp_error_set(err, -ENOENT, "no node is left to place ranks on");
    return 0;
}

static uint32_t add_ranks(uint32_t ranks, uint32_t more)
{
    uint32_t room = BP_PLACE_RANKS_MAX - ranks;
    return ranks + (more < room ? more : room);
}

/* Ranks that the user gave each node: mentions of it add up. One without a number is for all of the
 * node's cores, but for one rank if the user counts by naming nodes again; where each mention is a
 * rank, they give none. */
static void give_slots(struct bp_plan *plan, struct lookup *table)
{
    const struct bp_place_request *request = plan->request;
    bool each = plan->policy.over == BP_OVER_EACH;
    if (request->host_count == 0)
        return;
    auto_free struct bp_seat **seat_by_node = bp_calloc(plan->node_count, sizeof(struct bp_seat *));
    for (size_t i = 0; i < plan->seat_count; i++)
        seat_by_node[plan->seats[i].index] = &plan->seats[i];
    bool again = false;
    for (size_t i = 0; i < request->host_count; i++) {
        const struct lookup *entry = find(table, request->hosts[i].number);
        struct bp_seat *seat = entry->excluded ? NULL : seat_by_node[entry->node - 1];
        if (seat == NULL)
            continue;
        seat->most = add_ranks(seat->most, request->hosts[i].most);
        if (each)
            continue;
        uint32_t slots = request->hosts[i].slots > 0 ? request->hosts[i].slots : 1;
        seat->slots = add_ranks(seat->slots, slots);
        seat->bare += request->hosts[i].slots == 0;
        again = again || seat->bare > 1;
    }
    for (size_t i = 0; !again && i < plan->seat_count; i++)
        if (plan->seats[i].bare > 0 && plan->seats[i].units.count >= plan->cpus)
            plan->seats[i].slots = plan->seats[i].units.count / plan->cpus;
    for (size_t i = 0; i < plan->seat_count; i++)
        if (plan->seats[i].most > 0 && plan->seats[i].slots > plan->seats[i].most)
            plan->seats[i].slots = plan->seats[i].most;
}

/* CPUs of a rank that the user would like but did not ask for: fewer where there are not as
 * many. */
static void settle_cpus(struct bp_plan *plan)
{
    const struct bp_place_request *request = plan->request;
    uint32_t room = 1;
    plan->cpus = request->cpus_per_rank > 0 ? request->cpus_per_rank : 1;
    if (request->cpus_per_rank > 0 || request->threads_per_rank == 0)
        return;
    for (size_t i = 0; i < plan->seat_count; i++) {
        uint32_t more = bp_seat_room(plan, &plan->seats[i]);
        room = more > room ? more : room;
    }
    plan->cpus = request->threads_per_rank < room ? request->threads_per_rank : room;
}

/* A rank for each entry of the list, the hosts or the rankfile. */
static int choose_each(struct bp_plan *plan, struct lookup *table, struct bp_error *err)
{
    const struct bp_place_request *request = plan->request;
    size_t count = request->list_count + request->host_count + request->rankfile_count;
    if (count > BP_PLACE_RANKS_MAX)
        return bp_error_set(err, -E2BIG, "%zu ranks, but %d is the most", count,
                            BP_PLACE_RANKS_MAX);
    if (!request->one_each && request->ranks > count)
        return bp_error_set(err, -EINVAL, "-n %u is more than the %zu line%s of the list of nodes",
                            request->ranks, count, count == 1 ? "" : "s");
    if (!request->one_each && request->ranks > 0)
        count = request->ranks;
    auto_free uint32_t *seat_by_node = bp_calloc(plan->node_count, sizeof *seat_by_node);
    for (size_t i = 0; i < plan->seat_count; i++)
        seat_by_node[plan->seats[i].index] = (uint32_t)i;
    plan->seat_of = bp_calloc(count, sizeof *plan->seat_of);
    int number;
    for (size_t i = 0; i < count && named_node(request, i, &number); i++) {
        const struct lookup *entry = find(table, number);
        if (entry->excluded && !request->one_each)
            return bp_error_set(err, -EINVAL, "rank %zu is to be on n%d, which -x excludes", i,
                                number);
        if (!entry->excluded)
            plan->seat_of[plan->ranks++] = seat_by_node[entry->node - 1];
    }
    plan->per_node = plan->ranks;
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

/* Ranks that each seat could take of its share; nodes of one computer have its room only once. */
static void score_seats(struct bp_plan *plan, uint32_t share)
{
    for (size_t i = 0; i < plan->seat_count; i++) {
        struct bp_seat *seat = &plan->seats[i];
        uint32_t room = bp_units_free(&seat->units);
        uint32_t *promised = &seat->units.machine->promised;
        room = (room > *promised ? room - *promised : 0) / plan->cpus;
        seat->score = seat->busy ? 0 : room < share ? room : share;
        *promised += seat->score * plan->cpus;
    }
}

/* Keep `nodes` seats, or of -N MIN-MAX fewer where others have no room: the named ones first, then
 * those with room for their share of the ranks, in the order given. */
static void trim_seats(struct bp_plan *plan, uint32_t nodes)
{
    const struct bp_place_request *request = plan->request;
    score_seats(plan, (plan->ranks + nodes - 1) / nodes);
    uint32_t least = request->nodes_min > 0 ? request->nodes_min : (uint32_t)plan->listed;
    uint32_t needed = (plan->ranks + plan->per_node - 1) / plan->per_node;
    least = least > needed ? least : needed; /* of -N MIN-MAX, with --ntasks-per-node */
    if (request->nodes_max > request->nodes_min) {
        uint32_t able = 0;
        for (size_t i = 0; i < plan->seat_count; i++)
            able += plan->seats[i].score > 0;
        able = able > least ? able : least;
        nodes = able > 0 && able < nodes ? able : nodes;
    }
    if (nodes > plan->listed) {
        struct bp_seat *others = plan->seats + plan->listed;
        qsort(others, plan->seat_count - plan->listed, sizeof *others, compare_scores);
        qsort(others, nodes - plan->listed, sizeof *others, compare_indexes);
    }
    for (size_t i = nodes; i < plan->seat_count; i++)
        bp_units_done(&plan->seats[i].units);
    plan->seat_count = nodes;
}

static int choose_seats(struct bp_plan *plan, struct lookup *table, struct bp_error *err)
{
    uint32_t nodes = 0;
    int r = bp_seats_drop_small(plan, err);
    if (r < 0)
        return r;
    give_slots(plan, table);
    r = bp_plan_count_ranks(plan, &nodes, err);
    if (r < 0)
        return r;
    uint32_t wanted = plan->request->nodes_max;
    wanted = wanted > plan->request->nodes_min ? wanted : plan->request->nodes_min;
    if (wanted > 0 && wanted < plan->listed)
        bp_map_warn(plan->map, "%zu nodes are listed but -N is %u: the last ones are left out",
                    plan->listed, wanted);
    if (nodes > 0) {
        plan->all_seats = true;
        trim_seats(plan, nodes);
        if (plan->seat_count < nodes)
            bp_plan_count_again(plan);
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
    settle_cpus(plan);
    if (plan->policy.over != BP_OVER_EACH)
        return choose_seats(plan, table, err);
    if (!plan->request->one_each)
        r = bp_seats_drop_small(plan, err);
    return r == 0 ? choose_each(plan, table, err) : r;
}
