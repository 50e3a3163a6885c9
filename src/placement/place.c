/* SPDX-License-Identifier: BSD-3-Clause */
/* place.c - from a request and the nodes to a map: beside the other jobs, as if there were none,
 * with GPUs shared, with CPUs shared; the first that works. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "placement/plan.h"

const char *bp_plan_unit(const struct bp_plan *plan, uint32_t count)
{
    if (plan->policy.threads)
        return count == 1 ? "hardware thread" : "hardware threads";
    return count == 1 ? "core" : "cores";
}

char *bp_plan_cpus_word(const struct bp_plan *plan)
{
    const struct bp_place_request *request = plan->request;
    return bp_format("%s%u", request->said_pe ? "pe=" : "-c ", plan->cpus);
}

static void plan_done(struct bp_plan *plan)
{
    for (size_t i = 0; i < plan->seat_count; i++)
        bp_units_done(&plan->seats[i].units);
    for (size_t i = 0; i < plan->machine_count; i++) {
        free(plan->machines[i].taken);
        free(plan->machines[i].used);
    }
    free(plan->seats);
    free(plan->machines);
    free(plan->machine_of);
    free(plan->seat_of);
    free(plan->spots);
    free(plan->units);
    free(plan->gpus);
    free(plan->order);
    bp_map_free(plan->map);
    *plan = (struct bp_plan){0};
}

/* What is asked, of whom. */
struct order {
    const struct bp_place_request *request;
    const struct bp_place_node *nodes;
    size_t node_count;
    struct bp_policy policy;
};

enum { FITS = 0, DOES_NOT_FIT = 1 };

/* A plan in which every rank has what it asked for. FITS; DOES_NOT_FIT, *plan is what was tried; or
 * an error: never. */
static int try(const struct order *order, bool idle, bool gpus_shared, struct bp_plan *plan,
               struct bp_error *err)
{
    plan_done(plan);
    *plan = (struct bp_plan){
        .request = order->request,
        .nodes = order->nodes,
        .node_count = order->node_count,
        .policy = order->policy,
        .gpus_each = order->request->one_each ? 0 : order->request->gpus_per_rank,
        .idle = idle,
        .gpus_shared = gpus_shared,
        .unclaimed = order->request->one_each,
        .overload = order->request->overload || order->request->cpu_map_count > 0,
        .map = bp_calloc(1, sizeof *plan->map),
    };
    if (err != NULL)
        err->text[0] = '\0';
    bp_machines_find(plan);
    int r = bp_plan_choose(plan, err);
    if (r < 0)
        return r;
    if (order->request->one_each && order->request->bind_to <= BP_OBJECT_NONE) {
        plan->spots = bp_calloc(plan->ranks, sizeof *plan->spots);
        return bp_plan_crowd(plan, err);
    }
    r = bp_plan_deal(plan, err);
    plan->unclaimed = order->request->one_each && r < 0;
    return r == -EAGAIN ? DOES_NOT_FIT : r;
}

static bool is_any_used(const struct order *order)
{
    for (size_t i = 0; i < order->node_count; i++) {
        const struct bp_place_node *node = &order->nodes[i];
        for (size_t b = 0; node->used != NULL && b < node->used_bytes; b++)
            if (node->used[b] != 0)
                return true;
        for (size_t b = 0; node->used_devices != NULL && b < node->used_devices_bytes; b++)
            if (node->used_devices[b] != 0)
                return true;
    }
    return false;
}

static uint32_t count_free_gpus(const struct bp_plan *plan)
{
    uint32_t count = 0;
    for (size_t s = 0; s < plan->seat_count; s++) {
        const struct bp_seat *seat = &plan->seats[s];
        const struct bp_machine *machine = seat->units.machine;
        for (uint32_t i = 0; i < seat->hardware->device_count; i++)
            count += seat->hardware->devices[i].kind == BP_DEVICE_GPU &&
                     !bp_cpuset_has(machine->used_devices, sizeof machine->used_devices, i);
    }
    return count;
}

/* Why the plan that was tried beside the other jobs has to wait. */
static int tell_wait(struct bp_plan *plan, struct bp_error *err)
{
    uint64_t cpus = (uint64_t)plan->ranks * plan->cpus;
    uint64_t gpus = (uint64_t)plan->ranks * plan->gpus_each;
    uint32_t free_cpus = bp_plan_count(plan, true), free_gpus = count_free_gpus(plan), alone = 0;
    for (size_t s = 0; s < plan->seat_count; s++)
        alone += !plan->seats[s].busy;
    if (err != NULL && err->text[0] != '\0')
        return -EAGAIN;
    if (plan->request->exclusive && alone < plan->seat_count)
        return bp_error_set(err, -EAGAIN, "needs nodes for itself, %u of %zu %s free", alone,
                            plan->seat_count, alone == 1 ? "is" : "are");
    if (free_cpus < cpus)
        return bp_error_set(err, -EAGAIN, "needs %llu %s, %u %s free", (unsigned long long)cpus,
                            bp_plan_unit(plan, cpus == 1 ? 1 : 2), free_cpus,
                            free_cpus == 1 ? "is" : "are");
    if (free_gpus < gpus)
        return bp_error_set(err, -EAGAIN, "needs %llu GPU%s, %u %s free", (unsigned long long)gpus,
                            gpus == 1 ? "" : "s", free_gpus, free_gpus == 1 ? "is" : "are");
    return bp_error_set(err, -EAGAIN, "%u %s are free, but not where its %u rank%s may be",
                        free_cpus, bp_plan_unit(plan, free_cpus), plan->ranks,
                        plan->ranks == 1 ? "" : "s");
}

