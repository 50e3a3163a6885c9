/* SPDX-License-Identifier: BSD-3-Clause */
/* exact.c - ranks whose CPUs the user named: pe-list, rankfile, map_cpu and mask_cpu. */
#include <errno.h>

#include "common/mem.h"
#include "placement/plan.h"

/* The unit that is this PU; false: the node may not use it. Units are hardware threads. */
static bool find_unit(const struct bp_units *units, uint32_t pu, uint32_t *ret_unit)
{
    for (uint32_t i = 0; i < units->count; i++)
        if (units->slots[units->units[i].first].pu == pu) {
            *ret_unit = i;
            return true;
        }
    return false;
}

static int not_there(const struct bp_seat *seat, uint32_t cpu, const char *option,
                     struct bp_error *err)
{
    uint8_t mask[BP_CPUSET_BYTES_MAX] = {0};
    for (uint32_t i = 0; i < seat->units.slot_count; i++)
        bp_cpuset_add(mask, sizeof mask, seat->units.slots[i].pu);
    auto_free char *name = bp_nodeset_format(&seat->number, 1, "n");
    auto_free char *cpus = bp_cpuset_format(mask, sizeof mask);
    return bp_error_set(err, -ENOSPC, "%s names CPU %u; %s may use %.200s", option, cpu, name,
                        cpus);
}

static int check_offered(const struct bp_seat *seat, const struct bp_cpu_mask *mask,
                         const char *option, struct bp_error *err)
{
    uint8_t offered[BP_CPUSET_BYTES_MAX] = {0};
    for (uint32_t i = 0; i < seat->units.slot_count; i++)
        bp_cpuset_add(offered, sizeof offered, seat->units.slots[i].pu);
    for (uint32_t cpu = 0; cpu < mask->bytes * 8; cpu++)
        if (bp_cpuset_has(mask->cpus, mask->bytes, cpu) &&
            !bp_cpuset_has(offered, sizeof offered, cpu))
            return not_there(seat, cpu, option, err);
    return 0;
}

/* Of map_cpu or mask_cpu; what another job has makes the node busy. */
static int check_mask(const struct bp_plan *plan, struct bp_seat *seat,
                      const struct bp_cpu_mask *mask, struct bp_error *err)
{
    int r = check_offered(seat, mask, "--cpu-bind", err);
    if (r < 0)
        return r;
    const struct bp_machine *machine = seat->units.machine;
    for (uint32_t cpu = 0; cpu < mask->bytes * 8; cpu++)
        if (bp_cpuset_has(mask->cpus, mask->bytes, cpu) &&
            bp_cpuset_has(machine->used, machine->bytes, cpu)) {
            auto_free char *name = bp_nodeset_format(&seat->number, 1, "n");
            seat->busy = true;
            if (plan->seat_count == 1)
                return bp_error_set(err, -EAGAIN, "CPU %u of %s is another job's", cpu, name);
        }
    return 0;
}

int bp_plan_check_exact(struct bp_plan *plan, struct bp_error *err)
{
    const struct bp_place_request *request = plan->request;
    uint32_t unit;
    int r = 0;
    for (size_t s = 0; s < plan->seat_count; s++) {
        struct bp_seat *seat = &plan->seats[s];
        for (size_t i = 0; r == 0 && i < request->pe_list_count; i++)
            if (!find_unit(&seat->units, request->pe_list[i], &unit))
                r = not_there(seat, request->pe_list[i], "--map-by pe-list", err);
        for (size_t i = 0; r == 0 && i < request->cpu_map_count; i++)
            r = check_mask(plan, seat, &request->cpu_maps[i], err);
        if (r == 0)
            r = bp_seat_check_gpus(plan, seat, err);
    }
    return r;
}

static bool is_used(const struct bp_units *units, uint32_t unit)
{
    return bp_cpuset_has(units->machine->used, units->machine->bytes,
                         units->slots[units->units[unit].first].pu);
}

/* May the rank have this unit, and if not, why? */
static int may_take(const struct bp_plan *plan, const struct bp_seat *seat, uint32_t unit,
                    uint32_t rank, struct bp_error *err)
{
    const struct bp_units *units = &seat->units;
    uint32_t cpu = units->slots[units->units[unit].first].pu;
    if (units->units[unit].is_free)
        return 0;
    auto_free char *name = bp_nodeset_format(&seat->number, 1, "n");
    if (is_used(units, unit))
        return bp_error_set(err, -EAGAIN, "CPU %u of %s is another job's", cpu, name);
    if (plan->overload)
        return 0;
    return bp_error_set(err, -EINVAL, "rank %u: CPU %u of %s is already another rank's "
                        "(--bind-to :overload-allowed permits that)", rank, cpu, name);
}

/* Is the unit what a row of the rankfile means? */
static bool row_means(const struct bp_place_row *row, const struct bp_units *units, uint32_t unit,
                      uint32_t core)
{
    const struct bp_slot *slot = &units->slots[units->units[unit].first];
    if (row->package < 0)
        return bp_cpuset_has(row->cpus, row->cpus_bytes, slot->pu);
    return slot->package == (uint32_t)row->package &&
           (row->cpus_bytes == 0 || bp_cpuset_has(row->cpus, row->cpus_bytes, core));
}

