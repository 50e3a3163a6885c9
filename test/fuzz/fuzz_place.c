// sources: src/placement/choice.c src/placement/count.c src/placement/crowd.c src/placement/deal.c
// src/placement/device.c src/placement/exact.c src/placement/hardware.c src/placement/machine.c
// src/placement/map.c src/placement/mask.c src/placement/number.c src/placement/place.c
// src/placement/policy.c src/placement/seat.c src/placement/seek.c src/placement/units.c
// src/placement/words.c src/common/cpuset.c src/common/nodeset.c src/common/mem.c
// src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_place.c - any nodes, words and request: refused, or every rank placed on CPUs of its node, no
 * CPU or GPU of another job given away, none given twice unless that was asked. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "placement/placement.h"

#define NODES   6
#define SLOTS   12
#define CPUS    64
#define DEVICES 4
#define NUMAS   3

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

struct computer {
    struct bp_slot slots[SLOTS];
    struct bp_device devices[DEVICES];
    struct bp_numa numas[NUMAS];
    uint16_t distances[NUMAS * NUMAS];
    struct bp_hardware hardware;
    uint8_t used, used_devices;
};

static void make_computer(struct computer *c)
{
    struct bp_hardware *h = &c->hardware;
    *h = (struct bp_hardware){.slots = c->slots, .devices = c->devices, .numas = c->numas};
    h->slot_count = byte(SLOTS + 1);
    for (size_t i = 0; i < h->slot_count; i++)
        c->slots[i] = (struct bp_slot){byte(CPUS), byte(8), byte(4), byte(4),
                                       byte(3),    byte(3), byte(6), byte(8)};
    h->device_count = byte(DEVICES + 1);
    for (size_t i = 0; i < h->device_count; i++)
        c->devices[i] = (struct bp_device){.kind = 1 + byte(2), .vendor = byte(4), .name = "d",
                                           .numa = number(5), .package = number(4),
                                           .l3 = number(5)};
    h->numa_count = byte(NUMAS + 1);
    for (size_t i = 0; i < h->numa_count; i++)
        c->numas[i] = (struct bp_numa){.os = byte(9), .has_memory = byte(2) != 0};
    for (size_t i = 0; i < NUMAS * NUMAS; i++)
        c->distances[i] = (uint16_t)byte(40);
    h->distances = byte(2) != 0 && h->numa_count > 0 ? c->distances : NULL;
    c->used = (uint8_t)byte(256);
    c->used_devices = (uint8_t)byte(16);
}

/* CPUs of a rank: the node's, and nobody else's. */
static void check_rank(const struct bp_map_rank *rank, const struct bp_place_node *node,
                       bool overlap)
{
    for (unsigned cpu = 0; cpu < rank->cpus_bytes * 8; cpu++) {
        bool offered = false;
        if (!bp_cpuset_has(rank->cpus, rank->cpus_bytes, cpu))
            continue;
        for (size_t i = 0; i < node->hardware->slot_count; i++)
            offered = offered || node->hardware->slots[i].pu == cpu;
        if (!offered || (!overlap && bp_cpuset_has(node->used, node->used_bytes, cpu)))
            abort();
    }
    for (uint32_t g = 0; g < rank->gpu_count; g++)
        if (rank->gpus[g] >= node->hardware->device_count ||
            node->hardware->devices[rank->gpus[g]].kind != BP_DEVICE_GPU ||
            (!overlap && bp_cpuset_has(node->used_devices, node->used_devices_bytes,
                                       rank->gpus[g])))
            abort();
    if (rank->nic != BP_NOWHERE && rank->nic >= node->hardware->device_count)
        abort();
}

static void check_map(const struct bp_map *map, const struct bp_place_node *nodes,
                      const struct bp_place_request *request)
{
    bool taken[NODES][CPUS] = {0};
    uint32_t seen[NODES] = {0};
    bool alone = !map->shared && !request->overload && request->cpu_map_count == 0 &&
                 request->bind_to <= BP_OBJECT_HWTHREAD;
    for (uint32_t r = 0; r < map->rank_count; r++) {
        const struct bp_map_rank *rank = &map->ranks[r];
        if (rank->node >= map->node_count || rank->local != seen[rank->node]++)
            abort();
        const struct bp_place_node *node = &nodes[map->nodes[rank->node].index];
        check_rank(rank, node, request->overlap);
        for (unsigned cpu = 0; cpu < CPUS; cpu++)
            if (bp_cpuset_has(rank->cpus, rank->cpus_bytes, cpu)) {
                if (alone && taken[node->machine][cpu])
                    abort();
                taken[node->machine][cpu] = true;
            }
    }
    for (uint32_t n = 0; n < map->node_count; n++)
        if (seen[n] == 0 || seen[n] != map->nodes[n].ranks)
            abort();
}

