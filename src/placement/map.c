/* SPDX-License-Identifier: BSD-3-Clause */
/* map.c - the finished map: CPUs, memory and devices of each rank, warnings, a line of text a
 * rank. */
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

/* A map being filled. */
struct filler {
    struct bp_map *map;
    const struct bp_plan *plan;
    uint8_t *next;        /* of the masks */
    uint32_t *next_gpu;
    uint8_t **taken;      /* of each node of the map */
    uint8_t **devices;
    const struct bp_seat **seats; /* of each node of the map */
};

static size_t mem_bytes(const struct bp_hardware *hardware)
{
    uint32_t most = 0;
    for (size_t i = 0; i < hardware->numa_count; i++)
        most = hardware->numas[i].os > most ? hardware->numas[i].os : most;
    return bp_cpuset_bytes(most + 1);
}

static uint8_t *new_mask(struct filler *f, size_t bytes)
{
    uint8_t *mask = f->next;
    f->next += bytes;
    return mask;
}

/* Seats with ranks become nodes. Returns the bytes that all masks take. */
static size_t fill_nodes(struct filler *f, uint32_t *node_of_seat)
{
    size_t bytes = 0;
    struct bp_map *map = f->map;
    for (size_t i = 0; i < f->plan->seat_count; i++) {
        const struct bp_seat *seat = &f->plan->seats[i];
        if (seat->ranks == 0)
            continue;
        size_t each = seat->units.machine->bytes;
        node_of_seat[i] = map->node_count;
        f->seats[map->node_count] = seat;
        map->nodes[map->node_count++] = (struct bp_map_node){
            .number = seat->number, .index = seat->index, .ranks = seat->ranks};
        bytes += each + BP_DEVICES_MAX / 8 + seat->ranks * (each + mem_bytes(seat->hardware));
    }
    return bytes;
}

/* What the rank has for itself, whatever it is bound to. */
static void claim(const struct bp_plan *plan, const struct bp_seat *seat,
                  const struct bp_spot *spot, uint8_t *taken)
{
    if (plan->crowded)
        bp_mask_shared(plan, seat, taken);
    else
        bp_units_mask(&seat->units, plan->units + spot->first, spot->count, taken,
                      seat->units.machine->bytes);
}

static void copy_mask(uint8_t *to, size_t bytes, const struct bp_cpu_mask *from)
{
    for (size_t b = 0; b < bytes && b < from->bytes; b++)
        to[b] |= from->cpus[b];
}

/* The mask of one rank; NULL = it is not bound. */
static uint8_t *rank_mask(struct filler *f, const struct bp_seat *seat,
                          const struct bp_spot *spot, uint32_t local)
{
    const struct bp_place_request *request = f->plan->request;
    size_t bytes = seat->units.machine->bytes;
    if (request->bind_to == BP_OBJECT_NONE)
        return NULL;
    uint8_t *mask = new_mask(f, bytes);
    if (request->cpu_map_count > 0)
        copy_mask(mask, bytes, &request->cpu_maps[local % request->cpu_map_count]);
    else if (f->plan->crowded)
        bp_mask_shared(f->plan, seat, mask);
    else
        bp_mask_bind(f->plan, seat, spot, mask);
    return mask;
}

/* The memory nearest to a NUMA node's CPUs: its own, or the nearest one's if it has none. */
static uint32_t memory_near(const struct bp_hardware *hardware, uint32_t numa)
{
    uint32_t best = BP_NOWHERE;
    size_t count = hardware->numa_count;
    if (numa < count && hardware->numas[numa].has_memory)
        return numa;
    for (uint32_t i = 0; i < count; i++)
        if (hardware->numas[i].has_memory &&
            (best == BP_NOWHERE ||
             (numa < count && hardware->distances != NULL &&
              hardware->distances[numa * count + i] < hardware->distances[numa * count + best])))
            best = i;
    return best;
}