/* Cores of a package are numbered from 0, in the machine's order. */
static uint32_t core_in_package(const struct bp_units *units, uint32_t unit)
{
    const struct bp_slot *slot = &units->slots[units->units[unit].first];
    uint8_t cores[BP_CPUSET_BYTES_MAX] = {0};
    for (uint32_t i = 0; i < units->slot_count; i++)
        if (units->slots[i].package == slot->package && units->slots[i].core < slot->core)
            bp_cpuset_add(cores, sizeof cores, units->slots[i].core);
    return bp_cpuset_count(cores, sizeof cores);
}

static uint32_t count_row(const struct bp_place_row *row)
{
    return row->cpus_bytes > 0 ? bp_cpuset_count(row->cpus, row->cpus_bytes) : 0;
}

/* What the row says, in so many words: each CPU or core it names must be there. */
static int check_row(const struct bp_seat *seat, const struct bp_place_row *row, uint32_t rank,
                     uint32_t found, struct bp_error *err)
{
    auto_free char *name = bp_nodeset_format(&seat->number, 1, "n");
    auto_free char *option = bp_format("rankfile: rank %u", rank);
    const struct bp_cpu_mask mask = {.cpus = row->cpus, .bytes = row->cpus_bytes};
    if (row->package < 0 && found == 0 && count_row(row) == 0)
        return bp_error_set(err, -EINVAL, "%s names no CPU", option);
    if (row->package < 0)
        return check_offered(seat, &mask, option, err);
    if (found == 0 || found < count_row(row))
        return bp_error_set(err, -ENOSPC, "rankfile: rank %u wants cores that package %d of %s "
                            "does not have", rank, row->package, name);
    return 0;
}

static int seek_row(struct bp_plan *plan, struct bp_seat *seat, const struct bp_place_row *row,
                    uint32_t rank, struct bp_spot *spot, struct bp_error *err)
{
    const struct bp_units *units = &seat->units;
    uint32_t *out = bp_plan_row(plan, units->count);
    uint8_t cores[BP_CPUSET_BYTES_MAX] = {0};
    uint32_t found = 0;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < units->count; i++) {
        uint32_t core = row->package >= 0 ? core_in_package(units, i) : 0;
        if (!row_means(row, units, i, core))
            continue;
        bp_cpuset_add(cores, sizeof cores, core);
        out[found++] = i;
        r = may_take(plan, seat, i, rank, err);
    }
    uint32_t met = row->package >= 0 ? bp_cpuset_count(cores, sizeof cores) : found;
    if (r == 0)
        r = check_row(seat, row, rank, met, err);
    if (r == 0) {
        spot->count = found;
        plan->unit_count += found;
        bp_units_take(&seat->units, out, found);
    }
    return r;
}

/* A row that names no CPU: a core of which nobody has anything. */
static int seek_core(struct bp_plan *plan, struct bp_seat *seat, struct bp_spot *spot,
                     struct bp_error *err)
{
    struct bp_units *units = &seat->units;
    const struct bp_domain *cores = units->domains[BP_LEVEL_CORE];
    for (uint32_t d = 0; d < units->domain_count[BP_LEVEL_CORE]; d++) {
        uint32_t count = cores[d].end - cores[d].first;
        if (cores[d].free < count)
            continue;
        uint32_t *out = bp_plan_row(plan, count);
        for (uint32_t i = 0; i < count; i++)
            out[i] = cores[d].first + i;
        spot->count = count;
        plan->unit_count += count;
        bp_units_take(units, out, count);
        return 0;
    }
    auto_free char *name = bp_nodeset_format(&seat->number, 1, "n");
    return bp_error_set(err, -EAGAIN, "no core of %s is free", name);
}

/* The next part of pe_list. */
static int seek_list(struct bp_plan *plan, struct bp_seat *seat, uint32_t rank,
                     struct bp_spot *spot, struct bp_error *err)
{
    const struct bp_place_request *request = plan->request;
    uint32_t each = (uint32_t)(request->pe_list_count / plan->cpus);
    if (seat->ranks >= each && !plan->overload)
        return bp_error_set(err, -EAGAIN, "pe-list has CPUs for %u ranks a node", each);
    uint32_t *out = bp_plan_row(plan, plan->cpus);
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < plan->cpus; i++) {
        find_unit(&seat->units, request->pe_list[seat->ranks % each * plan->cpus + i], &out[i]);
        r = may_take(plan, seat, out[i], rank, err);
    }
    if (r == 0) {
        spot->count = plan->cpus;
        plan->unit_count += plan->cpus;
        bp_units_take(&seat->units, out, plan->cpus);
    }
    return r;
}

int bp_seat_seek_exact(struct bp_plan *plan, struct bp_seat *seat, uint32_t rank,
                       struct bp_spot *spot, struct bp_error *err)
{
    bp_units_refresh(&seat->units);
    if (plan->policy.seek == BP_SEEK_LIST)
        return seek_list(plan, seat, rank, spot, err);
    const struct bp_place_row *row = &plan->request->rankfile[rank];
    if (row->package < 0 && row->cpus_bytes == 0)
        return seek_core(plan, seat, spot, err);
    return seek_row(plan, seat, row, rank, spot, err);
}
