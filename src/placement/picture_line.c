/* SPDX-License-Identifier: BSD-3-Clause */
/* picture_line.c - where one rank is, as a line. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "placement/picture_board.h"

/* "core 3, " or "cores 0-3, ": the objects of a level that the mask touches. */
static void put_objects(FILE *out, const char *name, const struct bp_hardware *hardware,
                        const uint8_t *cpus, size_t bytes, size_t offset, const char *behind)
{
    uint8_t set[BP_CPUSET_BYTES_MAX] = {0};
    for (size_t i = 0; i < hardware->slot_count; i++) {
        const struct bp_slot *slot = &hardware->slots[i];
        if (bp_cpuset_has(cpus, bytes, slot->pu))
            bp_cpuset_add(set, sizeof set, *(const uint32_t *)((const char *)slot + offset));
    }
    auto_free char *list = bp_cpuset_format(set, sizeof set);
    fprintf(out, "%s%s %s%s", name, bp_cpuset_count(set, sizeof set) > 1 ? "s" : "", list,
            behind);
}

static void put_brackets(FILE *out, const struct bp_hardware *hardware, const uint8_t *cpus,
                         size_t bytes)
{
    auto_free struct bp_tile *tiles = bp_tiles_sort(hardware->slots, hardware->slot_count);
    struct bp_board board = {.tiles = tiles, .count = hardware->slot_count};
    if (bp_board_objects(&board, 0, board.count, BP_TILE_CORE) > BP_PICTURE_CORES_MAX)
        return;
    fputc(' ', out);
    for (size_t i = 0; i < board.count; i++) {
        const char *gap = "";
        if (bp_board_begins(&board, i, BP_TILE_PACKAGE))
            gap = i == 0 ? "[" : "][";
        else if (bp_board_begins(&board, i, BP_TILE_L3))
            gap = "|";
        else if (bp_board_begins(&board, i, BP_TILE_CORE))
            gap = "/";
        fprintf(out, "%s%c", gap, bp_cpuset_has(cpus, bytes, tiles[i].slot.pu) ? 'B' : '.');
    }
    fputc(']', out);
}

char *bp_picture_where(const uint8_t *cpus, size_t cpus_bytes, const struct bp_hardware *hardware)
{
    char *text = NULL;
    size_t length;
    unsigned known = 0;
    auto_free char *list = bp_cpuset_format(cpus, cpus_bytes);
    const char *plural = bp_cpuset_count(cpus, cpus_bytes) == 1 ? "" : "s";
    for (size_t i = 0; hardware != NULL && i < hardware->slot_count; i++)
        known += bp_cpuset_has(cpus, cpus_bytes, hardware->slots[i].pu);
    if (known == 0)
        return bp_format("CPU%s %s", plural, list);
    FILE *out = open_memstream(&text, &length);
    put_objects(out, "package", hardware, cpus, cpus_bytes, offsetof(struct bp_slot, package),
                ", ");
    put_objects(out, "numa", hardware, cpus, cpus_bytes, offsetof(struct bp_slot, numa), ", ");
    put_objects(out, "L3", hardware, cpus, cpus_bytes, offsetof(struct bp_slot, l3), ", ");
    put_objects(out, "core", hardware, cpus, cpus_bytes, offsetof(struct bp_slot, core), " ");
    fprintf(out, "(CPU%s %s)", plural, list);
    put_brackets(out, hardware, cpus, cpus_bytes);
    fclose(out);
    return text;
}

char *bp_picture_line(const struct bp_picture *picture, uint32_t rank)
{
    char *text = NULL;
    size_t length;
    const struct bp_map_rank *row = &picture->map->ranks[rank];
    const struct bp_map_node *node = &picture->map->nodes[row->node];
    const struct bp_hardware *hardware = picture->nodes[node->index].hardware;
    auto_free char *name = bp_nodeset_format(&node->number, 1, "n");
    FILE *out = open_memstream(&text, &length);
    fprintf(out, "rank %u on %s: ", rank, name);
    if (row->cpus_bytes == 0 || picture->map->shared)
        fputs("not bound", out);
    if (row->cpus_bytes > 0) {
        auto_free char *where = bp_picture_where(row->cpus, row->cpus_bytes, hardware);
        fprintf(out, "%s%s", picture->map->shared ? ", shares " : "", where);
    }
    for (uint32_t i = 0; i < row->gpu_count; i++)
        fprintf(out, ", gpu %u", bp_device_number(hardware, row->gpus[i]));
    if (row->nic < hardware->device_count)
        fprintf(out, ", nic %s", hardware->devices[row->nic].name);
    fclose(out);
    return text;
}
