/* SPDX-License-Identifier: BSD-3-Clause */
/* test_place.c - what a user asks for, and the exact map or sentence it must give. */
#include <errno.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/mem.h"
#include "place_build.h"
#include "tap.h"

#define NODES_MAX 8
#define LIST(...)                                                                                  \
    .list = (const int[]){__VA_ARGS__},                                                            \
    .list_count = sizeof((const int[]){__VA_ARGS__}) / sizeof(int)
#define WITHOUT(...)                                                                               \
    .exclude = (const int[]){__VA_ARGS__},                                                         \
    .exclude_count = sizeof((const int[]){__VA_ARGS__}) / sizeof(int)

/* A cluster of equal nodes n0, n1, ...; together: all on one machine. */
struct cluster {
    struct bp_slot slots[512];
    struct bp_hardware hardware[NODES_MAX];
    struct bp_place_node nodes[NODES_MAX];
    size_t node_count;
};

static void cluster_make(struct cluster *c, size_t nodes, struct build build, bool together)
{
    size_t slot_count = build_slots(&build, c->slots);
    c->node_count = nodes;
    for (size_t i = 0; i < nodes; i++) {
        c->hardware[i] = (struct bp_hardware){.slots = c->slots, .slot_count = slot_count};
        c->nodes[i] = (struct bp_place_node){.number = (int)i,
                                             .machine = together ? 7 : (uint32_t)i + 1,
                                             .hardware = &c->hardware[i]};
    }
}

/* "n0:0,1|n1:2" - the ranks of each node in the map's order; then each mask of rank order. */
static char *map_text(const struct bp_map *map)
{
    char text[4096];
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t n = 0; n < map->node_count; n++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%sn%d:", n > 0 ? "|" : "",
                                 map->nodes[n].number);
        const char *comma = "";
        for (uint32_t r = 0; r < map->rank_count; r++)
            if (map->ranks[r].node == n) {
                used += (size_t)snprintf(text + used, sizeof text - used, "%s%u", comma, r);
                comma = ",";
            }
    }
    for (uint32_t r = 0; r < map->rank_count && map->ranks[r].cpus_bytes > 0; r++) {
        auto_free char *cpus = bp_cpuset_format(map->ranks[r].cpus, map->ranks[r].cpus_bytes);
        used += (size_t)snprintf(text + used, sizeof text - used, " %s", cpus);
    }
    return bp_strdup(text);
}

/* The map as text, then " ! warning" for each warning; or the error sentence. */
static char *place(const struct cluster *c, struct bp_place_request request)
{
    struct bp_map *map = NULL;
    struct bp_error err = {0};
    if (bp_place(&request, c->nodes, c->node_count, &map, &err) < 0)
        return bp_strdup(err.text);
    char *text = map_text(map);
    for (size_t i = 0; i < map->warning_count; i++) {
        char *more = bp_format("%s ! %s", text, map->warnings[i]);
        free(text);
        text = more;
    }
    bp_map_free(map);
    return text;
}

#define EXPECT(cluster, text, ...)                                                                 \
    do {                                                                                           \
        auto_free char *got = place(&cluster, (struct bp_place_request){__VA_ARGS__});             \
        if (strcmp(got, text) != 0)                                                                \
            printf("# got  \"%s\"\n# want \"%s\"\n", got, text);                                   \
        CU_ASSERT_STRING_EQUAL(got, text);                                                         \
    } while (0)

static const struct build four = {1, 1, 1, 4, 1, 0};
static const struct build smt = {2, 1, 1, 4, 2, 0}; /* CPUs c and c + 8 are core c */

static void fill_and_spread(void)
{
    struct cluster c;
    cluster_make(&c, 4, four, false);
    EXPECT(c, "n0:0 0", .ranks = 0);
    EXPECT(c, "n0:0,1,2,3|n1:4,5 0 1 2 3 0 1", .ranks = 6);
    EXPECT(c, "n0:0,1,2,3|n1:4,5 0 1 2 3 0 1", .ranks = 6, .map_by = BP_MAP_SLOT);
    EXPECT(c, "n0:0,4|n1:1,5|n2:2|n3:3 0 0 0 0 1 1", .ranks = 6, .map_by = BP_MAP_NODE);
    EXPECT(c, "n0:0,1,2|n1:3,4 0 1 2 0 1", .ranks = 5, .nodes_min = 2);
    EXPECT(c, "n0:0,1,2,3|n1:4 0 1 2 3 0", .ranks = 5, .nodes_min = 2, .map_by = BP_MAP_SLOT);
    EXPECT(c, "n0:0,1|n1:2|n2:3 0 1 0 0", .ranks = 4, .nodes_min = 3, .map_by = BP_MAP_SLOT);
    EXPECT(c, "n0:0|n1:1|n2:2 0 0 0", .nodes_min = 3);
    EXPECT(c, "n0:0,1|n1:2,3 0 1 0 1", .nodes_min = 2, .ranks_per_node = 2);
    EXPECT(c, "n0:0,1|n1:2,3|n2:4 0 1 0 1 0", .ranks = 5, .ranks_per_node = 2);
    EXPECT(c, "n0:0,1", .ranks = 2, .bind_to = BP_OBJECT_NONE);
}

