/* SPDX-License-Identifier: BSD-3-Clause */
/* crowd.c - more ranks than CPUs: how many each node gets of those who share its free CPUs. */
#include <errno.h>

#include "common/mem.h"
#include "placement/plan.h"

/* Give every seat below its limit its part of *left by weight, rounded down; the sum given. */
static uint32_t deal_parts(struct bp_plan *plan, uint32_t left)
{
    uint64_t total = 0;
    for (size_t i = 0; i < plan->seat_count; i++) {
        struct bp_seat *seat = &plan->seats[i];
        uint64_t weight = (uint64_t)seat->units.count * 64 / seat->units.machine->seats;
        if (seat->slots > 0)
            weight = (uint64_t)seat->slots * 64;
        seat->score = (uint32_t)weight;
        if (seat->ranks >= bp_seat_limit(plan, seat))
            seat->score = 0;
        else if (seat->score == 0)
            seat->score = 1;
        total += seat->score;
    }
    uint32_t given = 0;
    if (total == 0)
        return 0;
    for (size_t i = 0; i < plan->seat_count; i++) {
        struct bp_seat *seat = &plan->seats[i];
        uint32_t limit = bp_seat_limit(plan, seat);
        uint32_t room = limit > seat->ranks ? limit - seat->ranks : 0;
        uint32_t part = (uint32_t)((uint64_t)left * seat->score / total);
        part = part < room ? part : room;
        seat->ranks += part;
        given += part;
    }
    return given;
}

/* In proportion to the cores, which nodes of one computer share, or to the slots given; what cannot
 * be divided goes to the first seats. What no seat may have is left over. */
static uint32_t deal_shares(struct bp_plan *plan, uint32_t left)
{
    uint32_t given = 1;
    while (left > 0 && given > 0) {
        given = deal_parts(plan, left);
        left -= given;
    }
    for (uint32_t before = left + 1; left > 0 && left < before;) {
        before = left;
        for (size_t i = 0; left > 0 && i < plan->seat_count; i++)
            if (plan->seats[i].ranks < bp_seat_limit(plan, &plan->seats[i])) {
                plan->seats[i].ranks++;
                left--;
            }
    }
    return left;
}

/* Fill each seat up to the ranks the user gave it; what is left over. */
static uint32_t deal_slots(struct bp_plan *plan, uint32_t left)
{
    for (size_t i = 0; i < plan->seat_count; i++) {
        struct bp_seat *seat = &plan->seats[i];
        uint64_t most = seat->slots;
        if (plan->request->map_by == BP_MAP_PPR)
            most = bp_seat_quota(plan, seat);
        most = most < bp_seat_limit(plan, seat) ? most : bp_seat_limit(plan, seat);
        uint32_t part = most > seat->ranks ? (uint32_t)most - seat->ranks : 0;
        part = part < left ? part : left;
        seat->ranks += part;
        left -= part;
    }
    return left;
}

/* How many ranks each seat gets, and how many are left over. */
static uint32_t count_ranks(struct bp_plan *plan)
{
    uint32_t left = plan->ranks;
    bool each = plan->policy.over == BP_OVER_EACH;
    for (size_t i = 0; i < plan->seat_count; i++) {
        plan->seats[i].ranks = plan->all_seats && !each ? 1 : 0;
        left -= plan->seats[i].ranks;
    }
    if (each) {
        for (uint32_t rank = 0; rank < plan->ranks; rank++)
            plan->seats[plan->seat_of[rank]].ranks++;
        left = 0;
        for (size_t i = 0; i < plan->seat_count; i++)
            if (plan->seats[i].ranks > bp_seat_limit(plan, &plan->seats[i]))
                left += plan->seats[i].ranks - bp_seat_limit(plan, &plan->seats[i]);
        return left;
    }
    if (plan->policy.over == BP_OVER_FILL || plan->request->map_by == BP_MAP_PPR)
        left = deal_slots(plan, left);
    return left > 0 ? deal_shares(plan, left) : 0;
}

static void fill_spots(struct bp_plan *plan)
{
    plan->spot_count = 0;
    for (uint32_t s = 0; plan->policy.over != BP_OVER_EACH && s < plan->seat_count; s++)
        for (uint32_t i = 0; i < plan->seats[s].ranks; i++)
            plan->spots[plan->spot_count++] = (struct bp_spot){.seat = s};
    for (uint32_t rank = 0; plan->policy.over == BP_OVER_EACH && rank < plan->ranks; rank++)
        plan->spots[plan->spot_count++] = (struct bp_spot){.seat = plan->seat_of[rank]};
}

/* Ranks share the GPUs of their node that no other job has. */
static int share_gpus(struct bp_plan *plan, struct bp_error *err)
{
    plan->gpu_count = 0;
    plan->gpus_shared = true;
    plan->pass = plan->ranks;
    for (size_t s = 0; s < plan->seat_count; s++)
        plan->seats[s].ranks = 0;
    for (uint32_t i = 0; plan->gpus_each > 0 && i < plan->spot_count; i++) {
        struct bp_seat *seat = &plan->seats[plan->spots[i].seat];
        if (!bp_seat_has_gpus(plan, seat)) {
            auto_free char *name = bp_nodeset_format(&seat->number, 1, "n");
            return bp_error_set(err, -EAGAIN, "%s has not %u GPU%s free", name, plan->gpus_each,
                                plan->gpus_each == 1 ? "" : "s");
        }
        bp_seat_take_gpus(plan, seat, BP_NOWHERE, &plan->spots[i]);
        seat->ranks++;
    }
    for (size_t s = 0; s < plan->seat_count; s++)
        plan->seats[s].ranks = 0;
    for (uint32_t i = 0; i < plan->spot_count; i++)
        plan->seats[plan->spots[i].seat].ranks++;
    return 0;
}