/* It does not fit beside the other jobs. Would it without them, then it waits, or shares. */
static int try_idle(const struct order *order, bool gpus_shared, struct bp_plan *plan,
                    struct bp_error *err)
{
    struct bp_plan idle __attribute__((cleanup(plan_done))) = {0};
    struct bp_error why = {0};
    if (!is_any_used(order))
        return DOES_NOT_FIT;
    int r = try(order, true, gpus_shared, &idle, &why);
    if (r == DOES_NOT_FIT)
        return r;
    if (r < 0)
        return bp_error_set(err, r, "%s", why.text);
    if (!order->request->overlap)
        return tell_wait(plan, err);
    plan_done(plan);
    *plan = idle;
    idle = (struct bp_plan){0};
    return FITS;
}

/* More ranks than GPUs: as before, but a GPU may have several ranks. */
static int try_shared_gpus(const struct order *order, struct bp_plan *plan, struct bp_error *err)
{
    struct bp_plan shared __attribute__((cleanup(plan_done))) = {0};
    struct bp_error why = {0};
    enum bp_choice oversubscribe = order->request->oversubscribe;
    int r = try(order, false, true, &shared, &why);
    if (r == DOES_NOT_FIT)
        r = try_idle(order, true, &shared, &why);
    if (r == DOES_NOT_FIT)
        return r;
    if (r < 0)
        return bp_error_set(err, r, "%s", why.text);
    uint32_t gpus = count_free_gpus(&shared);
    if (oversubscribe == BP_CHOICE_NO)
        return bp_error_set(err, -ENOSPC, "%u ranks want %llu GPUs; there %s %u (nooversubscribe)",
                            shared.ranks, (unsigned long long)shared.ranks * shared.gpus_each,
                            gpus == 1 ? "is" : "are", gpus);
    if (oversubscribe == BP_CHOICE_DEFAULT)
        bp_map_warn(shared.map, "%u ranks with %u GPU%s each on %u GPU%s: GPUs are shared",
                    shared.ranks, shared.gpus_each, shared.gpus_each == 1 ? "" : "s", gpus,
                    gpus == 1 ? "" : "s");
    plan_done(plan);
    *plan = shared;
    shared = (struct bp_plan){0};
    return FITS;
}

static int refuse_crowd(struct bp_plan *plan, struct bp_error *err)
{
    uint32_t cpus = bp_plan_count(plan, false);
    uint64_t want = (uint64_t)plan->ranks * plan->cpus;
    return bp_error_set(err, -ENOSPC, "%u ranks want %llu %s; there %s %u (nooversubscribe)",
                        plan->ranks, (unsigned long long)want,
                        bp_plan_unit(plan, want == 1 ? 1 : 2), cpus == 1 ? "is" : "are", cpus);
}

/* More ranks than CPUs even without other jobs. */
static int try_crowd(const struct order *order, struct bp_plan *plan, struct bp_error *err)
{
    if (order->request->oversubscribe == BP_CHOICE_NO)
        return refuse_crowd(plan, err);
    int r = bp_plan_crowd(plan, err);
    if (r != -EAGAIN || !order->request->overlap)
        return r;
    r = try(order, true, true, plan, err);
    return r == DOES_NOT_FIT ? bp_plan_crowd(plan, err) : r;
}

/* The first way that works. */
static int find_plan(const struct order *order, struct bp_plan *plan, struct bp_error *err)
{
    int r = try(order, false, false, plan, err);
    if (r == DOES_NOT_FIT && !order->request->one_each)
        r = try_idle(order, false, plan, err);
    if (r == DOES_NOT_FIT && order->request->gpus_per_rank > 0)
        r = try_shared_gpus(order, plan, err);
    return r == DOES_NOT_FIT ? try_crowd(order, plan, err) : r;
}

int bp_place(const struct bp_place_request *request, const struct bp_place_node *nodes,
             size_t node_count, struct bp_map **ret_map, struct bp_error *err)
{
    struct order order = {.request = request, .nodes = nodes, .node_count = node_count};
    struct bp_plan plan __attribute__((cleanup(plan_done))) = {0};
    if (node_count == 0)
        return bp_error_set(err, -ENOENT, "there is no node to place ranks on");
    if (node_count > BP_PLACE_NODES_MAX)
        return bp_error_set(err, -E2BIG, "%zu nodes, but %d is the most", node_count,
                            BP_PLACE_NODES_MAX);
    int r = bp_policy_find(&order.policy, request, err);
    if (r == 0)
        r = find_plan(&order, &plan, err);
    if (r < 0)
        return r;
    bp_plan_number(&plan);
    bp_map_fill(plan.map, &plan);
    *ret_map = bp_take_ptr(plan.map);
    return 0;
}