static void fill_memory(struct filler *f, const struct bp_seat *seat, struct bp_map_rank *row,
                        const uint8_t *taken)
{
    const struct bp_hardware *hardware = seat->hardware;
    size_t bytes = mem_bytes(hardware);
    if (!f->plan->request->mem_local || hardware->numa_count == 0)
        return;
    uint8_t *mems = new_mask(f, bytes);
    const uint8_t *cpus = row->cpus_bytes > 0 ? row->cpus : taken;
    for (uint32_t i = 0; i < seat->units.slot_count; i++) {
        const struct bp_slot *slot = &seat->units.slots[i];
        if (!bp_cpuset_has(cpus, seat->units.machine->bytes, slot->pu))
            continue;
        uint32_t numa = memory_near(hardware, slot->numa);
        if (numa == BP_NOWHERE)
            continue;
        bp_cpuset_add(mems, bytes, hardware->numas[numa].os);
        row->mems = mems;
        row->mems_bytes = bytes;
    }
}

/* Where the rank is: its first unit, or the first CPU that the user named. NULL: anywhere. */
static const struct bp_slot *rank_slot(const struct bp_plan *plan, const struct bp_seat *seat,
                                       const struct bp_spot *spot, const struct bp_map_rank *row)
{
    const struct bp_units *units = &seat->units;
    if (plan->request->cpu_map_count > 0)
        return bp_named_slot(plan, seat, row->local);
    return spot->count > 0 ? &units->slots[units->units[plan->units[spot->first]].first] : NULL;
}

static void fill_devices(struct filler *f, const struct bp_seat *seat,
                         const struct bp_spot *spot, struct bp_map_rank *row)
{
    const struct bp_plan *plan = f->plan;
    const struct bp_device *devices = seat->hardware->devices;
    const struct bp_slot *slot = rank_slot(plan, seat, spot, row);
    row->nic = BP_NOWHERE;
    if (spot->count > 0 && spot->lead != BP_NOWHERE && devices[spot->lead].kind == BP_DEVICE_NIC)
        row->nic = spot->lead;
    else if (slot != NULL)
        row->nic = bp_nearest_nic(seat->hardware, slot);
    row->gpus = f->next_gpu;
    row->gpu_count = plan->gpus_each;
    for (uint32_t k = 0; k < plan->gpus_each; k++) {
        uint32_t gpu = plan->gpus[spot->gpus + k];
        if (plan->request->gpu_bind == BP_GPU_MAP)
            gpu = bp_mapped_gpu(plan, seat, row->local, k);
        *f->next_gpu++ = gpu;
        bp_cpuset_add(f->devices[row->node], BP_DEVICES_MAX / 8, gpu);
    }
}

static void fill_rank(struct filler *f, uint32_t rank)
{
    const struct bp_plan *plan = f->plan;
    struct bp_map_rank *row = &f->map->ranks[rank];
    const struct bp_spot *spot = &plan->spots[plan->order[rank]];
    const struct bp_seat *seat = f->seats[row->node];
    uint8_t *taken = f->taken[row->node];
    size_t bytes = seat->units.machine->bytes;
    row->nic = BP_NOWHERE;
    if (plan->unclaimed)
        return;
    if (plan->request->cpu_map_count == 0 || plan->request->bind_to == BP_OBJECT_NONE)
        claim(plan, seat, spot, taken);
    row->cpus = rank_mask(f, seat, spot, row->local);
    row->cpus_bytes = row->cpus != NULL ? bytes : 0;
    for (size_t b = 0; b < row->cpus_bytes; b++)
        taken[b] |= row->cpus[b];
    fill_memory(f, seat, row, taken);
    fill_devices(f, seat, spot, row);
}

