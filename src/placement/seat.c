/* SPDX-License-Identifier: BSD-3-Clause */
/* seat.c - a node in play: what a rank would find there, and the sentence if that is too little. */
#include <errno.h>

#include "common/mem.h"
#include "placement/plan.h"

/* Does another job have anything of what the node may use? */
static bool is_busy(const struct bp_machine *machine, const struct bp_hardware *hardware)
{
    for (size_t i = 0; i < hardware->slot_count; i++)
        if (bp_cpuset_has(machine->used, machine->bytes, hardware->slots[i].pu))
            return true;
    for (size_t i = 0; i < hardware->device_count; i++)
        if (bp_cpuset_has(machine->used_devices, sizeof machine->used_devices, (unsigned)i))
            return true;
    return false;
}

void bp_seat_init(struct bp_seat *seat, const struct bp_plan *plan, size_t index)
{
    const struct bp_place_request *request = plan->request;
    const struct bp_place_node *node = &plan->nodes[index];
    struct bp_machine *machine = plan->machine_of[index];
    *seat = (struct bp_seat){.index = index, .number = node->number, .hardware = node->hardware};
    bp_units_init(&seat->units, node->hardware, machine, plan->policy.threads, request->cpu_list,
                  request->cpu_list_bytes);
    seat->units.limit[BP_LEVEL_PACKAGE] = request->ranks_per_package;
    seat->units.limit[BP_LEVEL_CORE] = request->ranks_per_core;
    if (plan->policy.limit > 0)
        seat->units.limit[plan->policy.level] = plan->policy.limit;
    seat->busy = request->exclusive && is_busy(machine, node->hardware);
}

static const char *level_name(enum bp_level level)
{
    static const char *const names[] = {
        [BP_LEVEL_NODE] = "node", [BP_LEVEL_KIND] = "kind of core", [BP_LEVEL_PACKAGE] = "package",
        [BP_LEVEL_NUMA] = "NUMA node", [BP_LEVEL_L3] = "L3", [BP_LEVEL_L2] = "L2",
        [BP_LEVEL_L1] = "L1", [BP_LEVEL_CORE] = "core"};
    return names[level];
}

const char *bp_plan_object(const struct bp_plan *plan)
{
    if (plan->request->map_object == BP_OBJECT_HWTHREAD)
        return "hardware thread";
    return level_name(plan->policy.level);
}

/* The level inside which a rank must fit. */
static enum bp_level rank_level(const struct bp_plan *plan)
{
    return plan->policy.strict ? plan->policy.level : BP_LEVEL_NODE;
}

/* Units that one rank could have there at most. */
uint32_t bp_seat_room(const struct bp_plan *plan, const struct bp_seat *seat)
{
    if (plan->policy.seek == BP_SEEK_ROW)
        return UINT32_MAX; /* it says what each rank has */
    if (plan->policy.seek == BP_SEEK_LIST)
        return (uint32_t)plan->request->pe_list_count;
    return bp_units_biggest(&seat->units, rank_level(plan));
}

static uint32_t count_devices(const struct bp_seat *seat, enum bp_device_kind kind)
{
    uint32_t count = 0;
    for (size_t i = 0; i < seat->hardware->device_count; i++)
        count += seat->hardware->devices[i].kind == kind;
    return count;
}

static bool has_device(const struct bp_plan *plan, const struct bp_seat *seat)
{
    return plan->policy.seek != BP_SEEK_DEVICE || count_devices(seat, plan->policy.device) > 0;
}

/* Units that ppr's ranks want of each object of a node. */
static uint64_t object_wants(const struct bp_plan *plan)
{
    const struct bp_place_request *request = plan->request;
    uint32_t ranks = request->map_count;
    if (request->ranks > 0 && request->ranks < ranks)
        ranks = request->ranks;
    return (uint64_t)ranks * plan->cpus;
}

static uint32_t object_room(const struct bp_plan *plan, const struct bp_seat *seat)
{
    return plan->request->map_object == BP_OBJECT_HWTHREAD
               ? 1
               : bp_units_smallest(&seat->units, plan->policy.level);
}

/* The smallest object has less, and nobody said that ranks may share CPUs. Where the object is the
 * node itself, that is as with any job of more ranks than CPUs. */
static bool is_object_short(const struct bp_plan *plan, const struct bp_seat *seat)
{
    const struct bp_place_request *request = plan->request;
    if (request->map_by != BP_MAP_PPR || request->map_object == BP_OBJECT_NODE ||
        request->oversubscribe == BP_CHOICE_YES || request->overload)
        return false;
    return object_room(plan, seat) < object_wants(plan);
}

