/* SPDX-License-Identifier: BSD-3-Clause */
/* deal.c - how many ranks each seat gets, on which cores, and which rank sits where. */
#include "common/mem.h"
#include "placement/plan.h"

/* One more rank on seat, on cores of its own. */
static bool take(struct bp_plan *plan, struct bp_seat *seat)
{
    if (seat->full || seat->ranks == plan->per_node || plan->cpus > seat->cores.count)
        return false;
    if (seat->ranks == seat->units_room) {
        seat->units_room = seat->units_room > 0 ? seat->units_room * 2 : 4;
        seat->units =
            bp_realloc(seat->units, (size_t)seat->units_room * plan->cpus, sizeof *seat->units);
    }
    uint32_t *units = seat->units + (size_t)seat->ranks * plan->cpus;
    seat->full = !bp_cores_take(&seat->cores, plan->cpus, units);
    seat->ranks += !seat->full;
    return !seat->full;
}

/* One rank a seat and round. */
static bool deal_rounds(struct bp_plan *plan)
{
    uint32_t left = plan->ranks;
    for (bool any = true; any && left > 0;) {
        any = false;
        for (size_t i = 0; left > 0 && i < plan->seat_count; i++)
            if (take(plan, &plan->seats[i])) {
                any = true;
                left--;
            }
    }
    return left == 0;
}

/* Fill each seat before the next one, but leave one rank for each seat that must have one. */
static bool deal_fill(struct bp_plan *plan)
{
    uint32_t left = plan->ranks;
    for (size_t i = 0; i < plan->seat_count; i++) {
        uint32_t later = plan->all_seats ? (uint32_t)(plan->seat_count - i - 1) : 0;
        while (left > later && take(plan, &plan->seats[i]))
            left--;
    }
    return left == 0;
}

static bool deal_each(struct bp_plan *plan)
{
    for (uint32_t rank = 0; rank < plan->ranks; rank++)
        if (!take(plan, &plan->seats[plan->seat_of[rank]]))
            return false;
    return true;
}

static bool every_seat_has_one(const struct bp_plan *plan)
{
    for (size_t i = 0; i < plan->seat_count; i++)
        if (plan->seats[i].ranks == 0)
            return false;
    return true;
}

/* Ranks of each seat by plan->seat_of, for a map that the user wrote down. */
static void count_each(struct bp_plan *plan)
{
    for (size_t i = 0; i < plan->seat_count; i++)
        plan->seats[i].ranks = 0;
    for (uint32_t rank = 0; rank < plan->ranks; rank++)
        plan->seats[plan->seat_of[rank]].ranks++;
}

/* Give every seat below its limit its part of *left by weight, rounded down; the sum given. */
static uint32_t deal_parts(struct bp_plan *plan, uint32_t left)
{
    uint64_t total = 0;
    for (size_t i = 0; i < plan->seat_count; i++) {
        struct bp_seat *seat = &plan->seats[i];
        seat->score = seat->cores.count * 64 / seat->cores.machine->seats;
        seat->score = seat->ranks == plan->per_node ? 0 : seat->score > 0 ? seat->score : 1;
        total += seat->score;
    }
    uint32_t given = 0;
    for (size_t i = 0; i < plan->seat_count; i++) {
        struct bp_seat *seat = &plan->seats[i];
        uint32_t room = plan->per_node - seat->ranks;
        uint32_t part = (uint32_t)((uint64_t)left * seat->score / total);
        part = part < room ? part : room;
        seat->ranks += part;
        given += part;
    }
    return given;
}

/* Ranks that share CPUs: in proportion to the cores, which nodes of one computer share; what cannot
 * be divided goes to the first seats. */
static void deal_shared(struct bp_plan *plan)
{
    uint32_t left = plan->ranks;
    for (size_t i = 0; i < plan->seat_count; i++) {
        plan->seats[i].ranks = plan->all_seats ? 1 : 0;
        left -= plan->seats[i].ranks;
    }
    uint32_t given = 1;
    while (left > 0 && given > 0) {
        given = deal_parts(plan, left);
        left -= given;
    }
    for (size_t i = 0; left > 0; i = (i + 1) % plan->seat_count)
        if (plan->seats[i].ranks < plan->per_node) {
            plan->seats[i].ranks++;
            left--;
        }
}