static void make_numbers(struct bp_place_request *request)
{
    request->ranks = number(64);
    request->nodes_min = number(NODES + 1);
    request->nodes_max = byte(4) == 0 ? number(NODES + 1) : 0;
    request->ranks_per_node = number(8);
    request->cpus_per_rank = number(6);
    request->ranks_per_package = byte(4) == 0 ? number(4) : 0;
    request->ranks_per_core = byte(4) == 0 ? number(4) : 0;
    request->threads_per_rank = byte(4) == 0 ? number(9) : 0;
    request->gpus_per_rank = byte(3) == 0 ? number(4) : 0;
    request->oversubscribe = (enum bp_choice)byte(3);
    request->overload = byte(5) == 0;
    request->exclusive = byte(5) == 0;
    request->overlap = byte(5) == 0;
    request->mem_local = byte(2) != 0;
    request->one_each = byte(6) == 0;
}

/* False: the words contradict themselves. */
static bool make_words(struct bp_place_request *request, struct bp_place_words *words)
{
    static const char *const maps[] = {"", "slot", "hwthread", "core", "l2:span", "l3",
                                       "numa:fill", "package:span", "node", "device=gpu",
                                       "device=nic", "ppr:2:l3", "ppr:1:core", "ppr:9:hwthread",
                                       "ppr:3:node", "seq", "pe-list=1,5,0-3", "rankfile"};
    static const char *const ranks[] = {"", "slot", "node", "fill", "span"};
    static const char *const binds[] = {"", "none", "hwthread", "core", "l1", "l3", "numa",
                                        "package"};
    static const char *const deals[] = {"", "", "", "cyclic", "plane=3", "block:block",
                                        "block:cyclic:block", "cyclic:fcyclic", "arbitrary"};
    static const char *const gpus[] = {"", "", "", "closest", "none", "map:1,0", "single:2"};
    return bp_words_map(maps[byte(18)], request, words, NULL) == 0 &&
           bp_words_rank(ranks[byte(5)], request, NULL) == 0 &&
           bp_words_bind(binds[byte(8)], request, NULL) == 0 &&
           bp_words_deal(deals[byte(9)], request, NULL) == 0 &&
           bp_words_gpu(gpus[byte(7)], request, words, NULL) == 0;
}

/* Lists of nodes and CPUs. */
struct lists {
    int list[4], exclude[2];
    struct bp_place_host hosts[3];
    struct bp_place_row rows[3];
    uint8_t cpus[3], cpu_list[8];
    struct bp_cpu_mask masks[2];
};

static void make_lists(struct lists *l, struct bp_place_request *request)
{
    for (size_t i = 0; i < 4; i++)
        l->list[i] = (int)number(9) - 1;
    for (size_t i = 0; i < 2; i++)
        l->exclude[i] = (int)number(9) - 1;
    for (size_t i = 0; i < 3; i++) {
        l->cpus[i] = (uint8_t)byte(256);
        l->hosts[i] = (struct bp_place_host){(int)number(9) - 1, number(5)};
        l->rows[i] = (struct bp_place_row){(int)number(9) - 1, (int)byte(4) - 1, &l->cpus[i],
                                           byte(2)};
        l->masks[i % 2] = (struct bp_cpu_mask){&l->cpus[i], 1};
    }
    for (size_t i = 0; i < sizeof l->cpu_list; i++)
        l->cpu_list[i] = (uint8_t)byte(256);
    request->list = l->list;
    request->list_count = byte(5);
    request->exclude = l->exclude;
    request->exclude_count = byte(3);
    request->hosts = l->hosts;
    request->host_count = byte(4) == 0 ? byte(4) : 0;
    request->rankfile = l->rows;
    request->rankfile_count = request->map_by == BP_MAP_RANKFILE ? byte(4) : 0;
    request->cpu_maps = l->masks;
    request->cpu_map_count = byte(6) == 0 ? byte(3) : 0;
    request->cpu_list = byte(6) == 0 ? l->cpu_list : NULL;
    request->cpu_list_bytes = sizeof l->cpu_list;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct computer computers[NODES];
    struct bp_place_node nodes[NODES];
    struct bp_place_request request = {0};
    struct bp_place_words words = {0};
    struct lists lists;
    struct bp_map *map = NULL;
    struct bp_error err = {0};
    next = data;
    end = data + size;
    size_t node_count = byte(NODES + 1);
    bool good = make_words(&request, &words);
    make_numbers(&request);
    make_lists(&lists, &request);
    for (size_t i = 0; i < node_count; i++) {
        struct computer *c = &computers[i];
        make_computer(c);
        nodes[i] = (struct bp_place_node){.number = (int)byte(9) - 1,
                                          .machine = byte(NODES),
                                          .hardware = &c->hardware,
                                          .used = &c->used,
                                          .used_bytes = byte(2),
                                          .used_devices = &c->used_devices,
                                          .used_devices_bytes = byte(2)};
        good = good && bp_hardware_check(&c->hardware, NULL) == 0;
    }
    if (good && bp_place(&request, nodes, node_count, &map, &err) < 0) {
        if (err.code >= 0 || err.text[0] == '\0' || map != NULL ||
            (err.code == -EAGAIN && request.overlap)) {
            fprintf(stderr, "%d: %s\n", err.code, err.text);
            abort();
        }
    } else if (good) {
        check_map(map, nodes, &request);
    }
    bp_map_free(map);
    bp_words_done(&words);
    return 0;
}
