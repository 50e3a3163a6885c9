/* SPDX-License-Identifier: BSD-3-Clause */
/* seek.c - the units of a node that one more rank gets, by each way of seeking. */
#include "common/mem.h"
#include "placement/plan.h"

/* An interval of units. */
struct span {
    uint32_t first, end;
};

static struct span span_of(const struct bp_domain *domain)
{
    return (struct span){domain->first, domain->end};
}

/* The domains of `level` inside a span, which holds whole ones: *ret_last is the last of them. */
static uint32_t domains_in(const struct bp_units *units, int level, struct span in,
                           uint32_t *ret_last)
{
    *ret_last = units->units[in.end - 1].domain[level];
    return units->units[in.first].domain[level];
}

/* The first of the smallest domains, from `inner` up to `level` itself, inside `in` where `want`
 * units are free. False: there is none. */
static bool first_fit(const struct bp_units *units, int level, int inner, struct span in,
                      uint32_t want, struct span *ret)
{
    for (int l = level > inner ? level : inner; l >= level; l--) {
        uint32_t last;
        for (uint32_t d = domains_in(units, l, in, &last); d <= last; d++)
            if (units->domains[l][d].free >= want) {
                *ret = span_of(&units->domains[l][d]);
                return true;
            }
    }
    return false;
}

/* Is domain a, at `level`, a better place for the next rank than b: judged from the package down,
 * the one where less is taken, then the one with more left. */
static bool is_better(const struct bp_units *units, int level, const struct bp_domain *a,
                      const struct bp_domain *b)
{
    const struct bp_unit *unit_a = &units->units[a->first];
    const struct bp_unit *unit_b = &units->units[b->first];
    for (int l = BP_LEVEL_PACKAGE; l <= level; l++) {
        const struct bp_domain *outer_a = &units->domains[l][unit_a->domain[l]];
        const struct bp_domain *outer_b = &units->domains[l][unit_b->domain[l]];
        if (outer_a->load != outer_b->load)
            return outer_a->load < outer_b->load;
        if (outer_a->free != outer_b->free)
            return outer_a->free > outer_b->free;
    }
    return false;
}

/* The same, of the domain where least is taken. */
static bool best_fit(const struct bp_units *units, struct span in, uint32_t want, struct span *ret)
{
    for (int l = BP_LEVEL_L3; l >= BP_LEVEL_KIND; l--) {
        const struct bp_domain *best = NULL;
        uint32_t last;
        for (uint32_t d = domains_in(units, l, in, &last); d <= last; d++) {
            const struct bp_domain *domain = &units->domains[l][d];
            if (domain->free >= want && (best == NULL || is_better(units, l, domain, best)))
                best = domain;
        }
        if (best != NULL) {
            *ret = span_of(best);
            return true;
        }
    }
    return false;
}

/* A rank stays in an L3 if it can; single threads of different cores need not. */
static int innermost(const struct bp_policy *policy, uint32_t want)
{
    return policy->fresh && policy->threads && want == 1 ? BP_LEVEL_PACKAGE : BP_LEVEL_L3;
}

/* The next object of the policy's level that has room, after the one that had the last rank, or
 * from the first one on. */
static bool next_object(struct bp_units *units, const struct bp_policy *policy, struct span in,
                        uint32_t want, struct span *ret)
{
    int level = policy->level;
    uint32_t last, first = domains_in(units, level, in, &last);
    uint32_t cursor = policy->seek == BP_SEEK_CYCLE ? units->cursor[level] : 0;
    uint32_t start = cursor > first && cursor <= last ? cursor : first;
    for (uint32_t i = 0; i <= last - first; i++) {
        uint32_t d = start + i <= last ? start + i : start + i - (last - first + 1);
        if (units->domains[level][d].free < want)
            continue;
        units->cursor[level] = d + 1;
        return first_fit(units, level, innermost(policy, want), span_of(&units->domains[level][d]),
                         want, ret);
    }
    return false;
}

/* Ranks near a device: the domain of `level` that is nearest, where least is taken. */
static bool nearest_at(const struct bp_seat *seat, int level, struct span in, uint32_t want,
                       const struct bp_device *device, struct span *ret)
{
    const struct bp_units *units = &seat->units;
    const struct bp_domain *best = NULL;
    uint32_t last, best_distance = 0;
    for (uint32_t d = domains_in(units, level, in, &last); d <= last; d++) {
        const struct bp_domain *domain = &units->domains[level][d];
        const struct bp_slot *slot = &units->slots[units->units[domain->first].first];
        uint32_t distance = bp_device_distance(seat->hardware, slot, device);
        if (domain->free < want || (best != NULL && distance > best_distance) ||
            (best != NULL && distance == best_distance && !is_better(units, level, domain, best)))
            continue;
        best = domain;
        best_distance = distance;
    }
    if (best != NULL)
        *ret = span_of(best);
    return best != NULL;
}

