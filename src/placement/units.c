/* SPDX-License-Identifier: BSD-3-Clause */
/* units.c - the cores or hardware threads of one node in placement order, and what is free. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "placement/units.h"

#define KEYS (BP_LEVELS + 1)

uint32_t bp_slot_object(const struct bp_slot *slot, enum bp_level level)
{
    switch (level) {
    case BP_LEVEL_KIND:
        return BP_CPUS_MAX - slot->kind; /* the fastest first */
    case BP_LEVEL_PACKAGE:
        return slot->package;
    case BP_LEVEL_NUMA:
        return slot->numa;
    case BP_LEVEL_L3:
        return slot->l3;
    case BP_LEVEL_L2:
        return slot->l2;
    case BP_LEVEL_L1:
        return slot->l1;
    case BP_LEVEL_CORE:
        return slot->core;
    default:
        return 0;
    }
}

/* The first level at which two slots differ; BP_LEVELS = two threads of one core. */
static int slots_differ_at(const struct bp_slot *a, const struct bp_slot *b, int *ret_order)
{
    for (int level = 0; level < BP_LEVELS; level++) {
        uint32_t x = bp_slot_object(a, (enum bp_level)level);
        uint32_t y = bp_slot_object(b, (enum bp_level)level);
        *ret_order = (x > y) - (x < y);
        if (*ret_order != 0)
            return level;
    }
    *ret_order = (a->pu > b->pu) - (a->pu < b->pu);
    return BP_LEVELS;
}

static int compare_slots(const void *a, const void *b)
{
    int order;
    slots_differ_at(a, b, &order);
    return order;
}

/* Begin a unit at slot `at`, and a domain at each level from `level` on. */
static void begin_unit(struct bp_units *units, uint32_t at, int level)
{
    struct bp_unit *unit = &units->units[units->count];
    for (int l = level; l < BP_LEVELS; l++)
        units->domains[l][units->domain_count[l]++].first = units->count;
    for (int l = 0; l < BP_LEVELS; l++) {
        unit->domain[l] = units->domain_count[l] - 1;
        units->domains[l][unit->domain[l]].end = units->count + 1;
    }
    unit->first = at;
    units->count++;
}

/* An object whose units lie apart, as cores of several kinds do, has one peer that counts for
 * it. */
static void find_peers(struct bp_units *units, int level)
{
    auto_free uint32_t *seen = bp_calloc(BP_CPUS_MAX + 1, sizeof *seen);
    for (uint32_t d = 0; d < units->domain_count[level]; d++) {
        struct bp_domain *domain = &units->domains[level][d];
        const struct bp_slot *slot = &units->slots[units->units[domain->first].first];
        uint32_t *first = &seen[bp_slot_object(slot, (enum bp_level)level)];
        if (*first == 0)
            *first = d + 1;
        domain->peer = *first - 1;
    }
}

static void copy_slots(struct bp_units *units, const struct bp_hardware *hardware,
                       const uint8_t *only, size_t only_bytes)
{
    units->slots = bp_calloc(hardware->slot_count, sizeof *units->slots);
    for (size_t i = 0; i < hardware->slot_count; i++)
        if (only == NULL || bp_cpuset_has(only, only_bytes, hardware->slots[i].pu))
            units->slots[units->slot_count++] = hardware->slots[i];
    if (units->slot_count > 0)
        qsort(units->slots, units->slot_count, sizeof *units->slots, compare_slots);
}

void bp_units_init(struct bp_units *units, const struct bp_hardware *hardware,
                   struct bp_machine *machine, bool threads, const uint8_t *only,
                   size_t only_bytes)
{
    *units = (struct bp_units){.machine = machine, .version = machine->version - 1};
    copy_slots(units, hardware, only, only_bytes);
    units->units = bp_calloc(units->slot_count, sizeof *units->units);
    for (int l = 0; l < BP_LEVELS; l++)
        units->domains[l] = bp_calloc(units->slot_count, sizeof **units->domains);
    for (uint32_t i = 0; i < units->slot_count; i++) {
        int order, level = 0;
        if (i > 0)
            level = slots_differ_at(&units->slots[i - 1], &units->slots[i], &order);
        if (level < BP_LEVELS || threads)
            begin_unit(units, i, level);
        units->units[units->count - 1].end = i + 1;
    }
    for (int l = BP_LEVEL_PACKAGE; l < BP_LEVELS; l++)
        find_peers(units, l);
}