/* Different units under all seats; with_used: only those no other job has. */
uint32_t bp_plan_count(struct bp_plan *plan, bool with_used)
{
    uint32_t count = 0;
    size_t most = 0;
    for (size_t m = 0; m < plan->machine_count; m++)
        most = plan->machines[m].bytes > most ? plan->machines[m].bytes : most;
    auto_free uint8_t *seen = bp_calloc(plan->machine_count, most);
    for (size_t s = 0; s < plan->seat_count; s++) {
        const struct bp_units *units = &plan->seats[s].units;
        const struct bp_machine *machine = units->machine;
        uint8_t *mask = seen + (size_t)(machine - plan->machines) * most;
        for (uint32_t u = 0; u < units->count; u++) {
            uint32_t pu = units->slots[units->units[u].first].pu;
            bool is_new = bp_plan_wants(plan, pu) && !bp_cpuset_has(mask, most, pu) &&
                          !(with_used && bp_cpuset_has(machine->used, machine->bytes, pu));
            count += is_new;
            if (is_new)
                bp_cpuset_add(mask, most, pu);
        }
    }
    return count;
}

/* " (nodes n0-n3 share one machine)", or nothing. */
static char *tell_shared_machines(struct bp_plan *plan)
{
    const struct bp_machine *shared = NULL;
    size_t shared_count = 0, count = 0;
    for (size_t i = 0; i < plan->seat_count; i++)
        if (plan->seats[i].units.machine->seats > 1 &&
            plan->seats[i].units.machine != shared) {
            shared = plan->seats[i].units.machine;
            shared_count++;
        }
    if (shared_count == 0)
        return bp_strdup("");
    if (shared_count > 1)
        return bp_strdup(" (machines carry several nodes each)");
    auto_free int *numbers = bp_calloc(shared->seats, sizeof *numbers);
    for (size_t i = 0; i < plan->seat_count; i++)
        if (plan->seats[i].units.machine == shared)
            numbers[count++] = plan->seats[i].number;
    auto_free char *names = bp_nodeset_format(numbers, count, "n");
    return bp_format(" (nodes %s share one machine)", names);
}

static void warn(struct bp_plan *plan)
{
    const struct bp_place_request *request = plan->request;
    if (request->bind_to == BP_OBJECT_NONE || request->oversubscribe == BP_CHOICE_YES ||
        request->cpu_map_count > 0)
        return; /* it is what they want */
    uint32_t all = bp_plan_count(plan, false);
    uint32_t cpus = bp_plan_count(plan, true);
    auto_free char *machines = tell_shared_machines(plan);
    const char *thread = plan->policy.threads ? "hardware thread" : "core";
    auto_free char *each = plan->cpus > 1 ? bp_format(" with %u %ss each", plan->cpus, thread)
                                          : bp_strdup("");
    bp_map_warn(plan->map, "%u rank%s%s on %u %s%s%s: ranks are not bound%s", plan->ranks,
                plan->ranks == 1 ? "" : "s", each, cpus, cpus < all ? "free " : "", thread,
                cpus == 1 ? "" : "s", machines);
}

static bool has_free(const struct bp_units *units)
{
    for (uint32_t i = 0; i < units->slot_count; i++)
        if (!bp_cpuset_has(units->machine->used, units->machine->bytes, units->slots[i].pu))
            return true;
    return false;
}

/* A node without a free core has nothing to share. */
static int check_free(const struct bp_plan *plan, struct bp_error *err)
{
    for (size_t s = 0; s < plan->seat_count; s++) {
        const struct bp_seat *seat = &plan->seats[s];
        if (seat->ranks == 0 || (!seat->busy && has_free(&seat->units)))
            continue;
        auto_free char *name = bp_nodeset_format(&seat->number, 1, "n");
        return bp_error_set(err, -EAGAIN, "no core of %s is free", name);
    }
    return 0;
}

int bp_plan_crowd(struct bp_plan *plan, struct bp_error *err)
{
    for (size_t m = 0; m < plan->machine_count; m++) {
        plan->machines[m].seats = 0;
        for (size_t d = 0; d < BP_DEVICES_MAX; d++)
            plan->machines[m].device_load[d] = 0;
    }
    for (size_t s = 0; s < plan->seat_count; s++)
        plan->seats[s].units.machine->seats++;
    bp_machines_reset(plan);
    plan->crowded = true;
    uint32_t left = count_ranks(plan);
    if (left > 0)
        return bp_error_set(err, -ENOSPC, "%u ranks are %u more than max-slots allows",
                            plan->ranks, left);
    fill_spots(plan);
    int r = plan->unclaimed ? 0 : check_free(plan, err);
    if (r == 0)
        r = share_gpus(plan, err);
    if (r == 0 && (!plan->unclaimed || plan->request->bind_to > BP_OBJECT_NONE))
        warn(plan);
    return r;
}
