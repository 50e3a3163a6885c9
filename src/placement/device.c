/* SPDX-License-Identifier: BSD-3-Clause */
/* device.c - which GPUs a rank gets, and what is near: by L3 cache, NUMA distance, package. */
#include <errno.h>

#include "common/mem.h"
#include "placement/plan.h"

/* As firmware tells them, where the real ones are not known. */
enum { NEAR_L3 = 1, NEAR_NUMA = 10, NEAR_PACKAGE = 20, FAR = 40 };

uint32_t bp_device_distance(const struct bp_hardware *hardware, const struct bp_slot *slot,
                            const struct bp_device *device)
{
    size_t numas = hardware->numa_count;
    if (device->l3 != BP_NOWHERE && device->l3 == slot->l3)
        return NEAR_L3;
    if (device->numa != BP_NOWHERE && device->numa == slot->numa)
        return NEAR_NUMA;
    if (device->numa < numas && slot->numa < numas && hardware->distances != NULL)
        return hardware->distances[slot->numa * numas + device->numa];
    return device->package == slot->package ? NEAR_PACKAGE : FAR;
}

static uint32_t distance(const struct bp_hardware *hardware, const struct bp_slot *slot,
                         uint32_t device)
{
    return bp_device_distance(hardware, slot, &hardware->devices[device]);
}

static bool is_gpu(const struct bp_seat *seat, uint32_t i)
{
    return seat->hardware->devices[i].kind == BP_DEVICE_GPU;
}

static bool is_used(const struct bp_seat *seat, uint32_t i)
{
    const struct bp_machine *machine = seat->units.machine;
    return bp_cpuset_has(machine->used_devices, sizeof machine->used_devices, i);
}

/* May one more rank have this GPU? */
static bool is_available(const struct bp_plan *plan, const struct bp_seat *seat, uint32_t i)
{
    uint64_t share = plan->request->gpu_share > 0 ? plan->request->gpu_share : 1;
    if (plan->gpus_shared)
        share *= plan->pass; /* all GPUs have one rank before any has two */
    return is_gpu(seat, i) && !is_used(seat, i) && seat->units.machine->device_load[i] < share;
}

/* The n-th GPU of the node, or BP_NOWHERE. */
static uint32_t gpu_number(const struct bp_seat *seat, uint32_t n)
{
    for (uint32_t i = 0; i < seat->hardware->device_count; i++)
        if (is_gpu(seat, i) && n-- == 0)
            return i;
    return BP_NOWHERE;
}

int bp_seat_check_gpus(const struct bp_plan *plan, const struct bp_seat *seat, struct bp_error *err)
{
    const struct bp_place_request *request = plan->request;
    for (size_t i = 0; plan->gpus_each > 0 && i < request->gpu_map_count; i++)
        if (gpu_number(seat, request->gpu_map[i]) == BP_NOWHERE) {
            auto_free char *name = bp_nodeset_format(&seat->number, 1, "n");
            return bp_error_set(err, -ENOSPC, "--gpu-bind map: %s has no GPU %u", name,
                                request->gpu_map[i]);
        }
    return 0;
}

uint32_t bp_mapped_gpu(const struct bp_plan *plan, const struct bp_seat *seat, uint32_t local,
                       uint32_t k)
{
    const struct bp_place_request *request = plan->request;
    size_t at = ((size_t)local * plan->gpus_each + k) % request->gpu_map_count;
    return gpu_number(seat, request->gpu_map[at]);
}

bool bp_seat_has_gpus(const struct bp_plan *plan, const struct bp_seat *seat)
{
    uint32_t available = 0;
    if (plan->request->gpu_bind == BP_GPU_MAP && plan->gpus_each > 0) {
        for (uint32_t k = 0; k < plan->gpus_each; k++) {
            uint32_t gpu = bp_mapped_gpu(plan, seat, seat->ranks, k);
            if (gpu == BP_NOWHERE || is_used(seat, gpu))
                return false;
        }
        return true;
    }
    for (uint32_t i = 0; available < plan->gpus_each && i < seat->hardware->device_count; i++)
        available += is_available(plan, seat, i);
    return available >= plan->gpus_each;
}

/* Ranks of this job on the GPUs that share the NUMA node, or the package, of GPU i. */
static uint32_t load_around(const struct bp_seat *seat, uint32_t i, bool numa)
{
    const struct bp_device *devices = seat->hardware->devices;
    uint32_t load = 0;
    for (uint32_t k = 0; k < seat->hardware->device_count; k++)
        if (is_gpu(seat, k) && (numa ? devices[k].numa == devices[i].numa
                                     : devices[k].package == devices[i].package))
            load += seat->units.machine->device_load[k];
    return load;
}

