/* SPDX-License-Identifier: BSD-3-Clause */
/* placement.c - how long maps take: NODES nodes of THREADS threads, RANKS ranks, by each word. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/place_build.h"
#include "common/clock.h"
#include "common/mem.h"

#define ROUNDS 5

/* The best of some rounds, in microseconds; 0: there is no such map. */
static uint64_t measure(const struct bp_place_request *request, const struct bp_place_node *nodes,
                        size_t node_count, size_t *ret_warnings)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < ROUNDS; i++) {
        struct bp_map *map = NULL;
        struct bp_error err = {0};
        uint64_t start = bp_clock_us();
        if (bp_place(request, nodes, node_count, &map, &err) < 0) {
            printf("%s ", err.text);
            return 0;
        }
        uint64_t took = bp_clock_us() - start;
        best = took < best ? took : best;
        *ret_warnings = map->warning_count;
        bp_map_free(map);
    }
    return best;
}

int main(int argc, char **argv)
{
    static const char *const words[] = {"",        "slot",         "hwthread",    "core",
                                        "l3",      "l3:span",      "numa",        "package:pe=2",
                                        "node",    "ppr:4:l3",     "package:span:oversubscribe"};
    static const char *const binds[] = {"", "package", "none"};
    uint32_t node_count = argc > 1 ? (uint32_t)atoi(argv[1]) : 256;
    uint32_t threads = argc > 2 ? (uint32_t)atoi(argv[2]) : 128;
    uint32_t ranks = argc > 3 ? (uint32_t)atoi(argv[3]) : 16384;
    struct build build = {2, 4, 2, threads / 32, 2, 0};
    auto_free struct bp_slot *slots = bp_calloc(threads, sizeof *slots);
    auto_free struct bp_place_node *nodes = bp_calloc(node_count, sizeof *nodes);
    struct bp_hardware hardware = {.slots = slots, .slot_count = build_slots(&build, slots)};
    for (uint32_t i = 0; i < node_count; i++)
        nodes[i] = (struct bp_place_node){.number = (int)i, .machine = i, .hardware = &hardware};
    printf("%u ranks on %u nodes of %zu threads, best of %d:\n", ranks, node_count,
           hardware.slot_count, ROUNDS);
    for (size_t w = 0; w < sizeof words / sizeof words[0]; w++)
        for (size_t b = 0; b < sizeof binds / sizeof binds[0]; b++) {
            struct bp_place_request request = {.ranks = ranks};
            struct bp_place_words kept = {0};
            size_t warnings = 0;
            if (bp_words_map(words[w], &request, &kept, NULL) < 0 ||
                bp_words_bind(binds[b], &request, NULL) < 0)
                return 1;
            uint64_t took = measure(&request, nodes, node_count, &warnings);
            printf("  map-by %-28s bind-to %-8s %7.1f ms%s\n", words[w], binds[b],
                   (double)took / 1000, warnings > 0 ? "  (CPUs are shared)" : "");
            bp_words_done(&kept);
        }
    return 0;
}