static void lists(void)
{
    struct cluster c;
    cluster_make(&c, 4, four, false);
    EXPECT(c, "n3:0|n1:1 0 0", LIST(3, 1));
    EXPECT(c, "n3:0|n1:1 0 0", LIST(3, 1, 3));
    EXPECT(c, "n3:0,1|n1:2 0 1 0", LIST(3, 1), .ranks = 3);
    EXPECT(c, "n3:0,2|n1:1 0 0 1", LIST(3, 1), .ranks = 3, .map_by = BP_MAP_NODE);
    EXPECT(c, "n3:0 0 ! -n 1 cannot use 2 nodes: 1 is enough", LIST(3, 1), .ranks = 1);
    EXPECT(c, "n2:0 0 ! 2 nodes are listed but -N is 1: the last ones are left out", LIST(2, 1),
           .nodes_min = 1);
    EXPECT(c, "n3:0|n0:1|n1:2 0 0 0", LIST(3), .nodes_min = 3);
    EXPECT(c, "n1:0|n3:1 0 0", .nodes_min = 2, WITHOUT(0, 2, 99));
    EXPECT(c, "n1:0 0", LIST(3, 1), WITHOUT(3));
    EXPECT(c, "n9 does not exist or is not up", LIST(3, 9));
    EXPECT(c, "n70000 does not exist or is not up", LIST(70000));
    EXPECT(c, "master does not exist or is not up", LIST(-1));
    EXPECT(c, "no node is left to place ranks on", WITHOUT(0, 1, 2, 3));
    EXPECT(c, "no node is left to place ranks on", LIST(1), WITHOUT(1));
}

static void one_each(void)
{
    struct cluster c;
    cluster_make(&c, 4, four, false);
    EXPECT(c, "n2:0,2|n0:1", LIST(2, 0, 2), .one_each = true);
    EXPECT(c, "n2:0,2|n0:1 0 0 1", LIST(2, 0, 2), .one_each = true, .bind_to = BP_OBJECT_CORE);
    EXPECT(c, "n0:0", LIST(0), .one_each = true, .ranks = 7);
    EXPECT(c, "n1:0,1,2,3,4 ! 5 ranks on 4 cores: ranks are not bound", LIST(1, 1, 1, 1, 1),
           .one_each = true, .bind_to = BP_OBJECT_CORE);
    EXPECT(c, "n1:0 ! 1 rank with 4294967295 cores each on 4 cores: ranks are not bound", LIST(1),
           .one_each = true, .bind_to = BP_OBJECT_CORE, .cpus_per_rank = UINT32_MAX);
    EXPECT(c, "n4 does not exist or is not up", LIST(1, 4), .one_each = true);
    EXPECT(c, "no node is left to place ranks on", .one_each = true);
}

static void too_many(void)
{
    struct cluster c;
    cluster_make(&c, 4, (struct build){1, 1, 1, 2, 1, 0}, true);
    EXPECT(c,
           "n0:0,1|n1:2,3|n2:4,5|n3:6,7 0-1 0-1 0-1 0-1 0-1 0-1 0-1 0-1 ! 8 ranks on 2 cores: ranks are not bound "
           "(nodes n0-n3 share one machine)",
           .ranks = 8);
    EXPECT(c,
           "n0:0|n1:1|n2:2|n3:3 0-1 0-1 0-1 0-1 ! 4 ranks on 2 cores: ranks are not bound "
           "(nodes n0-n3 share one machine)",
           .nodes_min = 4);
    EXPECT(c, "n0:0|n1:1 0 1", .nodes_min = 2);
    EXPECT(c, "n0:0|n1:1 0 1", .nodes_min = 2, .nodes_max = 4);
    EXPECT(c, "n0:0,1 0 1", .ranks = 2);
    cluster_make(&c, 2, four, false);
    EXPECT(c, "n0:0,1,2,3,4|n1:5,6,7,8 0-3 0-3 0-3 0-3 0-3 0-3 0-3 0-3 0-3 ! 9 ranks on 8 cores: "
           "ranks are not bound", .ranks = 9);
    EXPECT(c, "n1:0,1,2,3,4 0-3 0-3 0-3 0-3 0-3 ! 5 ranks on 4 cores: ranks are not bound",
           .ranks = 5, LIST(1));
    EXPECT(c, "n0:0,1,2|n1:3,4 0-3 0-3 0-3 0-3 0-3 ! 5 ranks with 2 cores each on 8 cores: ranks are "
           "not bound", .ranks = 5, .cpus_per_rank = 2);
    c.hardware[1].slot_count = 1;
    EXPECT(c, "n0:0,1,2,3,4,5,6,7,8|n1:9,10 0-3 0-3 0-3 0-3 0-3 0-3 0-3 0-3 0-3 0 0 ! 11 ranks on 5 "
           "cores: ranks are not bound", .ranks = 11);
}

