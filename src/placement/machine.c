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
    if (bytes > machine->taken_bytes)
        machine->taken_bytes = bytes;
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
    for (size_t i = 0; i < plan->machine_count; i++)
        plan->machines[i].taken = bp_calloc(plan->machines[i].taken_bytes, 1);
    bp_machines_reset(plan, true);
}

void bp_machines_reset(struct bp_plan *plan, bool with_used)
{
    for (size_t i = 0; i < plan->machine_count; i++)
        memset(plan->machines[i].taken, 0, plan->machines[i].taken_bytes);
    for (size_t i = 0; with_used && i < plan->node_count; i++)
        for (size_t b = 0; plan->nodes[i].used != NULL && b < plan->nodes[i].used_bytes; b++)
            plan->machine_of[i]->taken[b] |= plan->nodes[i].used[b];
}