/* Different cores under all seats; with_used: only those no other job has. */
static uint32_t count_cores(struct bp_plan *plan, bool with_used)
{
    uint32_t count = 0;
    bp_machines_reset(plan, with_used);
    for (size_t i = 0; i < plan->seat_count; i++)
        count += bp_cores_take_all(&plan->seats[i].cores);
    return count;
}

/* " (nodes n0-n3 share one machine)", or nothing. */
static char *tell_shared_machines(struct bp_plan *plan)
{
    const struct bp_machine *shared = NULL;
    size_t shared_count = 0, count = 0;
    for (size_t i = 0; i < plan->seat_count; i++)
        if (++plan->seats[i].cores.machine->seats == 2) {
            shared = plan->seats[i].cores.machine;
            shared_count++;
        }
    if (shared_count == 0)
        return bp_strdup("");
    if (shared_count > 1)
        return bp_format(" (%zu machines carry several nodes each)", shared_count);
    auto_free int *numbers = bp_calloc(shared->seats, sizeof *numbers);
    for (size_t i = 0; i < plan->seat_count; i++)
        if (plan->seats[i].cores.machine == shared)
            numbers[count++] = plan->seats[i].number;
    auto_free char *names = bp_nodeset_format(numbers, count, "n");
    return bp_format(" (nodes %s share one machine)", names);
}

static void warn_shared(struct bp_plan *plan)
{
    uint32_t all = count_cores(plan, false);
    uint32_t cpus = count_cores(plan, true);
    auto_free char *machines = tell_shared_machines(plan);
    auto_free char *each =
        plan->cpus > 1 ? bp_format(" with %u CPUs each", plan->cpus) : bp_strdup("");
    bp_map_warn(plan->map, "%u rank%s%s on %u %sCPU%s: ranks are not bound%s", plan->ranks,
                plan->ranks == 1 ? "" : "s", each, cpus, cpus < all ? "free " : "",
                cpus == 1 ? "" : "s", machines);
}

/* Ranks in blocks: all of the first seat, then all of the next. */
static void number_blocks(struct bp_plan *plan)
{
    uint32_t rank = 0;
    for (size_t i = 0; i < plan->seat_count; i++)
        for (uint32_t local = 0; local < plan->seats[i].ranks; local++)
            plan->seat_of[rank++] = (uint32_t)i;
}

/* Ranks in turn: one of each seat that still has some. */
static void number_rounds(struct bp_plan *plan)
{
    auto_free uint32_t *open = bp_calloc(plan->seat_count, sizeof *open);
    size_t open_count = plan->seat_count;
    for (size_t i = 0; i < open_count; i++)
        open[i] = (uint32_t)i;
    uint32_t rank = 0;
    for (uint32_t local = 0; rank < plan->ranks; local++) {
        size_t kept = 0;
        for (size_t i = 0; i < open_count; i++)
            if (plan->seats[open[i]].ranks > local) {
                plan->seat_of[rank++] = open[i];
                open[kept++] = open[i];
            }
        open_count = kept;
    }
}

static void deal_by_request(struct bp_plan *plan)
{
    enum bp_map_by map_by = plan->request->map_by;
    if (map_by == BP_MAP_DEFAULT)
        map_by = plan->all_seats ? BP_MAP_NODE : BP_MAP_SLOT;
    bool fits = map_by == BP_MAP_NODE ? deal_rounds(plan) : deal_fill(plan);
    if (!fits || (plan->all_seats && !every_seat_has_one(plan))) {
        plan->shared = true;
        warn_shared(plan);
        deal_shared(plan);
    }
    plan->seat_of = bp_calloc(plan->ranks, sizeof *plan->seat_of);
    if (plan->request->map_by == BP_MAP_NODE)
        number_rounds(plan);
    else
        number_blocks(plan);
}

void bp_plan_deal(struct bp_plan *plan)
{
    if (!plan->request->one_each) {
        deal_by_request(plan);
        return;
    }
    bool bind = plan->request->bind_to == BP_OBJECT_CORE;
    plan->shared = !bind || !deal_each(plan);
    if (bind && plan->shared)
        warn_shared(plan);
    count_each(plan);
}