/* Is GPU a better for a rank that may be anywhere than b: where this job has less. */
static bool is_better_lead(const struct bp_seat *seat, uint32_t a, uint32_t b)
{
    const uint32_t *load = seat->units.machine->device_load;
    if (load[a] != load[b])
        return load[a] < load[b];
    for (int numa = 0; numa <= 1; numa++) {
        uint32_t around_a = load_around(seat, a, numa), around_b = load_around(seat, b, numa);
        if (around_a != around_b)
            return around_a < around_b;
    }
    return false;
}

uint32_t bp_seat_lead_device(const struct bp_plan *plan, struct bp_seat *seat)
{
    const struct bp_hardware *hardware = seat->hardware;
    uint32_t best = BP_NOWHERE;
    if (plan->policy.seek != BP_SEEK_DEVICE || hardware->device_count == 0)
        return best;
    if (plan->policy.device == BP_DEVICE_GPU && plan->gpus_each > 0) {
        for (uint32_t i = 0; i < hardware->device_count; i++)
            if (is_available(plan, seat, i) &&
                (best == BP_NOWHERE || is_better_lead(seat, i, best)))
                best = i;
        return best;
    }
    for (uint32_t i = 0; i < hardware->device_count; i++) {
        uint32_t at = (seat->next_device + i) % (uint32_t)hardware->device_count;
        if (hardware->devices[at].kind == plan->policy.device) {
            seat->next_device = at + 1;
            return at;
        }
    }
    return best;
}

/* Is available GPU a better for the rank than b: less shared, then near its first CPU. */
static bool is_nearer(const struct bp_seat *seat, const struct bp_slot *slot, uint32_t a,
                      uint32_t b)
{
    const uint32_t *load = seat->units.machine->device_load;
    if (load[a] != load[b])
        return load[a] < load[b];
    return slot != NULL &&
           distance(seat->hardware, slot, a) < distance(seat->hardware, slot, b);
}

static uint32_t nearest_gpu(const struct bp_plan *plan, const struct bp_seat *seat,
                            const struct bp_slot *slot, const uint8_t *mine)
{
    uint32_t best = BP_NOWHERE;
    for (uint32_t i = 0; i < seat->hardware->device_count; i++)
        if (is_available(plan, seat, i) && !bp_cpuset_has(mine, BP_DEVICES_MAX / 8, i) &&
            (best == BP_NOWHERE || is_nearer(seat, slot, i, best)))
            best = i;
    return best;
}

const struct bp_slot *bp_named_slot(const struct bp_plan *plan, const struct bp_seat *seat,
                                    uint32_t local)
{
    const struct bp_place_request *request = plan->request;
    const struct bp_cpu_mask *mask = &request->cpu_maps[local % request->cpu_map_count];
    for (uint32_t i = 0; i < seat->units.slot_count; i++)
        if (bp_cpuset_has(mask->cpus, mask->bytes, seat->units.slots[i].pu))
            return &seat->units.slots[i];
    return NULL;
}

/* The caller has asked bp_seat_has_gpus. */
void bp_seat_take_gpus(struct bp_plan *plan, struct bp_seat *seat, uint32_t lead,
                       struct bp_spot *spot)
{
    uint8_t mine[BP_DEVICES_MAX / 8] = {0};
    const struct bp_units *units = &seat->units;
    const struct bp_slot *slot = NULL;
    if (plan->request->cpu_map_count > 0)
        slot = bp_named_slot(plan, seat, seat->ranks);
    else if (spot->count > 0)
        slot = &units->slots[units->units[plan->units[spot->first]].first];
    spot->gpus = (uint32_t)plan->gpu_count;
    for (uint32_t k = 0; k < plan->gpus_each; k++) {
        uint32_t gpu = lead;
        if (plan->request->gpu_bind == BP_GPU_MAP)
            gpu = bp_mapped_gpu(plan, seat, seat->ranks, k);
        else if (k > 0 || lead == BP_NOWHERE || !is_available(plan, seat, lead))
            gpu = nearest_gpu(plan, seat, slot, mine);
        bp_cpuset_add(mine, sizeof mine, gpu);
        plan->gpus[plan->gpu_count++] = gpu;
    }
    for (uint32_t k = 0; k < plan->gpus_each; k++)
        units->machine->device_load[plan->gpus[spot->gpus + k]]++;
}

uint32_t bp_nearest_nic(const struct bp_hardware *hardware, const struct bp_slot *slot)
{
    uint32_t best = BP_NOWHERE;
    for (uint32_t i = 0; i < hardware->device_count; i++)
        if (hardware->devices[i].kind == BP_DEVICE_NIC &&
            (best == BP_NOWHERE || distance(hardware, slot, i) < distance(hardware, slot, best)))
            best = i;
    return best;
}
