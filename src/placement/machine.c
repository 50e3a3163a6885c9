/* SPDX-License-Identifier: BSD-3-Clause */
/* machine.c - the computers under the nodes, each with one mask of the CPUs that are taken. */
#include <string.h>

#include "common/mem.h"
#include "placement/plan.h"

struct stand {
    uint32_t machine;
    size_t node;
};

static int compare_stands(const void *a, const void *b)
{
    const struct stand *x = a, *y = b;
    if (x->machine != y->machine)
        return x->machine < y->machine ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

static void grow(struct bp_machine *machine, const struct bp_place_node *node)
{
    size_t bytes = node->used_bytes;
    for (size_t i = 0; i < node->hardware->slot_count; i++) {
        size_t need = bp_cpuset_bytes(node->hardware->slots[i].pu + 1);
        bytes = need > bytes ? need : bytes;
    }
    if (bytes > machine->bytes)
        machine->bytes = bytes;
}

/* What other jobs have. A core of which they have one thread is theirs. */
static void add_used(struct bp_machine *machine, const struct bp_place_node *node)
{
    uint8_t cores[BP_CPUSET_BYTES_MAX] = {0};
    const struct bp_hardware *hardware = node->hardware;
    for (size_t b = 0; node->used != NULL && b < node->used_bytes; b++)
        machine->used[b] |= node->used[b];
    for (size_t i = 0; i < hardware->slot_count; i++)
        if (bp_cpuset_has(machine->used, machine->bytes, hardware->slots[i].pu))
            bp_cpuset_add(cores, sizeof cores, hardware->slots[i].core);
    for (size_t i = 0; i < hardware->slot_count; i++)
        if (bp_cpuset_has(cores, sizeof cores, hardware->slots[i].core))
            bp_cpuset_add(machine->used, machine->bytes, hardware->slots[i].pu);
    for (size_t b = 0; node->used_devices != NULL && b < node->used_devices_bytes &&
                       b < sizeof machine->used_devices; b++)
        machine->used_devices[b] |= node->used_devices[b];
}

void bp_machines_find(struct bp_plan *plan)
{
    auto_free struct stand *stands = bp_calloc(plan->node_count, sizeof *stands);
    for (size_t i = 0; i < plan->node_count; i++)
        stands[i] = (struct stand){plan->nodes[i].machine, i};
    qsort(stands, plan->node_count, sizeof *stands, compare_stands);

    plan->machines = bp_calloc(plan->node_count, sizeof *plan->machines);
    plan->machine_of = bp_calloc(plan->node_count, sizeof(struct bp_machine *));
    for (size_t i = 0; i < plan->node_count; i++) {
        if (i == 0 || stands[i].machine != stands[i - 1].machine)
            plan->machines[plan->machine_count++].id = stands[i].machine;
        struct bp_machine *machine = &plan->machines[plan->machine_count - 1];
        plan->machine_of[stands[i].node] = machine;
        grow(machine, &plan->nodes[stands[i].node]);
    }
    for (size_t i = 0; i < plan->machine_count; i++) {
        plan->machines[i].used = bp_calloc(plan->machines[i].bytes, 1);
        plan->machines[i].taken = bp_calloc(plan->machines[i].bytes, 1);
    }
    for (size_t i = 0; !plan->idle && i < plan->node_count; i++)
        add_used(plan->machine_of[i], &plan->nodes[i]);
    bp_machines_reset(plan);
}

void bp_machines_reset(struct bp_plan *plan)
{
    for (size_t i = 0; i < plan->machine_count; i++) {
        struct bp_machine *machine = &plan->machines[i];
        if (machine->bytes > 0)
            memcpy(machine->taken, machine->used, machine->bytes);
        machine->version++;
    }
}
