/* SPDX-License-Identifier: BSD-3-Clause */
/* test_map_bytes.c - a map as bytes and back: nothing is lost; bytes that were cut or lie are
 * refused. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "placement/placement.h"
#include "tap.h"

static const uint8_t mask[8] = {0x0f}, other_mask[16] = {0, 0, 0xf0};
static const uint32_t gpus[] = {3, 1};
static struct bp_map_rank ranks[] = {
    {.node = 1, .local = 0, .cpus = mask, .cpus_bytes = sizeof mask, .nic = 2},
    {.node = 0, .local = 0, .gpus = gpus, .gpu_count = 2, .nic = BP_NOWHERE},
    {.node = 1, .local = 1, .mems = other_mask, .mems_bytes = sizeof other_mask},
};
static struct bp_map_node nodes[] = {
    {.number = 7, .index = 4, .ranks = 1, .taken_devices = mask, .taken_devices_bytes = 8},
    {.number = 0, .index = 0, .ranks = 2, .taken = other_mask, .taken_bytes = sizeof other_mask},
};
static char warning[] = "it is warm", nothing[] = "";
static char *warnings[] = {warning, nothing};
static const struct bp_map made = {
    .ranks = ranks, .rank_count = 3, .nodes = nodes, .node_count = 2, .shared = true,
    .warnings = warnings, .warning_count = 2,
};

static bool same_bytes(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes)
{
    return a_bytes == b_bytes && (a_bytes == 0 || memcmp(a, b, a_bytes) == 0);
}

static void check_ranks(const struct bp_map *map)
{
    for (uint32_t i = 0; i < map->rank_count; i++) {
        const struct bp_map_rank *got = &map->ranks[i], *want = &ranks[i];
        CU_ASSERT(got->node == want->node && got->local == want->local && got->nic == want->nic);
        CU_ASSERT(same_bytes(got->cpus, got->cpus_bytes, want->cpus, want->cpus_bytes));
        CU_ASSERT(same_bytes(got->mems, got->mems_bytes, want->mems, want->mems_bytes));
        CU_ASSERT(same_bytes((const uint8_t *)got->gpus, got->gpu_count * sizeof *gpus,
                             (const uint8_t *)want->gpus, want->gpu_count * sizeof *gpus));
    }
}

static void there_and_back(void)
{
    size_t length;
    struct bp_map *map = NULL;
    auto_free uint8_t *bytes = bp_map_pack(&made, &length);
    CU_ASSERT_EQUAL(bp_map_unpack(bytes, length, &map), 0);
    if (map == NULL)
        return;
    CU_ASSERT(map->rank_count == 3 && map->node_count == 2 && map->warning_count == 2);
    CU_ASSERT(map->shared);
    check_ranks(map);
    for (uint32_t i = 0; i < map->node_count; i++) {
        const struct bp_map_node *got = &map->nodes[i], *want = &nodes[i];
        CU_ASSERT(got->number == want->number && got->index == want->index &&
                  got->ranks == want->ranks);
        CU_ASSERT(same_bytes(got->taken, got->taken_bytes, want->taken, want->taken_bytes));
        CU_ASSERT(same_bytes(got->taken_devices, got->taken_devices_bytes, want->taken_devices,
                             want->taken_devices_bytes));
    }
    CU_ASSERT_STRING_EQUAL(map->warnings[0], warning);
    CU_ASSERT_STRING_EQUAL(map->warnings[1], "");
    bp_map_free(map);
}

/* Exactly so long that reading beyond is seen. */
static int unpack(const uint8_t *bytes, size_t length)
{
    struct bp_map *map = NULL;
    auto_free uint8_t *copy = bp_memdup(bytes, length);
    int r = bp_map_unpack(copy, length, &map);
    bp_map_free(map);
    return r;
}

static void cut_and_lengthened(void)
{
    size_t length;
    auto_free uint8_t *bytes = bp_map_pack(&made, &length);
    for (size_t i = 0; i < length; i++)
        CU_ASSERT_EQUAL(unpack(bytes, i), -EINVAL);
    bytes = bp_realloc(bytes, length + 1, 1);
    bytes[length] = 0;
    CU_ASSERT_EQUAL(unpack(bytes, length + 1), -EINVAL);
}

/* Whatever a number says, no memory beyond the bytes is touched and none is asked for. */
static void numbers_that_lie(void)
{
    static const uint32_t lies[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffff0, UINT32_MAX};
    size_t length;
    auto_free uint8_t *bytes = bp_map_pack(&made, &length);
    for (size_t at = 0; at + sizeof *lies <= length; at++) {
        uint8_t before[sizeof *lies];
        memcpy(before, bytes + at, sizeof before);
        for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
            memcpy(bytes + at, &lies[i], sizeof before);
            unpack(bytes, length);
        }
        memcpy(bytes + at, before, sizeof before);
    }
    CU_ASSERT_EQUAL(unpack(bytes, length), 0);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"nothing is lost", there_and_back},
        {"cut or lengthened anywhere", cut_and_lengthened},
        {"numbers that lie", numbers_that_lie},
        {NULL, NULL},
    };
    return bp_tap_run("map_bytes", tests);
}