/* What the job has of each node: whole cores, or all of it. */
static void fill_taken(struct filler *f)
{
    for (uint32_t n = 0; n < f->map->node_count; n++) {
        struct bp_map_node *node = &f->map->nodes[n];
        const struct bp_hardware *hardware = f->seats[n]->hardware;
        const struct bp_units *units = &f->seats[n]->units;
        bool all = f->plan->request->exclusive;
        for (size_t i = 0; all && i < hardware->slot_count; i++)
            bp_cpuset_add(f->taken[n], units->machine->bytes, hardware->slots[i].pu);
        for (size_t i = 0; all && i < hardware->device_count; i++)
            bp_cpuset_add(f->devices[n], BP_DEVICES_MAX / 8, (unsigned)i);
        bp_mask_whole_cores(units, f->taken[n], units->machine->bytes);
        node->taken = f->taken[n];
        node->taken_bytes = units->machine->bytes;
        node->taken_devices = f->devices[n];
        node->taken_devices_bytes = BP_DEVICES_MAX / 8;
    }
}

/* --gpu-bind none: each rank sees all GPUs that the job has on its node. */
static void show_all_gpus(struct filler *f)
{
    struct bp_map *map = f->map;
    uint32_t *all = bp_calloc((size_t)map->node_count * BP_DEVICES_MAX, sizeof *all);
    auto_free uint32_t *counts = bp_calloc(map->node_count, sizeof *counts);
    for (uint32_t n = 0; n < map->node_count; n++)
        for (uint32_t i = 0; i < f->seats[n]->hardware->device_count; i++)
            if (f->seats[n]->hardware->devices[i].kind == BP_DEVICE_GPU &&
                bp_cpuset_has(f->devices[n], BP_DEVICES_MAX / 8, i))
                all[n * BP_DEVICES_MAX + counts[n]++] = i;
    for (uint32_t r = 0; r < map->rank_count; r++) {
        map->ranks[r].gpus = all + (size_t)map->ranks[r].node * BP_DEVICES_MAX;
        map->ranks[r].gpu_count = counts[map->ranks[r].node];
    }
    free(map->gpus);
    map->gpus = all;
}

static void fill_rows(struct filler *f, const uint32_t *node_of_seat)
{
    struct bp_map *map = f->map;
    auto_free uint32_t *locals = bp_calloc(map->node_count, sizeof *locals);
    for (uint32_t n = 0; n < map->node_count; n++) {
        f->taken[n] = new_mask(f, f->seats[n]->units.machine->bytes);
        f->devices[n] = new_mask(f, BP_DEVICES_MAX / 8);
    }
    for (uint32_t rank = 0; rank < map->rank_count; rank++) {
        struct bp_map_rank *row = &map->ranks[rank];
        row->node = node_of_seat[f->plan->spots[f->plan->order[rank]].seat];
        row->local = locals[row->node]++;
        fill_rank(f, rank);
    }
}

void bp_map_fill(struct bp_map *map, const struct bp_plan *plan)
{
    auto_free uint32_t *node_of_seat = bp_calloc(plan->seat_count, sizeof *node_of_seat);
    auto_free uint8_t **taken = bp_calloc(plan->seat_count, sizeof *taken);
    auto_free uint8_t **devices = bp_calloc(plan->seat_count, sizeof *devices);
    auto_free const struct bp_seat **seats = bp_calloc(plan->seat_count, sizeof *seats);
    struct filler f = {.map = map, .plan = plan, .taken = taken, .devices = devices,
                       .seats = seats};
    map->nodes = bp_calloc(plan->seat_count, sizeof *map->nodes);
    map->ranks = bp_calloc(plan->ranks, sizeof *map->ranks);
    map->gpus = bp_calloc((size_t)plan->ranks * plan->gpus_each, sizeof *map->gpus);
    map->rank_count = plan->ranks;
    map->shared = plan->crowded && !plan->unclaimed;
    size_t bytes = fill_nodes(&f, node_of_seat);
    map->masks = f.next = bp_calloc(bytes, 1);
    f.next_gpu = map->gpus;
    fill_rows(&f, node_of_seat);
    if (!plan->unclaimed && !plan->request->overlap)
        fill_taken(&f);
    if (plan->request->gpu_bind == BP_GPU_NONE && plan->gpus_each > 0)
        show_all_gpus(&f);
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
