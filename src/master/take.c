/* SPDX-License-Identifier: BSD-3-Clause */
/* take.c - a map becomes the places and ranks of a job, and what they occupy is in use. */
#include <errno.h>

#include "common/cpuset.h"
#include "common/mem.h"
#include "master/master.h"

/* Remembered by what they are: a node that joins again may count them otherwise. */
static void take_devices(struct place *place, const struct bp_map_node *row)
{
    const struct bp_hardware *hardware = &place->node->hardware;
    place->devices = bp_calloc(hardware->device_count, sizeof(struct device *));
    for (unsigned i = 0; i < hardware->device_count; i++) {
        if (!bp_cpuset_has(row->taken_devices, row->taken_devices_bytes, i) ||
            hardware->devices[i].kind != BP_DEVICE_GPU)
            continue; /* all of a node are taken by who has it for himself; NICs are not counted */
        struct device *device = machine_device(place->machine, &hardware->devices[i]);
        place->devices[place->device_count++] = device;
        device->used++;
    }
}

static void fill_places(struct job *job, const struct bp_map *map)
{
    job->place_count = map->node_count;
    job->places = bp_calloc(map->node_count, sizeof *job->places);
    job->no_hfi = 1;
    for (unsigned i = 0; i < map->node_count; i++) {
        const struct bp_map_node *row = &map->nodes[i];
        struct place *place = &job->places[i];
        place->node = node_get(job->master, row->number);
        place->machine = place->node->machine;
        place->machine->references++;
        place->ranks = row->ranks;
        place->taken_bytes = row->taken_bytes;
        place->taken = bp_memdup(row->taken, row->taken_bytes);
        machine_use(place->machine, place->taken, place->taken_bytes, 1);
        take_devices(place, row);
        job->no_hfi &= !place->node->hfi;
    }
}

static void fill_ranks(struct job *job, const struct bp_map *map)
{
    job->proc_count = job->live = map->rank_count;
    job->procs = bp_calloc(map->rank_count, sizeof *job->procs);
    for (uint32_t i = 0; i < map->rank_count; i++) {
        const struct bp_map_rank *row = &map->ranks[i];
        struct proc *proc = &job->procs[i];
        *proc = (struct proc){.rank = i, .place = row->node, .local = row->local,
                              .cpu_bytes = row->cpus_bytes,
                              .cpus = bp_memdup(row->cpus, row->cpus_bytes),
                              .mem_bytes = row->mems_bytes,
                              .mems = bp_memdup(row->mems, row->mems_bytes),
                              .gpu_count = row->gpu_count,
                              .gpus = bp_memdup(row->gpus, row->gpu_count * sizeof *row->gpus),
                              .nic = row->nic + 1}; /* BP_NOWHERE becomes 0 */
    }
}

/* Does a computer, of which several nodes may be parts, get more ranks than it has CPUs? */
static int is_crowded(const struct job *job)
{
    for (unsigned i = 0; i < job->place_count; i++) {
        unsigned ranks = 0, cpus = 0;
        for (unsigned k = 0; k < job->place_count; k++) {
            if (job->places[k].machine != job->places[i].machine)
                continue;
            ranks += job->places[k].ranks;
            if (job->places[k].node->hardware.slot_count > cpus)
                cpus = (unsigned)job->places[k].node->hardware.slot_count;
        }
        if (ranks > cpus)
            return 1;
    }
    return 0;
}

static int is_in_use(const struct node *node, const struct bp_map_node *row)
{
    size_t bytes;
    for (unsigned pu = 0; pu < node->machine->pus; pu++)
        if (node->machine->used[pu] > 0 && bp_cpuset_has(row->taken, row->taken_bytes, pu))
            return 1;
    auto_free uint8_t *devices = machine_device_mask(node->machine, &node->hardware, &bytes);
    for (unsigned i = 0; i < 8 * bytes; i++)
        if (bp_cpuset_has(devices, bytes, i) &&
            bp_cpuset_has(row->taken_devices, row->taken_devices_bytes, i))
            return 1;
    return 0;
}

/* Is it still true: the nodes are there, and nobody else has got the CPUs meanwhile? */
static int is_current(const struct job *job, const struct bp_map *map)
{
    for (unsigned i = 0; i < map->node_count; i++) {
        const struct bp_map_node *row = &map->nodes[i];
        const struct node *node = node_get(job->master, row->number);
        if (node == NULL || !job_may_enter(job, node) || is_in_use(node, row))
            return 0;
    }
    return 1;
}

int place_take(struct job *job, const struct bp_map *map)
{
    if (!is_current(job, map))
        return -ESTALE;
    fill_places(job, map);
    fill_ranks(job, map);
    job->yield = (uint8_t)is_crowded(job);
    job->shared = map->shared;
    return 0;
}

void place_leave(struct job *job, struct place *place)
{
    machine_use(place->machine, place->taken, place->taken_bytes, -1);
    for (unsigned i = 0; i < place->device_count; i++)
        place->devices[i]->used--;
    if (place->taken_bytes > 0 || place->device_count > 0)
        queue_freed(job->master, place->machine);
    free(place->taken);
    free(place->devices);
    place->taken = NULL;
    place->devices = NULL;
    place->taken_bytes = place->device_count = 0;
}

void place_vacate(struct job *job)
{
    for (unsigned i = 0; i < job->place_count; i++)
        place_leave(job, &job->places[i]);
}

void place_release(struct job *job)
{
    place_vacate(job);
    for (unsigned i = 0; i < job->place_count; i++)
        machine_put(job->master, job->places[i].machine);
    job->place_count = 0;
}
