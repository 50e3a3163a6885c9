/* SPDX-License-Identifier: BSD-3-Clause */
/* picture_board.c - one node of a map as it is drawn. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "placement/picture_board.h"

void bp_boards_init(struct bp_boards *boards, const struct bp_picture *picture)
{
    const struct bp_map *map = picture->map;
    *boards = (struct bp_boards){
        .picture = picture,
        .first = bp_calloc((size_t)map->node_count + 1, sizeof *boards->first),
        .order = bp_calloc(map->rank_count, sizeof *boards->order)};
    for (uint32_t i = 0; i < map->node_count; i++)
        boards->first[i + 1] = boards->first[i] + map->nodes[i].ranks;
    for (uint32_t i = 1; picture->notes != NULL && i < map->node_count; i++)
        boards->noted |= strcmp(picture->notes[map->nodes[i].index],
                                picture->notes[map->nodes[0].index]) != 0;
    for (uint32_t rank = 0; rank < map->rank_count; rank++)
        boards->order[boards->first[map->ranks[rank].node] + map->ranks[rank].local] = rank;
}

void bp_boards_done(struct bp_boards *boards)
{
    free(boards->first);
    free(boards->order);
}

static uint32_t level_number(const struct bp_slot *slot, enum bp_tile_level level)
{
    switch (level) {
    case BP_TILE_PACKAGE:
        return slot->package;
    case BP_TILE_NUMA:
        return slot->numa;
    case BP_TILE_L3:
        return slot->l3;
    case BP_TILE_KIND:
        return UINT32_MAX - slot->kind; /* fast ones first */
    case BP_TILE_CORE:
        return slot->core;
    default:
        return slot->pu;
    }
}

static int compare_tiles(const void *a, const void *b)
{
    const struct bp_tile *x = a, *y = b;
    for (enum bp_tile_level level = BP_TILE_PACKAGE; level <= BP_TILE_PU; level++) {
        uint32_t nx = level_number(&x->slot, level), ny = level_number(&y->slot, level);
        if (nx != ny)
            return nx < ny ? -1 : 1;
    }
    return 0;
}

struct bp_tile *bp_tiles_sort(const struct bp_slot *slots, size_t count)
{
    struct bp_tile *tiles = bp_calloc(count, sizeof *tiles);
    for (size_t i = 0; i < count; i++)
        tiles[i].slot = slots[i];
    if (count > 0)
        qsort(tiles, count, sizeof *tiles, compare_tiles);
    return tiles;
}

bool bp_board_begins(const struct bp_board *board, size_t first, enum bp_tile_level level)
{
    if (first == 0)
        return true;
    const struct bp_slot *before = &board->tiles[first - 1].slot, *slot = &board->tiles[first].slot;
    for (enum bp_tile_level l = BP_TILE_PACKAGE; l <= level; l++)
        if (level_number(slot, l) != level_number(before, l))
            return true;
    return false;
}

size_t bp_board_end(const struct bp_board *board, size_t first, enum bp_tile_level level)
{
    size_t end = first + 1;
    while (end < board->count && !bp_board_begins(board, end, level))
        end++;
    return end;
}

size_t bp_board_objects(const struct bp_board *board, size_t first, size_t end,
                        enum bp_tile_level level)
{
    size_t count = 0;
    for (size_t i = first; i < end; i = bp_board_end(board, i, level))
        count++;
    return count;
}

static bool rank_has(const struct bp_board *board, uint32_t local, uint32_t pu)
{
    const struct bp_map_rank *rank = &board->map->ranks[board->ranks[local]];
    return bp_cpuset_has(rank->cpus, rank->cpus_bytes, pu);
}

/* Whom the tile is for, when no rank is bound to it. */
static enum bp_tile_state idle_state(const struct bp_board *board, uint32_t pu)
{
    if (board->map->shared ? rank_has(board, 0, pu) : board->unbound > 0)
        return BP_TILE_SHARED;
    if (bp_cpuset_has(board->node->used, board->node->used_bytes, pu))
        return BP_TILE_USED;
    return BP_TILE_FREE;
}

/* Ranks bound here; where more ranks than CPUs share a mask, none is. */
static void fill_tile(struct bp_board *board, struct bp_tile *tile)
{
    tile->first = (uint32_t)board->local_count;
    for (uint32_t local = 0; local < board->rank_count && !board->map->shared; local++) {
        if (!rank_has(board, local, tile->slot.pu))
            continue;
        if ((board->local_count & (board->local_count - 1)) == 0)
            board->locals = bp_realloc(board->locals, 2 * board->local_count + 1,
                                       sizeof *board->locals);
        board->locals[board->local_count++] = local;
    }
    tile->end = (uint32_t)board->local_count;
    tile->state = tile->end > tile->first ? BP_TILE_BOUND : idle_state(board, tile->slot.pu);
}

