// sources: src/placement/picture_board.c src/placement/picture_box.c src/placement/picture_chassis.c
// src/placement/picture_fold.c src/placement/picture_line.c src/placement/picture_svg.c
// src/placement/picture_text.c src/placement/picture_words.c src/placement/picture_xml.c
// src/placement/hardware.c src/common/cpuset.c src/common/nodeset.c src/common/mem.c
// src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_picture.c - any hardware, map and words: a text whose lines fit, and an SVG whose elements
 * are closed and whose words hold no markup. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "placement/picture.h"

#define NODES   40
#define SLOTS   24
#define DEVICES 3
#define RANKS   64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *next;
static const uint8_t *end;

static uint32_t byte(uint32_t bound)
{
    return next < end ? *next++ % bound : 0;
}

/* Now and then a number as high as there may be. */
static uint32_t number(uint32_t bound)
{
    uint32_t n = byte(256);
    return n == 255 ? BP_CPUS_MAX - 1 : n % bound;
}

static void make_hardware(struct bp_hardware *hardware)
{
    for (size_t i = 0; i < hardware->slot_count; i++)
        hardware->slots[i] = (struct bp_slot){
            (uint32_t)i, number(12), number(6), number(4), number(3), byte(3), 0, 0};
    for (size_t i = 0; i < hardware->device_count; i++) {
        struct bp_device *device = &hardware->devices[i];
        device->kind = byte(2) != 0 ? BP_DEVICE_GPU : BP_DEVICE_NIC;
        device->vendor = (enum bp_vendor)byte(4);
        for (uint32_t k = 0, length = 1 + byte(BP_DEVICE_NAME_MAX - 1); k < length; k++)
            device->name[k] = (char)('!' + byte('~' - '!'));
        snprintf(device->bus, sizeof device->bus, "%s", byte(2) != 0 ? device->name : "");
        device->numa = byte(3) != 0 ? number(4) : BP_NOWHERE;
        device->package = byte(3) != 0 ? number(3) : BP_NOWHERE;
        device->l3 = BP_NOWHERE;
    }
}

static void make_ranks(struct bp_map *map, uint8_t masks[RANKS][8], uint32_t gpus[RANKS])
{
    for (uint32_t i = 0; i < map->rank_count; i++) {
        struct bp_map_rank *rank = &map->ranks[i];
        rank->node = byte(map->node_count);
        rank->local = map->nodes[rank->node].ranks++;
        for (size_t k = 0; k < 2; k++)
            masks[i][byte(8)] |= (uint8_t)byte(256);
        rank->cpus = masks[i];
        rank->cpus_bytes = byte(4) != 0 ? 8 : 0;
        rank->nic = byte(2) != 0 ? byte(DEVICES) : BP_NOWHERE;
        gpus[i] = byte(DEVICES);
        rank->gpus = &gpus[i];
        rank->gpu_count = byte(2);
    }
}

/* Tags open and close in pairs; no control character; nothing after the end. */
static void check_svg(const char *svg)
{
    int depth = 0;
    for (const char *at = strchr(svg, '>') + 1; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' && *at != '\n')
            abort();
        if (*at != '<')
            continue;
        const char *close = strchr(at, '>');
        if (close == NULL || (at[1] == '/' && --depth < 0))
            abort();
        depth += at[1] != '/' && close[-1] != '/';
        if (memchr(at + 1, '<', (size_t)(close - at) - 1) != NULL)
            abort();
        at = close;
    }
    if (depth != 0)
        abort();
}

static void check_all(const struct bp_picture *picture, const struct bp_picture_style *style)
{
    auto_free char *text = bp_picture_text(picture, style);
    auto_free char *svg = bp_picture_svg(picture);
    check_svg(svg);
    for (uint32_t i = 0; i < picture->map->rank_count; i++) {
        auto_free char *line = bp_picture_line(picture, i);
        if (strncmp(line, "rank ", 5) != 0 || strchr(line, '\n') != NULL)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bp_slot slots[2][SLOTS];
    struct bp_device devices[2][DEVICES] = {0};
    struct bp_hardware hardware[2];
    struct bp_place_node nodes[NODES];
    struct bp_map_node map_nodes[NODES] = {0};
    struct bp_map_rank ranks[RANKS] = {0};
    uint8_t masks[RANKS][8] = {0}, used[8];
    uint32_t gpus[RANKS];
    const char *notes[NODES];
    char command[32];
    next = data;
    end = data + size;
    for (size_t i = 0; i < 2; i++) {
        hardware[i] = (struct bp_hardware){.slots = slots[i], .slot_count = byte(SLOTS + 1),
                                           .devices = devices[i], .device_count = DEVICES};
        make_hardware(&hardware[i]);
        if (bp_hardware_check(&hardware[i], NULL) < 0)
            return 0;
    }
    memset(used, (int)byte(256), sizeof used);
    struct bp_map map = {.ranks = ranks, .nodes = map_nodes, .node_count = 1 + byte(NODES),
                         .shared = byte(4) == 0};
    for (uint32_t i = 0; i < map.node_count; i++) {
        nodes[i] = (struct bp_place_node){.number = (int)i, .hardware = &hardware[byte(8) == 0],
                                          .used = used, .used_bytes = sizeof used};
        map_nodes[i] = (struct bp_map_node){.number = (int)i, .index = i};
        notes[i] = byte(8) == 0 ? "<&>" : "b.xml";
    }
    map.rank_count = byte(RANKS + 1);
    make_ranks(&map, masks, gpus);
    struct bp_picture_style style = {.columns = byte(256), .colour = byte(2) != 0};
    struct bp_picture picture = {.map = &map, .nodes = nodes, .command = command,
                                 .notes = byte(2) != 0 ? notes : NULL};
    for (size_t i = 0; i < sizeof command; i++)
        command[i] = (char)byte(256);
    command[sizeof command - 1] = '\0';
    check_all(&picture, &style);
    return 0;
}
