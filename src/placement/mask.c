/* SPDX-License-Identifier: BSD-3-Clause */
/* mask.c - the CPUs that a rank is bound to. */
#include "placement/plan.h"

bool bp_plan_wants(const struct bp_plan *plan, uint32_t pu)
{
    for (size_t i = 0; i < plan->request->pe_list_count; i++)
        if (plan->request->pe_list[i] == pu)
            return true;
    return plan->request->pe_list_count == 0;
}

void bp_mask_shared(const struct bp_plan *plan, const struct bp_seat *seat, uint8_t *mask)
{
    const struct bp_units *units = &seat->units;
    const struct bp_machine *machine = units->machine;
    for (uint32_t i = 0; i < units->slot_count; i++) {
        uint32_t pu = units->slots[i].pu;
        if (bp_plan_wants(plan, pu) && !bp_cpuset_has(machine->used, machine->bytes, pu))
            bp_cpuset_add(mask, machine->bytes, pu);
    }
}

void bp_mask_whole_cores(const struct bp_units *units, uint8_t *mask, size_t bytes)
{
    uint8_t cores[BP_CPUSET_BYTES_MAX] = {0};
    for (uint32_t i = 0; i < units->slot_count; i++)
        if (bp_cpuset_has(mask, bytes, units->slots[i].pu))
            bp_cpuset_add(cores, sizeof cores, units->slots[i].core);
    for (uint32_t i = 0; i < units->slot_count; i++)
        if (bp_cpuset_has(cores, sizeof cores, units->slots[i].core))
            bp_cpuset_add(mask, bytes, units->slots[i].pu);
}

/* Everything free of the objects that the rank's units are in. */
static void widen(const struct bp_units *units, enum bp_level level, uint8_t *mask)
{
    const struct bp_machine *machine = units->machine;
    uint8_t objects[BP_CPUSET_BYTES_MAX] = {0};
    for (uint32_t i = 0; i < units->slot_count; i++)
        if (bp_cpuset_has(mask, machine->bytes, units->slots[i].pu))
            bp_cpuset_add(objects, sizeof objects, bp_slot_object(&units->slots[i], level));
    for (uint32_t i = 0; i < units->slot_count; i++)
        if (bp_cpuset_has(objects, sizeof objects, bp_slot_object(&units->slots[i], level)) &&
            !bp_cpuset_has(machine->used, machine->bytes, units->slots[i].pu))
            bp_cpuset_add(mask, machine->bytes, units->slots[i].pu);
}

/* The first thread of each core. */
static void first_threads(const struct bp_units *units, const struct bp_spot *spot,
                          const uint32_t *row, uint8_t *mask)
{
    for (uint32_t u = 0; u < spot->count; u++)
        bp_cpuset_add(mask, units->machine->bytes,
                      units->slots[units->units[row[u]].first].pu);
}

void bp_mask_bind(const struct bp_plan *plan, const struct bp_seat *seat,
                      const struct bp_spot *spot, uint8_t *mask)
{
    static const enum bp_level levels[] = {
        [BP_OBJECT_CORE] = BP_LEVEL_CORE, [BP_OBJECT_L1] = BP_LEVEL_L1,
        [BP_OBJECT_L2] = BP_LEVEL_L2,     [BP_OBJECT_L3] = BP_LEVEL_L3,
        [BP_OBJECT_NUMA] = BP_LEVEL_NUMA, [BP_OBJECT_PACKAGE] = BP_LEVEL_PACKAGE};
    const uint32_t *row = plan->units + spot->first;
    enum bp_object bind = plan->request->bind_to;
    if (bind == BP_OBJECT_HWTHREAD && !plan->policy.threads) {
        first_threads(&seat->units, spot, row, mask);
        return;
    }
    bp_units_mask(&seat->units, row, spot->count, mask, seat->units.machine->bytes);
    if (bind >= BP_OBJECT_CORE)
        widen(&seat->units, levels[bind], mask);
}