void bp_board_init(struct bp_board *board, const struct bp_boards *boards, uint32_t index)
{
    const struct bp_map *map = boards->picture->map;
    const struct bp_map_node *row = &map->nodes[index];
    const struct bp_place_node *node = &boards->picture->nodes[row->index];
    size_t slots = node->hardware->slot_count;
    *board = (struct bp_board){.map = map, .row = row, .node = node, .count = slots,
                               .tiles = bp_tiles_sort(node->hardware->slots, slots),
                               .ranks = boards->order + boards->first[index],
                               .rank_count = row->ranks,
                               .note = boards->noted ? boards->picture->notes[row->index] : NULL};
    for (uint32_t local = 0; local < board->rank_count; local++)
        board->unbound += map->ranks[board->ranks[local]].cpus_bytes == 0;
    if (map->shared)
        board->unbound = board->rank_count;
    for (size_t i = 0; i < board->count; i++)
        fill_tile(board, &board->tiles[i]);
}

void bp_board_done(struct bp_board *board)
{
    free(board->tiles);
    free(board->locals);
}

static bool tiles_alike(const struct bp_board *a, const struct bp_board *b)
{
    if (a->count != b->count || a->local_count != b->local_count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (memcmp(&a->tiles[i], &b->tiles[i], sizeof a->tiles[i]) != 0)
            return false;
    return a->local_count == 0 ||
           memcmp(a->locals, b->locals, a->local_count * sizeof *a->locals) == 0;
}

static bool devices_alike(const struct bp_board *a, const struct bp_board *b)
{
    size_t count = a->node->hardware->device_count;
    if (b->node->hardware->device_count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct bp_device *x = &a->node->hardware->devices[i];
        const struct bp_device *y = &b->node->hardware->devices[i];
        if (bp_board_device_used(a, i) != bp_board_device_used(b, i) || x->kind != y->kind ||
            x->vendor != y->vendor || x->numa != y->numa || x->package != y->package ||
            x->l3 != y->l3 || strcmp(x->name, y->name) != 0)
            return false; /* the rest is what no two devices have in common */
        auto_free uint32_t *of_x, *of_y;
        size_t ranks = bp_board_device(a, i, &of_x);
        if (bp_board_device(b, i, &of_y) != ranks ||
            (ranks > 0 && memcmp(of_x, of_y, ranks * sizeof *of_x) != 0))
            return false;
    }
    return true;
}

size_t bp_board_device(const struct bp_board *board, size_t index, uint32_t **ret_locals)
{
    size_t count = 0;
    *ret_locals = bp_calloc(board->rank_count, sizeof **ret_locals);
    for (uint32_t local = 0; local < board->rank_count; local++) {
        const struct bp_map_rank *rank = &board->map->ranks[board->ranks[local]];
        bool has = rank->nic == index;
        for (uint32_t i = 0; i < rank->gpu_count; i++)
            has |= rank->gpus[i] == index;
        if (has)
            (*ret_locals)[count++] = local;
    }
    return count;
}

bool bp_board_alike(const struct bp_board *a, const struct bp_board *b, int64_t *ret_distance)
{
    if (a->rank_count != b->rank_count || a->unbound != b->unbound || !tiles_alike(a, b))
        return false;
    if (a->note != b->note && strcmp(a->note, b->note) != 0)
        return false;
    if (!devices_alike(a, b))
        return false;
    int64_t distance = a->rank_count > 0 ? (int64_t)b->ranks[0] - a->ranks[0] : 0;
    for (uint32_t i = 1; i < a->rank_count; i++)
        if ((int64_t)b->ranks[i] - a->ranks[i] != distance)
            return false;
    *ret_distance = distance;
    return true;
}

bool bp_board_device_used(const struct bp_board *board, size_t index)
{
    const struct bp_place_node *node = board->node;
    return bp_cpuset_has(node->used_devices, node->used_devices_bytes, (unsigned)index);
}

bool bp_board_next_device(const struct bp_board *board, bool *placed, uint32_t numa,
                          uint32_t package, size_t *ret_index)
{
    const struct bp_hardware *hardware = board->node->hardware;
    for (enum bp_device_kind kind = BP_DEVICE_GPU; kind <= BP_DEVICE_NIC; kind++)
        for (size_t i = 0; i < hardware->device_count; i++) {
            const struct bp_device *device = &hardware->devices[i];
            if (placed[i] || device->kind != kind ||
                (numa != BP_NOWHERE && device->numa != numa) ||
                (package != BP_NOWHERE && device->package != package))
                continue;
            placed[i] = true;
            *ret_index = i;
            return true;
        }
    return false;
}
