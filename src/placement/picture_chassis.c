/* SPDX-License-Identifier: BSD-3-Clause */
/* picture_chassis.c - a node of a map as boxes. A level that has one box only gets none of its own:
 * its name goes into the head of the level above. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "placement/picture_chassis.h"

#define CORE_HEIGHT   28
#define CORE_WIDTH    30
#define THREAD_WIDTH  22
#define DEVICE_HEIGHT 40
#define DEVICE_WIDTH  96

struct chassis {
    const struct bp_board *board;
    int core_width;
    uint32_t fastest; /* kind of core */
    bool *placed;     /* by device */
};

static int core_width(const struct bp_board *board, size_t first, size_t end)
{
    auto_free char *text = bp_board_core_text(board, first, end);
    int width = bp_box_letters(text, bp_box_font(BP_BOX_CORE)) + 8;
    int most = width > CORE_WIDTH ? width : CORE_WIDTH;
    if (strchr(text, ':') == NULL)
        return most;
    for (size_t i = first; i < end; i++) { /* each thread has words of its own */
        auto_free char *part = bp_board_core_text(board, i, i + 1);
        int thread = bp_box_letters(part, bp_box_font(BP_BOX_CORE)) + 6;
        thread = (thread > THREAD_WIDTH ? thread : THREAD_WIDTH) * (int)(end - first);
        most = thread > most ? thread : most;
    }
    return most;
}

static void head(struct bp_box *box, const char *name, uint32_t number)
{
    auto_free char *before = box->label;
    box->label = before != NULL ? bp_format("%s \302\267 %s %u", before, name, number)
                                : bp_format("%s %u", name, number);
}

/* ---- devices ---- */

static struct bp_box device_box(const struct chassis *chassis, size_t index)
{
    struct bp_box box = {.kind = BP_BOX_DEVICE, .owner = chassis->board, .first = index,
                         .height = DEVICE_HEIGHT};
    auto_free char *ranks;
    bp_board_device_words(chassis->board, index, &box.label, &box.more, &ranks);
    int font = bp_box_font(BP_BOX_DEVICE);
    int width = bp_box_letters(box.label, font) + bp_box_letters(ranks, font) + 28;
    int below = bp_box_letters(box.more, font - 1) + 16;
    width = below > width ? below : width;
    box.width = width > DEVICE_WIDTH ? width : DEVICE_WIDTH;
    return box;
}

static void add_devices(struct chassis *chassis, struct bp_box *box, uint32_t numa,
                        uint32_t package)
{
    size_t index;
    while (bp_board_next_device(chassis->board, chassis->placed, numa, package, &index)) {
        struct bp_box part = device_box(chassis, index);
        bp_box_add(&box->extras, &box->extra_count, &part);
    }
}

/* ---- cores ---- */

static void add_cores(const struct chassis *chassis, struct bp_box *box, size_t first, size_t end)
{
    for (size_t i = first, next; i < end; i = next) {
        next = bp_board_end(chassis->board, i, BP_TILE_CORE);
        struct bp_box core = {.kind = BP_BOX_CORE, .owner = chassis->board, .first = i,
                              .end = next, .width = chassis->core_width, .height = CORE_HEIGHT};
        bp_box_add(&box->parts, &box->part_count, &core);
    }
}

/* One head for cores of one cache and kind. */
static void name_cache(const struct chassis *chassis, struct bp_box *box, size_t first)
{
    const struct bp_slot *slot = &chassis->board->tiles[first].slot;
    head(box, "L3", slot->l3);
    if (slot->kind == chassis->fastest)
        return;
    auto_free char *before = box->label;
    box->label = bp_format("%s \302\267 slow", before);
}

static void add_caches(const struct chassis *chassis, struct bp_box *box, size_t first, size_t end)
{
    if (bp_board_end(chassis->board, first, BP_TILE_KIND) == end) {
        name_cache(chassis, box, first);
        add_cores(chassis, box, first, end);
        return;
    }
    for (size_t i = first, next; i < end; i = next) {
        next = bp_board_end(chassis->board, i, BP_TILE_KIND);
        struct bp_box cache = {.kind = BP_BOX_CACHE};
        name_cache(chassis, &cache, i);
        add_cores(chassis, &cache, i, next);
        bp_box_add(&box->parts, &box->part_count, &cache);
    }
}

static void fill_numa(struct chassis *chassis, struct bp_box *box, size_t first, size_t end)
{
    const struct bp_slot *slot = &chassis->board->tiles[first].slot;
    head(box, "numa", slot->numa);
    add_caches(chassis, box, first, end);
    add_devices(chassis, box, slot->numa, BP_NOWHERE);
}

static void fill_package(struct chassis *chassis, struct bp_box *box, size_t first, size_t end)
{
    const struct bp_board *board = chassis->board;
    uint32_t package = board->tiles[first].slot.package;
    head(box, "package", package);
    if (bp_board_end(board, first, BP_TILE_NUMA) == end) {
        fill_numa(chassis, box, first, end);
    } else {
        for (size_t i = first, next; i < end; i = next) {
            next = bp_board_end(board, i, BP_TILE_NUMA);
            struct bp_box numa = {.kind = BP_BOX_NUMA};
            fill_numa(chassis, &numa, i, next);
            bp_box_add(&box->parts, &box->part_count, &numa);
        }
    }
    add_devices(chassis, box, BP_NOWHERE, package);
}

void bp_chassis_build(const struct bp_board *board, struct bp_box *ret_node)
{
    size_t devices = board->node->hardware->device_count;
    auto_free bool *placed = bp_calloc(devices, sizeof *placed);
    struct chassis chassis = {.board = board, .placed = placed};
    *ret_node = (struct bp_box){.kind = BP_BOX_NODE, .owner = board,
                                .label = bp_nodeset_format(&board->row->number, 1, "n")};
    auto_free char *ranks = bp_board_title(board);
    ret_node->more = board->note != NULL ? bp_format("%s \302\267 %s", ranks, board->note)
                                         : bp_take_ptr(ranks);
    for (size_t i = 0, end; i < board->count; i = end) {
        end = bp_board_end(board, i, BP_TILE_CORE);
        int width = core_width(board, i, end);
        chassis.core_width = width > chassis.core_width ? width : chassis.core_width;
        if (board->tiles[i].slot.kind > chassis.fastest)
            chassis.fastest = board->tiles[i].slot.kind;
    }
    for (size_t i = 0, end; i < board->count; i = end) {
        end = bp_board_end(board, i, BP_TILE_PACKAGE);
        struct bp_box package = {.kind = BP_BOX_PACKAGE};
        fill_package(&chassis, &package, i, end);
        bp_box_add(&ret_node->parts, &ret_node->part_count, &package);
    }
    add_devices(&chassis, ret_node, BP_NOWHERE, BP_NOWHERE);
}