static int object_short(const struct bp_plan *plan, const struct bp_seat *seat,
                        struct bp_error *err)
{
    auto_free char *name = bp_nodeset_format(&seat->number, 1, "n");
    const char *object = bp_plan_object(plan);
    uint64_t wants = object_wants(plan);
    bool one = wants == plan->cpus;
    return bp_error_set(err, -ENOSPC, "%llu rank%s on each %s want%s %llu %s there; %s has one "
                        "with %u (--oversubscribe lets ranks share them)",
                        (unsigned long long)wants / plan->cpus, one ? "" : "s", object,
                        one ? "s" : "", (unsigned long long)wants,
                        bp_plan_unit(plan, wants == 1 ? 1 : 2), name, object_room(plan, seat));
}

/* Could one rank be there, if it were alone? */
static bool is_big_enough(const struct bp_plan *plan, const struct bp_seat *seat)
{
    return seat->units.count > 0 && bp_seat_room(plan, seat) >= plan->cpus &&
           !is_object_short(plan, seat) &&
           count_devices(seat, BP_DEVICE_GPU) >= plan->gpus_each && has_device(plan, seat);
}

static int too_small(const struct bp_plan *plan, const struct bp_seat *seat, struct bp_error *err)
{
    auto_free char *name = bp_nodeset_format(&seat->number, 1, "n");
    uint32_t gpus = count_devices(seat, BP_DEVICE_GPU);
    if (seat->units.count == 0 && plan->request->cpu_list != NULL)
        return bp_error_set(err, -ENOSPC, "%s may use none of the CPUs of --cpu-set", name);
    if (seat->units.count == 0)
        return bp_error_set(err, -ENOSPC, "%s has no CPU for this job", name);
    if (gpus < plan->gpus_each)
        return bp_error_set(err, -ENOSPC,
                            "--gpus-per-task %u wants %u GPU%s on one node; %s has %u",
                            plan->gpus_each, plan->gpus_each, plan->gpus_each == 1 ? "" : "s",
                            name, gpus);
    if (!has_device(plan, seat))
        return bp_error_set(err, -ENOSPC, "--map-by device=%s: %s has none",
                            plan->policy.device == BP_DEVICE_GPU ? "gpu" : "nic", name);
    if (bp_seat_room(plan, seat) >= plan->cpus)
        return object_short(plan, seat, err);
    auto_free char *word = bp_plan_cpus_word(plan);
    return bp_error_set(err, -ENOSPC, "%s wants %u %s %s one %s; %s has %u", word, plan->cpus,
                        bp_plan_unit(plan, plan->cpus), plan->policy.strict ? "in" : "on",
                        plan->policy.seek == BP_SEEK_LIST ? "pe-list" :
                        level_name(rank_level(plan)), name, bp_seat_room(plan, seat));
}

/* Which of two nodes tells better what is missing? */
static bool is_bigger(const struct bp_plan *plan, const struct bp_seat *a, const struct bp_seat *b)
{
    uint32_t gpus_a = count_devices(a, BP_DEVICE_GPU), gpus_b = count_devices(b, BP_DEVICE_GPU);
    if (plan->gpus_each > 0 && gpus_a != gpus_b)
        return gpus_a > gpus_b;
    return bp_seat_room(plan, a) > bp_seat_room(plan, b);
}

int bp_seats_drop_small(struct bp_plan *plan, struct bp_error *err)
{
    const struct bp_seat *biggest = &plan->seats[0];
    size_t kept = 0;
    for (size_t i = 0; i < plan->seat_count; i++) {
        bool fits = is_big_enough(plan, &plan->seats[i]);
        if (!fits && i < plan->listed)
            return too_small(plan, &plan->seats[i], err);
        if (is_bigger(plan, &plan->seats[i], biggest))
            biggest = &plan->seats[i];
        kept += fits;
    }
    if (kept == 0)
        return too_small(plan, biggest, err);
    kept = 0;
    for (size_t i = 0; i < plan->seat_count; i++) {
        if (is_big_enough(plan, &plan->seats[i]))
            plan->seats[kept++] = plan->seats[i];
        else
            bp_units_done(&plan->seats[i].units);
    }
    plan->seat_count = kept;
    return 0;
}

uint32_t bp_seat_limit(const struct bp_plan *plan, const struct bp_seat *seat)
{
    return seat->most > 0 && seat->most < plan->per_node ? seat->most : plan->per_node;
}

uint64_t bp_seat_quota(const struct bp_plan *plan, const struct bp_seat *seat)
{
    const struct bp_place_request *request = plan->request;
    uint32_t objects = request->map_object == BP_OBJECT_HWTHREAD
                           ? seat->units.count
                           : bp_units_objects(&seat->units, plan->policy.level);
    return (uint64_t)objects * request->map_count;
}
