/* SPDX-License-Identifier: BSD-3-Clause */
/* map.c - the finished map: its masks, its warnings, and one line of text a rank. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "placement/plan.h"

void bp_map_warn(struct bp_map *map, const char *format, ...)
{
    char text[sizeof(struct bp_error)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    map->warnings = bp_realloc(map->warnings, map->warning_count + 1, sizeof *map->warnings);
    map->warnings[map->warning_count++] = bp_strdup(text);
}

void bp_map_free(struct bp_map *map)
{
    if (map == NULL)
        return;
    for (size_t i = 0; i < map->warning_count; i++)
        free(map->warnings[i]);
    free(map->warnings);
    free(map->ranks);
    free(map->nodes);
    free(map->masks);
    free(map->gpus);
    free(map);
}

/* Units of a seat in the order of the computer, so that ranks side by side are so there too. */
static int compare_units(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Seats with ranks become nodes; returns the bytes that the masks of all ranks and nodes take. */
static size_t fill_nodes(struct bp_map *map, struct bp_plan *plan, uint32_t *node_of_seat)
{
    size_t bytes = 0;
    for (size_t i = 0; i < plan->seat_count; i++) {
        struct bp_seat *seat = &plan->seats[i];
        if (seat->ranks == 0)
            continue;
        node_of_seat[i] = map->node_count;
        map->nodes[map->node_count++] = (struct bp_map_node){
            .number = seat->number, .index = seat->index, .ranks = seat->ranks};
        bytes += ((size_t)seat->ranks + 1) * seat->cores.machine->taken_bytes;
        if (!plan->shared)
            qsort(seat->units, seat->ranks, plan->cpus * sizeof *seat->units, compare_units);
    }
    return bytes;
}

/* Masks of a job that has its cores for itself. */
static void fill_masks(struct bp_map *map, const struct bp_plan *plan)
{
    uint8_t *next = map->masks;
    bool bind = plan->request->bind_to != BP_OBJECT_NONE;
    auto_free uint8_t **taken = bp_calloc(map->node_count, sizeof *taken);
    for (uint32_t rank = 0; rank < map->rank_count; rank++) {
        struct bp_map_rank *row = &map->ranks[rank];
        struct bp_map_node *node = &map->nodes[row->node];
        const struct bp_seat *seat = &plan->seats[plan->seat_of[rank]];
        size_t bytes = seat->cores.machine->taken_bytes;
        if (taken[row->node] == NULL) {
            node->taken = taken[row->node] = next;
            node->taken_bytes = bytes;
            next += bytes;
        }
        const uint32_t *units = seat->units + (size_t)row->local * plan->cpus;
        bp_cores_mask(&seat->cores, units, plan->cpus, taken[row->node], bytes);
        if (!bind)
            continue;
        bp_cores_mask(&seat->cores, units, plan->cpus, next, bytes);
        row->cpus = next;
        row->cpus_bytes = bytes;
        next += bytes;
    }
}

void bp_map_fill(struct bp_map *map, struct bp_plan *plan)
{
    auto_free uint32_t *node_of_seat = bp_calloc(plan->seat_count, sizeof *node_of_seat);
    auto_free uint32_t *locals = bp_calloc(plan->seat_count, sizeof *locals);
    map->nodes = bp_calloc(plan->seat_count, sizeof *map->nodes);
    map->ranks = bp_calloc(plan->ranks, sizeof *map->ranks);
    map->rank_count = plan->ranks;
    size_t bytes = fill_nodes(map, plan, node_of_seat);
    for (uint32_t rank = 0; rank < plan->ranks; rank++) {
        uint32_t seat = plan->seat_of[rank];
        map->ranks[rank].node = node_of_seat[seat];
        map->ranks[rank].local = locals[seat]++;
    }
    if (plan->shared)
        return;
    map->masks = bp_calloc(bytes, 1);
    fill_masks(map, plan);
}

char *bp_map_line(uint32_t rank, int node, const uint8_t *cpus, size_t cpus_bytes,
                  const struct bp_slot *slots, size_t slot_count)
{
    auto_free char *name = bp_nodeset_format(&node, 1, "n");
    if (cpus_bytes == 0)
        return bp_format("rank %u on %s: not bound", rank, name);
    auto_free char *list = bp_cpuset_format(cpus, cpus_bytes);
    uint8_t cores[BP_CPUSET_BYTES_MAX] = {0};
    for (size_t i = 0; i < slot_count; i++)
        if (bp_cpuset_has(cpus, cpus_bytes, slots[i].pu))
            bp_cpuset_add(cores, sizeof cores, slots[i].core);
    unsigned core_count = bp_cpuset_count(cores, sizeof cores);
    if (core_count == 0)
        return bp_format("rank %u on %s: CPUs %s", rank, name, list);
    auto_free char *core_list = bp_cpuset_format(cores, sizeof cores);
    return bp_format("rank %u on %s: core%s %s (CPUs %s)", rank, name, core_count == 1 ? "" : "s",
                     core_list, list);
}
