// sources: src/placement/choice.c src/placement/crowd.c src/placement/deal.c src/placement/device.c
// src/placement/exact.c src/placement/number.c src/placement/policy.c src/placement/seat.c
// src/placement/seek.c src/placement/units.c
// src/placement/machine.c src/placement/map.c src/placement/place.c src/placement/hardware.c
// src/common/cpuset.c src/common/nodeset.c src/common/mem.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_place.c - any nodes and request: refused, or every rank placed and no CPU given twice. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "placement/placement.h"

#define NODES 6
#define SLOTS 12
#define CPUS  64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *next;
static const uint8_t *end;

static uint32_t byte(uint32_t bound)
{
    return next < end ? *next++ % bound : 0;
}

/* Now and then a number beyond all sense. */
static uint32_t number(uint32_t bound)
{
    uint32_t n = byte(256);
    return n == 255 ? UINT32_MAX : n % bound;
}

static size_t make_slots(struct bp_slot *slots)
{
    size_t count = byte(SLOTS + 1);
    for (size_t i = 0; i < count; i++)
        slots[i] = (struct bp_slot){byte(CPUS), byte(8), byte(4), byte(4), byte(3), byte(3)};
    return count;
}

static void check_map(const struct bp_map *map, const struct bp_place_node *nodes)
{
    bool taken[NODES][CPUS] = {0};
    uint32_t seen[NODES] = {0};
    for (uint32_t r = 0; r < map->rank_count; r++) {
        const struct bp_map_rank *rank = &map->ranks[r];
        if (rank->node >= map->node_count || rank->local != seen[rank->node]++)
            abort();
        const struct bp_place_node *node = &nodes[map->nodes[rank->node].index];
        for (unsigned cpu = 0; cpu < rank->cpus_bytes * 8; cpu++) {
            if (!bp_cpuset_has(rank->cpus, rank->cpus_bytes, cpu))
                continue;
            bool offered = false;
            for (size_t i = 0; i < node->hardware->slot_count; i++)
                offered = offered || node->hardware->slots[i].pu == cpu;
            if (!offered || taken[node->machine][cpu] ||
                bp_cpuset_has(node->used, node->used_bytes, cpu))
                abort();
            taken[node->machine][cpu] = true;
        }
    }
    for (uint32_t n = 0; n < map->node_count; n++)
        if (seen[n] == 0 || seen[n] != map->nodes[n].ranks)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bp_slot slots[NODES][SLOTS];
    struct bp_hardware hardware[NODES];
    struct bp_place_node nodes[NODES];
    uint8_t used[NODES];
    int list[4], exclude[2];
    next = data;
    end = data + size;
    size_t node_count = byte(NODES + 1);
    for (size_t i = 0; i < node_count; i++) {
        hardware[i] = (struct bp_hardware){.slots = slots[i], .slot_count = make_slots(slots[i])};
        used[i] = (uint8_t)byte(256);
        nodes[i] = (struct bp_place_node){.number = (int)byte(9) - 1,
                                          .machine = byte(NODES),
                                          .hardware = &hardware[i],
                                          .used = &used[i],
                                          .used_bytes = byte(2)};
        if (bp_hardware_check(&hardware[i], NULL) < 0)
            return 0;
    }
    for (size_t i = 0; i < 4; i++)
        list[i] = (int)number(9) - 1;
    for (size_t i = 0; i < 2; i++)
        exclude[i] = (int)number(9) - 1;
    struct bp_place_request request = {
        .ranks = number(64),
        .nodes_min = number(NODES + 1),
        .ranks_per_node = number(8),
        .cpus_per_rank = number(6),
        .list = list,
        .list_count = byte(5),
        .exclude = exclude,
        .exclude_count = byte(3),
        .map_by = (enum bp_map_by)byte(4),
        .bind_to = (enum bp_object)byte(3),
        .one_each = byte(2) != 0,
    };
    struct bp_map *map = NULL;
    struct bp_error err = {0};
    if (bp_place(&request, nodes, node_count, &map, &err) < 0) {
        if (err.code >= 0 || err.text[0] == '\0' || map != NULL)
            abort();
        return 0;
    }
    check_map(map, nodes);
    bp_map_free(map);
    return 0;
}
