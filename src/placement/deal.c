/* SPDX-License-Identifier: BSD-3-Clause */
/* deal.c - spots for all ranks: how many each seat gets, and on which units. */
#include <errno.h>

#include "common/mem.h"
#include "placement/plan.h"

uint32_t *bp_plan_row(struct bp_plan *plan, uint32_t count)
{
    size_t need = plan->unit_count + count;
    if (need > plan->unit_room) {
        plan->unit_room = need > 2 * plan->unit_room ? need : 2 * plan->unit_room;
        plan->units = bp_realloc(plan->units, plan->unit_room, sizeof *plan->units);
    }
    return plan->units + plan->unit_count;
}

/* Units for a rank wherever the policy finds them. */
static int seek_any(struct bp_plan *plan, struct bp_seat *seat, uint32_t lead,
                    struct bp_spot *spot)
{
    const struct bp_device *device =
        lead != BP_NOWHERE ? &seat->hardware->devices[lead] : NULL;
    if (plan->cpus > seat->units.count)
        return -EAGAIN;
    if (!bp_seat_seek(plan, seat, device, bp_plan_row(plan, plan->cpus)))
        return -EAGAIN;
    spot->count = plan->cpus;
    plan->unit_count += plan->cpus;
    return 0;
}

/* One more rank on the seat. 0; -EAGAIN: it is full; another error: never. */
static int fill_spot(struct bp_plan *plan, uint32_t s, uint32_t rank, struct bp_spot *spot,
                     struct bp_error *err)
{
    struct bp_seat *seat = &plan->seats[s];
    if (seat->full || seat->busy || seat->ranks >= bp_seat_limit(plan, seat) ||
        !bp_seat_has_gpus(plan, seat))
        return -EAGAIN;
    *spot = (struct bp_spot){.seat = s, .first = (uint32_t)plan->unit_count};
    uint32_t lead = bp_seat_lead_device(plan, seat);
    bool exact = plan->policy.seek == BP_SEEK_LIST || plan->policy.seek == BP_SEEK_ROW;
    int r = exact ? bp_seat_seek_exact(plan, seat, rank, spot, err)
                  : seek_any(plan, seat, lead, spot);
    if (r < 0) {
        seat->full = true;
        return r;
    }
    const struct bp_unit *unit = &seat->units.units[plan->units[spot->first]];
    int level = plan->policy.level;
    spot->object = seat->units.domains[level][unit->domain[level]].peer;
    spot->lead = lead;
    bp_seat_take_gpus(plan, seat, lead, spot);
    seat->ranks++;
    return 0;
}

/* The next rank on the seat, within its slots of so many passes. Did it find a place? */
static bool take(struct bp_plan *plan, uint32_t s, int *ret_error, struct bp_error *err)
{
    struct bp_seat *seat = &plan->seats[s];
    if (*ret_error < 0 || (seat->slots > 0 && seat->ranks >= (uint64_t)seat->slots * plan->pass))
        return false;
    int r = fill_spot(plan, s, plan->spot_count, &plan->spots[plan->spot_count], err);
    if (r < 0 && r != -EAGAIN)
        *ret_error = r;
    plan->spot_count += r == 0;
    return r == 0;
}

/* Ranks that a seat gets in one turn. */
static uint32_t turn_of(const struct bp_plan *plan, const struct bp_seat *seat)
{
    switch (plan->policy.over) {
    case BP_OVER_PLANE:
        return plan->policy.plane;
    case BP_OVER_SPAN:
        return bp_units_objects(&seat->units, plan->policy.level);
    default:
        return 1;
    }
}

/* A turn for each seat, over and over, until nothing fits. */
static int deal_turns(struct bp_plan *plan, struct bp_error *err)
{
    int r = 0;
    for (bool any = true; any && r == 0;) {
        any = false;
        for (uint32_t s = 0; s < plan->seat_count; s++) {
            uint32_t turn = turn_of(plan, &plan->seats[s]);
            for (; turn > 0 && plan->spot_count < plan->ranks && take(plan, s, &r, err);
                 turn--)
                any = true;
        }
    }
    return r;
}

/* Fill each seat before the next one, but leave one rank for each seat that must have one. */
static int deal_fill(struct bp_plan *plan, struct bp_error *err)
{
    int r = 0;
    uint32_t empty = 0; /* seats from here on that must have a rank and have none */
    for (uint32_t s = 0; s < plan->seat_count; s++)
        empty += plan->all_seats && plan->seats[s].ranks == 0;
    for (uint32_t s = 0; s < plan->seat_count; s++) {
        empty -= plan->all_seats && plan->seats[s].ranks == 0;
        while (plan->ranks - plan->spot_count > empty && take(plan, s, &r, err))
            continue;
    }
    return r;
}