static bool nearest_fit(const struct bp_seat *seat, struct span in, uint32_t want,
                        const struct bp_device *device, struct span *ret)
{
    for (int level = BP_LEVEL_L3; level >= BP_LEVEL_KIND; level--)
        if (nearest_at(seat, level, in, want, device, ret))
            return true;
    return false;
}

/* Where the next rank goes inside one kind of core. */
static bool find_span(struct bp_seat *seat, const struct bp_policy *policy, struct span kind,
                      uint32_t want, const struct bp_device *device, struct span *ret)
{
    struct bp_units *units = &seat->units;
    switch (policy->seek) {
    case BP_SEEK_CYCLE:
    case BP_SEEK_FILL:
        return next_object(units, policy, kind, want, ret) ||
               (!policy->strict &&
                first_fit(units, BP_LEVEL_KIND, innermost(policy, want), kind, want, ret));
    case BP_SEEK_PACK:
        return first_fit(units, BP_LEVEL_KIND, innermost(policy, want), kind, want, ret);
    case BP_SEEK_DEVICE:
        if (device != NULL)
            return nearest_fit(seat, kind, want, device, ret);
        return best_fit(units, kind, want, ret);
    default:
        return best_fit(units, kind, want, ret);
    }
}

/* Inside a span that has room: the core, else the L1, else the L2 cache that holds the rank; for
 * threads, with `fresh`, the core where least is taken. */
static struct span narrow(const struct bp_units *units, struct span in, uint32_t want, bool fresh)
{
    for (int level = BP_LEVEL_CORE; level >= BP_LEVEL_L2; level--) {
        const struct bp_domain *best = NULL;
        uint32_t last;
        for (uint32_t d = domains_in(units, level, in, &last); d <= last; d++) {
            const struct bp_domain *domain = &units->domains[level][d];
            if (domain->free < want || (best != NULL && (!fresh || domain->load >= best->load)))
                continue;
            best = domain;
            if (!fresh)
                break;
        }
        if (best != NULL)
            return (struct span){best->first > in.first ? best->first : in.first,
                                 best->end < in.end ? best->end : in.end};
    }
    return in;
}

/* The first of `want` free units side by side in the span, or its first free unit. */
static uint32_t find_start(const struct bp_units *units, struct span in, uint32_t want)
{
    uint32_t run = 0, first_free = in.end;
    for (uint32_t i = in.first; i < in.end; i++) {
        bool is_free = units->units[i].is_free;
        run = is_free ? run + 1 : 0;
        if (is_free && first_free == in.end)
            first_free = i;
        if (run == want)
            return i + 1 - want;
    }
    return first_free;
}

static void take_in(struct bp_units *units, struct span in, uint32_t want, bool fresh,
                    uint32_t *row)
{
    uint32_t got = 0;
    in = narrow(units, in, want, fresh);
    for (uint32_t i = find_start(units, in, want); got < want && i < in.end; i++)
        if (units->units[i].is_free)
            row[got++] = i;
    bp_units_take(units, row, want);
}

/* One unit of each package in turn. */
static bool scatter(struct bp_units *units, struct span all, uint32_t want, uint32_t *row)
{
    uint32_t last, first = domains_in(units, BP_LEVEL_PACKAGE, all, &last);
    uint32_t d = units->cursor[BP_LEVEL_PACKAGE] <= last ? units->cursor[BP_LEVEL_PACKAGE] : first;
    auto_free uint32_t *next = bp_calloc(last + 1, sizeof *next);
    for (uint32_t got = 0, dry = 0; got < want && dry <= last - first;) {
        const struct bp_domain *domain = &units->domains[BP_LEVEL_PACKAGE][d];
        uint32_t i = next[d] > domain->first ? next[d] : domain->first;
        while (i < domain->end && !units->units[i].is_free)
            i++;
        dry = i < domain->end ? 0 : dry + 1;
        if (i < domain->end)
            row[got++] = i;
        next[d] = i < domain->end ? i + 1 : i;
        d = d < last ? d + 1 : first;
    }
    units->cursor[BP_LEVEL_PACKAGE] = d;
    bp_units_take(units, row, want);
    return true;
}

bool bp_seat_seek(struct bp_plan *plan, struct bp_seat *seat, const struct bp_device *device,
                  uint32_t *row)
{
    struct bp_units *units = &seat->units;
    const struct bp_policy *policy = &plan->policy;
    uint32_t want = plan->cpus;
    if (want > units->count || bp_units_free(units) < want)
        return false;
    const struct bp_domain *kinds = units->domains[BP_LEVEL_KIND];
    struct span in = {0, units->count};
    if (policy->seek == BP_SEEK_SCATTER)
        return scatter(units, in, want, row);
    bool found = false;
    for (uint32_t k = 0; !found && k < units->domain_count[BP_LEVEL_KIND]; k++)
        found = kinds[k].free >= want &&
                find_span(seat, policy, span_of(&kinds[k]), want, device, &in);
    if (!found && policy->strict)
        return false;
    take_in(units, in, want, policy->fresh && policy->threads, row);
    return true;
}