void bp_units_done(struct bp_units *units)
{
    free(units->slots);
    free(units->units);
    for (int l = 0; l < BP_LEVELS; l++)
        free(units->domains[l]);
}

static bool unit_is_free(const struct bp_units *units, const struct bp_unit *unit)
{
    const struct bp_machine *machine = units->machine;
    if (unit->closed)
        return false;
    for (uint32_t i = unit->first; i < unit->end; i++)
        if (bp_cpuset_has(machine->taken, machine->bytes, units->slots[i].pu))
            return false;
    return true;
}

void bp_units_refresh(struct bp_units *units)
{
    if (units->version == units->machine->version)
        return;
    units->version = units->machine->version;
    for (int l = 0; l < BP_LEVELS; l++)
        for (uint32_t d = 0; d < units->domain_count[l]; d++)
            units->domains[l][d].free = 0;
    for (uint32_t i = 0; i < units->count; i++) {
        struct bp_unit *unit = &units->units[i];
        unit->is_free = unit_is_free(units, unit);
        for (int l = 0; l < BP_LEVELS; l++)
            units->domains[l][unit->domain[l]].free += unit->is_free;
    }
}

uint32_t bp_units_free(struct bp_units *units)
{
    bp_units_refresh(units);
    return units->count > 0 ? units->domains[BP_LEVEL_NODE][0].free : 0;
}

uint32_t bp_units_objects(const struct bp_units *units, enum bp_level level)
{
    uint32_t objects = 0;
    for (uint32_t d = 0; d < units->domain_count[level]; d++)
        objects += units->domains[level][d].peer == d;
    return objects;
}

uint32_t bp_units_smallest(const struct bp_units *units, enum bp_level level)
{
    uint32_t count = units->domain_count[level], smallest = units->count;
    auto_free uint32_t *sums = bp_calloc(count + 1, sizeof *sums);
    for (uint32_t d = 0; d < count; d++)
        sums[units->domains[level][d].peer] +=
            units->domains[level][d].end - units->domains[level][d].first;
    for (uint32_t d = 0; d < count; d++)
        if (units->domains[level][d].peer == d && sums[d] < smallest)
            smallest = sums[d];
    return smallest;
}

uint32_t bp_units_biggest(const struct bp_units *units, enum bp_level level)
{
    uint32_t biggest = 0;
    for (uint32_t d = 0; d < units->domain_count[level]; d++) {
        const struct bp_domain *domain = &units->domains[level][d];
        biggest = domain->end - domain->first > biggest ? domain->end - domain->first : biggest;
    }
    return biggest;
}

/* Is no longer free, whatever the reason. */
static void drop_unit(struct bp_units *units, struct bp_unit *unit)
{
    if (!unit->is_free)
        return;
    unit->is_free = false;
    for (int l = 0; l < BP_LEVELS; l++)
        units->domains[l][unit->domain[l]].free--;
}

/* One rank more in the object at `level` around the unit; the last one closes it. */
static void count_rank(struct bp_units *units, const struct bp_unit *unit, int level)
{
    uint32_t peer = units->domains[level][unit->domain[level]].peer;
    if (++units->domains[level][peer].ranks < units->limit[level])
        return;
    for (uint32_t i = 0; i < units->count; i++) {
        struct bp_unit *other = &units->units[i];
        if (units->domains[level][other->domain[level]].peer != peer)
            continue;
        other->closed = true;
        drop_unit(units, other);
    }
}

void bp_units_take(struct bp_units *units, const uint32_t *row, uint32_t count)
{
    struct bp_machine *machine = units->machine;
    for (uint32_t u = 0; u < count; u++) {
        struct bp_unit *unit = &units->units[row[u]];
        for (uint32_t i = unit->first; i < unit->end; i++)
            bp_cpuset_add(machine->taken, machine->bytes, units->slots[i].pu);
        for (int l = 0; l < BP_LEVELS; l++)
            units->domains[l][unit->domain[l]].load++;
        drop_unit(units, unit);
    }
    units->version = ++machine->version;
    for (int l = 0; l < BP_LEVELS; l++)
        if (units->limit[l] > 0)
            count_rank(units, &units->units[row[0]], l);
}

void bp_units_mask(const struct bp_units *units, const uint32_t *row, uint32_t count,
                   uint8_t *mask, size_t bytes)
{
    for (uint32_t u = 0; u < count; u++) {
        const struct bp_unit *unit = &units->units[row[u]];
        for (uint32_t i = unit->first; i < unit->end; i++)
            bp_cpuset_add(mask, bytes, units->slots[i].pu);
    }
}
