/* SPDX-License-Identifier: BSD-3-Clause */
/* map_bytes.c - a map as bytes and back, for a program that has its maps made by a child. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "placement/placement.h"

/* ---- writing ---- */

struct writer {
    uint8_t *bytes;
    size_t length, room;
};

static void put(struct writer *out, const void *bytes, size_t length)
{
    if (out->room - out->length < length) {
        out->room = 2 * out->room + length;
        out->bytes = bp_realloc(out->bytes, out->room, 1);
    }
    if (length > 0)
        memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
}

static void put_number(struct writer *out, uint32_t number)
{
    put(out, &number, sizeof number);
}

static void put_bytes(struct writer *out, const void *bytes, size_t length)
{
    put_number(out, (uint32_t)length);
    put(out, bytes, length);
}

uint8_t *bp_map_pack(const struct bp_map *map, size_t *ret_length)
{
    struct writer out = {0};
    put_number(&out, map->node_count);
    put_number(&out, map->rank_count);
    put_number(&out, (uint32_t)map->warning_count);
    put_number(&out, map->shared);
    for (uint32_t i = 0; i < map->node_count; i++) {
        const struct bp_map_node *node = &map->nodes[i];
        put_number(&out, (uint32_t)node->number);
        put_number(&out, (uint32_t)node->index);
        put_number(&out, node->ranks);
        put_bytes(&out, node->taken, node->taken_bytes);
        put_bytes(&out, node->taken_devices, node->taken_devices_bytes);
    }
    for (uint32_t i = 0; i < map->rank_count; i++) {
        const struct bp_map_rank *rank = &map->ranks[i];
        put_number(&out, rank->node);
        put_number(&out, rank->local);
        put_bytes(&out, rank->cpus, rank->cpus_bytes);
        put_bytes(&out, rank->mems, rank->mems_bytes);
        put_number(&out, rank->gpu_count);
        put(&out, rank->gpus, rank->gpu_count * sizeof *rank->gpus);
        put_number(&out, rank->nic);
    }
    for (size_t i = 0; i < map->warning_count; i++)
        put_bytes(&out, map->warnings[i], strlen(map->warnings[i]));
    *ret_length = out.length;
    return out.bytes;
}

/* ---- reading ---- */

struct reader {
    const uint8_t *at, *end;
    bool bad; /* it asked for more than there is: everything from there on is 0 */
};

static uint32_t get_number(struct reader *in)
{
    uint32_t number = 0;
    if ((size_t)(in->end - in->at) < sizeof number) {
        in->bad = true;
        return 0;
    }
    memcpy(&number, in->at, sizeof number);
    in->at += sizeof number;
    return number;
}

/* How many rows follow, each of at least `least` bytes. */
static uint32_t get_count(struct reader *in, size_t least)
{
    uint32_t count = get_number(in);
    if (count > (size_t)(in->end - in->at) / least) {
        in->bad = true;
        return 0;
    }
    return count;
}

/* A copy at *room, which is moved on; NULL for none. */
static uint8_t *get_bytes(struct reader *in, uint8_t **room, size_t *ret_length)
{
    uint32_t length = get_count(in, 1);
    *ret_length = length;
    if (length == 0)
        return NULL;
    uint8_t *copy = memcpy(*room, in->at, length);
    *room += length;
    in->at += length;
    return copy;
}

static void get_nodes(struct reader *in, struct bp_map *map, uint8_t **room)
{
    for (uint32_t i = 0; i < map->node_count; i++) {
        struct bp_map_node *node = &map->nodes[i];
        node->number = (int)get_number(in);
        node->index = get_number(in);
        node->ranks = get_number(in);
        node->taken = get_bytes(in, room, &node->taken_bytes);
        node->taken_devices = get_bytes(in, room, &node->taken_devices_bytes);
    }
}

static void get_gpus(struct reader *in, struct bp_map_rank *rank, uint32_t **room)
{
    rank->gpu_count = get_count(in, sizeof **room);
    rank->gpus = rank->gpu_count > 0 ? *room : NULL;
    for (uint32_t i = 0; i < rank->gpu_count; i++)
        *(*room)++ = get_number(in);
}

static void get_ranks(struct reader *in, struct bp_map *map, uint8_t **room)
{
    uint32_t *gpus = map->gpus;
    for (uint32_t i = 0; i < map->rank_count; i++) {
        struct bp_map_rank *rank = &map->ranks[i];
        rank->node = get_number(in);
        rank->local = get_number(in);
        rank->cpus = get_bytes(in, room, &rank->cpus_bytes);
        rank->mems = get_bytes(in, room, &rank->mems_bytes);
        get_gpus(in, rank, &gpus);
        rank->nic = get_number(in);
        in->bad |= rank->node >= map->node_count;
    }
}

static void get_warnings(struct reader *in, struct bp_map *map, uint8_t **room)
{
    for (size_t i = 0; i < map->warning_count; i++) {
        size_t length;
        const uint8_t *text = get_bytes(in, room, &length);
        map->warnings[i] = bp_calloc(length + 1, 1);
        if (length > 0)
            memcpy(map->warnings[i], text, length);
    }
}

int bp_map_unpack(const uint8_t *bytes, size_t length, struct bp_map **ret_map)
{
    struct reader in = {.at = bytes, .end = bytes + length};
    struct bp_map *map = bp_calloc(1, sizeof *map);
    uint8_t *room = map->masks = bp_calloc(length, 1);
    map->gpus = bp_calloc(length / sizeof *map->gpus, sizeof *map->gpus);
    map->node_count = get_count(&in, 5 * sizeof(uint32_t));
    map->rank_count = get_count(&in, 6 * sizeof(uint32_t));
    map->warning_count = get_count(&in, sizeof(uint32_t));
    map->shared = get_number(&in) != 0;
    map->nodes = bp_calloc(map->node_count, sizeof *map->nodes);
    map->ranks = bp_calloc(map->rank_count, sizeof *map->ranks);
    map->warnings = bp_calloc(map->warning_count, sizeof *map->warnings);
    get_nodes(&in, map, &room);
    get_ranks(&in, map, &room);
    get_warnings(&in, map, &room);
    if (in.bad || in.at != in.end) {
        bp_map_free(map);
        return -EINVAL;
    }
    *ret_map = map;
    return 0;
}