/* Start over on what this job has taken: more than one rank on a CPU. */
static void overload(struct bp_plan *plan)
{
    bp_machines_reset(plan);
    for (size_t s = 0; s < plan->seat_count; s++)
        plan->seats[s].full = false;
}

/* Rows of a rankfile that name CPUs have them before those that take any. */
static int deal_each(struct bp_plan *plan, struct bp_error *err)
{
    const struct bp_place_row *rows = plan->request->rankfile;
    bool by_row = plan->policy.seek == BP_SEEK_ROW;
    int r = 0;
    for (int named = 1; named >= 0; named--)
        for (uint32_t rank = 0; r == 0 && rank < plan->ranks; rank++) {
            bool is_named = by_row && (rows[rank].package >= 0 || rows[rank].cpus_bytes > 0);
            if (is_named != (named == 1))
                continue;
            r = fill_spot(plan, plan->seat_of[rank], rank, &plan->spots[rank], err);
            if (r == -EAGAIN && plan->overload && !by_row) {
                overload(plan);
                r = fill_spot(plan, plan->seat_of[rank], rank, &plan->spots[rank], err);
            }
        }
    plan->spot_count = plan->ranks;
    return r;
}

static bool every_seat_has_one(const struct bp_plan *plan)
{
    for (size_t s = 0; s < plan->seat_count; s++)
        if (plan->seats[s].ranks == 0)
            return false;
    return true;
}

/* Where the user said how many nodes, they get ranks evenly; explicit fillers fill. */
static enum bp_over turns(const struct bp_plan *plan)
{
    const struct bp_policy *policy = &plan->policy;
    bool filler = plan->request->map_by != BP_MAP_DEFAULT &&
                  (policy->seek == BP_SEEK_PACK || plan->request->map_by == BP_MAP_PPR);
    if (policy->over == BP_OVER_FILL && plan->all_seats && !filler)
        return BP_OVER_ROUNDS;
    return policy->over;
}

/* Does a seat take no more only because of the slots that the user gave it, or because each of its
 * GPUs has as many ranks as it may have in this pass? */
static bool is_held_back(struct bp_plan *plan)
{
    bool held = false;
    for (size_t s = 0; !held && s < plan->seat_count; s++) {
        const struct bp_seat *seat = &plan->seats[s];
        if (seat->full || seat->busy || seat->ranks >= bp_seat_limit(plan, seat))
            continue;
        held = seat->slots > 0 && seat->ranks >= (uint64_t)seat->slots * plan->pass;
        if (!held && plan->gpus_shared && !bp_seat_has_gpus(plan, seat)) {
            plan->pass++;
            held = bp_seat_has_gpus(plan, seat);
            plan->pass--;
        }
    }
    return held;
}

/* Passes over all seats: the first within their slots, more as long as there is anything. */
static int deal_passes(struct bp_plan *plan, struct bp_error *err)
{
    int r = 0;
    uint32_t fresh = UINT32_MAX; /* ranks when all CPUs were free again the last time */
    for (plan->pass = 1; r == 0 && plan->spot_count < plan->ranks; plan->pass++) {
        uint32_t before = plan->spot_count;
        r = turns(plan) == BP_OVER_FILL ? deal_fill(plan, err) : deal_turns(plan, err);
        if (r < 0 || plan->spot_count > before || is_held_back(plan))
            continue;
        if (!plan->overload || plan->spot_count == fresh)
            break;
        overload(plan);
        fresh = plan->spot_count;
    }
    if (r == 0 && plan->spot_count < plan->ranks)
        r = -EAGAIN;
    return r;
}

int bp_plan_deal(struct bp_plan *plan, struct bp_error *err)
{
    plan->spots = bp_calloc(plan->ranks, sizeof *plan->spots);
    plan->gpus = bp_calloc((size_t)plan->ranks * plan->gpus_each, sizeof *plan->gpus);
    plan->pass = plan->policy.over == BP_OVER_EACH ? plan->ranks : 1;
    int r = bp_plan_check_exact(plan, err);
    if (r < 0)
        return r;
    if (plan->policy.over == BP_OVER_EACH)
        return deal_each(plan, err);
    r = deal_passes(plan, err);
    if (r == 0 && plan->all_seats && !every_seat_has_one(plan))
        r = -EAGAIN;
    return r;
}