static void used_cpus(void)
{
    struct cluster c;
    uint8_t used[8] = {0x3}; /* cores 0 and 1 */
    cluster_make(&c, 2, four, false);
    c.nodes[0].used = used;
    c.nodes[0].used_bytes = sizeof used;
    EXPECT(c, "n0:0,1|n1:2 2 3 0", .ranks = 3);
    EXPECT(c, "n1:0,1,2 0 1 2", .ranks = 3, .nodes_min = 1);
    EXPECT(c, "needs 7 cores, 6 are free", .ranks = 7);
    EXPECT(c, "n0:0,1,2,3|n1:4,5,6 0 1 2 3 0 1 2", .ranks = 7, .overlap = true);
    EXPECT(c, "n0:0,1,2,3,4|n1:5,6,7,8 2-3 2-3 2-3 2-3 2-3 0-3 0-3 0-3 0-3 ! 9 ranks on 6 free cores: "
           "ranks are not bound", .ranks = 9);
    EXPECT(c, "needs nodes for itself, 0 of 1 are free", .ranks = 1, LIST(0), .exclusive = true);
    EXPECT(c, "n1:0 0", .ranks = 1, .exclusive = true);
    EXPECT(c, "needs 3 cores, 2 are free", .ranks = 3, LIST(0));
    EXPECT(c, "needs 3 cores, 2 are free", .cpus_per_rank = 3, LIST(0));
    EXPECT(c, "6 cores are free, but not where its 2 ranks may be", .ranks = 2, .cpus_per_rank = 3,
           .nodes_min = 2);
    cluster_make(&c, 2, four, true);
    c.nodes[1].used = used;
    c.nodes[1].used_bytes = sizeof used;
    EXPECT(c, "n0:0 2", .ranks = 0);
    EXPECT(c, "n0:0|n1:1 2 3", .nodes_min = 2);
    used[0] = 0xf;
    EXPECT(c, "needs 1 core, 0 are free", .ranks = 1);
    EXPECT(c, "n0:0 0", .ranks = 1, .overlap = true);
    EXPECT(c, "no core of n0 is free", .ranks = 5);
    EXPECT(c, "n0:0,1,2|n1:3,4 0-3 0-3 0-3 0-3 0-3 ! 5 ranks on 4 cores: ranks are not bound (nodes "
           "n0-n1 share one machine)", .ranks = 5, .overlap = true);
}

static void wide_ranks(void)
{
    struct cluster c;
    cluster_make(&c, 2, smt, false);
    EXPECT(c, "n0:0 0,8", .ranks = 1);
    EXPECT(c, "n0:0,1 0,8 4,12", .ranks = 2);
    EXPECT(c, "n0:0,1,2 0,8 1,9 4,12", .ranks = 3);
    EXPECT(c, "n0:0,1|n1:2 0-3,8-11 4-7,12-15 0-3,8-11", .ranks = 3, .cpus_per_rank = 4);
    EXPECT(c, "n0:0,1|n1:2 0-2,8-10 4-6,12-14 0-2,8-10", .ranks = 3, .cpus_per_rank = 3);
    EXPECT(c, "n0:0 0-5,8-13", .ranks = 1, .cpus_per_rank = 6);
    c.hardware[0].slot_count = 4;
    EXPECT(c, "n1:0 0-5,8-13", .ranks = 1, .cpus_per_rank = 6);
    EXPECT(c, "-c 6 wants 6 cores on one node; n0 has 4", .cpus_per_rank = 6, LIST(1, 0));
    EXPECT(c, "-c 9 wants 9 cores on one node; n1 has 8", .cpus_per_rank = 9);
    EXPECT(c, "-N 2: only 1 node can be used", .cpus_per_rank = 6, .nodes_min = 2);
    c.hardware[0].slot_count = c.hardware[1].slot_count = 0;
    EXPECT(c, "n0 has no CPU for this job", .ranks = 1);
}

static void fast_cores_first(void)
{
    struct cluster c;
    cluster_make(&c, 1, (struct build){1, 1, 2, 4, 1, 4}, false); /* 0-3 fast, 4-7 slow */
    EXPECT(c, "n0:0,1,2,3 0 1 2 3", .ranks = 4);
    EXPECT(c, "n0:0,1,2,3,4 0 1 2 3 4", .ranks = 5);
    EXPECT(c, "n0:0,1 0-2 4-6", .ranks = 2, .cpus_per_rank = 3);
    EXPECT(c, "n0:0 0-5", .ranks = 1, .cpus_per_rank = 6);
    for (size_t i = 0; i < c.hardware[0].slot_count; i++)
        c.slots[i].kind = 1 - c.slots[i].kind; /* now 4-7 are fast */
    EXPECT(c, "n0:0,1,2,3,4 4 5 6 7 0", .ranks = 5);
}

static void contradictions(void)
{
    struct cluster c;
    cluster_make(&c, 2, four, false);
    EXPECT(c, "-N 3: only 2 nodes can be used", .nodes_min = 3);
    EXPECT(c, "-N 4294967295: only 2 nodes can be used", .nodes_min = UINT32_MAX, .ranks = 1);
    EXPECT(c, "-N 4294967295: only 2 nodes can be used", .nodes_min = UINT32_MAX);
    EXPECT(c, "8589934590 ranks, but 65536 is the most", .nodes_min = 2,
           .ranks_per_node = UINT32_MAX);
    EXPECT(c, "5 ranks are more than 2 on each of 2 nodes", .ranks = 5, .ranks_per_node = 2);
    EXPECT(c, "5 ranks are more than 4 on each of 1 node", .ranks = 5, .ranks_per_node = 4,
           .nodes_min = 1);
    EXPECT(c, "65537 ranks, but 65536 is the most", .ranks = 65537);
    c.nodes[1].number = 0;
    EXPECT(c, "node number 0 is out of bounds or there twice", .ranks = 1);
    c.node_count = 0;
    EXPECT(c, "there is no node to place ranks on", .ranks = 1);
}

static void line(int node, const char *cpus, const struct cluster *c, size_t slots,
                 const char *want)
{
    auto_free uint8_t *mask = NULL;
    size_t bytes = 0;
    if (cpus != NULL)
        CU_ASSERT_EQUAL(bp_cpuset_parse(cpus, &mask, &bytes, NULL), 0);
    auto_free char *text = bp_map_line(3, node, mask, bytes, c->slots, slots);
    CU_ASSERT_STRING_EQUAL(text, want);
}

static void lines(void)
{
    struct cluster c;
    cluster_make(&c, 1, smt, false);
    line(1, "0,8", &c, c.hardware[0].slot_count, "rank 3 on n1: core 0 (CPUs 0,8)");
    line(1, "0-1,8-9", &c, c.hardware[0].slot_count, "rank 3 on n1: cores 0-1 (CPUs 0-1,8-9)");
    line(1, "0,8", &c, 0, "rank 3 on n1: CPUs 0,8");
    line(-1, NULL, &c, c.hardware[0].slot_count, "rank 3 on master: not bound");
}

/* Printed, never judged: how long a big map takes. */
static void speed(void)
{
    struct build build = {2, 4, 2, 8, 1, 0};
    auto_free struct bp_slot *slots = bp_calloc(128, sizeof *slots);
    auto_free struct bp_place_node *nodes = bp_calloc(256, sizeof *nodes);
    struct bp_hardware hardware = {.slots = slots, .slot_count = build_slots(&build, slots)};
    for (int i = 0; i < 256; i++)
        nodes[i] = (struct bp_place_node){
            .number = i, .machine = (uint32_t)i, .hardware = &hardware};
    struct bp_place_request request = {.ranks = 16384};
    struct bp_map *map = NULL;
    uint64_t start = bp_clock_us();
    CU_ASSERT_EQUAL(bp_place(&request, nodes, 256, &map, NULL), 0);
    printf("# 16384 ranks on 256 nodes of 128 CPUs: %lu us\n",
           (unsigned long)(bp_clock_us() - start));
    CU_ASSERT(map != NULL && map->warning_count == 0);
    bp_map_free(map);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"filling nodes and spreading over them", fill_and_spread},
        {"-w and -x", lists},
        {"one rank each, as bpsh wants", one_each},
        {"more ranks than CPUs", too_many},
        {"CPUs of other jobs", used_cpus},
        {"-c and cores with two threads", wide_ranks},
        {"fast cores before slow ones", fast_cores_first},
        {"requests that contradict themselves", contradictions},
        {"one line a rank", lines},
        {"speed of a big map", speed},
        {NULL, NULL},
    };
    return bp_tap_run("place", tests);
}
