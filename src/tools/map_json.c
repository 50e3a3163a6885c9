/* SPDX-License-Identifier: BSD-3-Clause */
/* map_json.c - a map for programs. */
#include <stddef.h>

#include "common/mem.h"
#include "tools/map_json.h"
#include "tools/text.h"

static void set_text(json_t *row, const char *key, const char *text)
{
    auto_free char *plain = text_plain(text);
    json_object_set_new(row, key, json_string(plain));
}

static void set_mask(json_t *row, const char *key, const uint8_t *mask, size_t bytes)
{
    auto_free char *list = bp_cpuset_format(mask, bytes);
    json_object_set_new(row, key, json_string(list));
}

void map_json_where(json_t *row, const uint8_t *cpus, size_t cpus_bytes,
                    const struct bp_hardware *hardware)
{
    static const struct {
        const char *key;
        size_t offset;
    } levels[] = {{"packages", offsetof(struct bp_slot, package)},
                  {"numas", offsetof(struct bp_slot, numa)},
                  {"l3s", offsetof(struct bp_slot, l3)},
                  {"cores", offsetof(struct bp_slot, core)}};
    for (size_t k = 0; k < sizeof levels / sizeof *levels; k++) {
        uint8_t set[BP_CPUSET_BYTES_MAX] = {0};
        uint32_t end = 0;
        for (size_t i = 0; i < hardware->slot_count; i++) {
            const char *slot = (const char *)&hardware->slots[i];
            uint32_t number = *(const uint32_t *)(slot + levels[k].offset);
            if (!bp_cpuset_has(cpus, cpus_bytes, hardware->slots[i].pu))
                continue;
            bp_cpuset_add(set, sizeof set, number);
            end = number >= end ? number + 1 : end;
        }
        set_mask(row, levels[k].key, set, bp_cpuset_bytes(end));
    }
}

static json_t *device_row(const struct bp_place_node *node, size_t index)
{
    const struct bp_hardware *hardware = node->hardware;
    static const char *const vendors[] = {[BP_VENDOR_OTHER] = "",
                                          [BP_VENDOR_NVIDIA] = "nvidia",
                                          [BP_VENDOR_AMD] = "amd",
                                          [BP_VENDOR_INTEL] = "intel"};
    const struct bp_device *device = &hardware->devices[index];
    json_t *row = json_pack("{s:s s:i}", "kind", device->kind == BP_DEVICE_GPU ? "gpu" : "nic",
                            "number", (int)bp_device_number(hardware, index));
    set_text(row, "name", device->name);
    if (device->kind == BP_DEVICE_GPU)
        set_text(row, "vendor", vendors[device->vendor]);
    if (device->uuid[0] != '\0')
        set_text(row, "uuid", device->uuid);
    if (device->bus[0] != '\0')
        set_text(row, "bus", device->bus);
    if (bp_cpuset_has(node->used_devices, node->used_devices_bytes, (unsigned)index))
        json_object_set_new(row, "used", json_true());
    if (device->package != BP_NOWHERE)
        json_object_set_new(row, "package", json_integer(device->package));
    if (device->numa != BP_NOWHERE)
        json_object_set_new(row, "numa", json_integer(device->numa));
    return row;
}

static json_t *node_row(const struct bp_picture *picture, const struct bp_map_node *node)
{
    const struct bp_place_node *place = &picture->nodes[node->index];
    uint8_t cpus[BP_CPUSET_BYTES_MAX] = {0};
    auto_free char *name = bp_nodeset_format(&node->number, 1, "n");
    for (size_t i = 0; i < place->hardware->slot_count; i++)
        bp_cpuset_add(cpus, sizeof cpus, place->hardware->slots[i].pu);
    json_t *row = json_pack("{s:s s:i}", "node", name, "ranks", (int)node->ranks);
    if (picture->notes != NULL)
        set_text(row, "topology", picture->notes[node->index]);
    set_mask(row, "cpus", cpus, sizeof cpus);
    set_mask(row, "used", place->used, place->used_bytes);
    map_json_where(row, cpus, sizeof cpus, place->hardware);
    json_t *devices = json_array();
    for (size_t i = 0; i < place->hardware->device_count; i++)
        json_array_append_new(devices, device_row(place, i));
    json_object_set_new(row, "devices", devices);
    return row;
}

static json_t *rank_row(const struct bp_picture *picture, uint32_t number)
{
    const struct bp_map_rank *rank = &picture->map->ranks[number];
    const struct bp_map_node *node = &picture->map->nodes[rank->node];
    const struct bp_hardware *hardware = picture->nodes[node->index].hardware;
    bool bound = rank->cpus_bytes > 0 && !picture->map->shared;
    auto_free char *name = bp_nodeset_format(&node->number, 1, "n");
    json_t *row = json_pack("{s:i s:s s:i s:b}", "rank", (int)number, "node", name, "local",
                            (int)rank->local, "bound", (int)bound);
    if (rank->cpus_bytes > 0) {
        set_mask(row, "cpus", rank->cpus, rank->cpus_bytes);
        map_json_where(row, rank->cpus, rank->cpus_bytes, hardware);
    }
    if (rank->mems_bytes > 0)
        set_mask(row, "memory", rank->mems, rank->mems_bytes);
    json_t *gpus = json_array();
    for (uint32_t i = 0; i < rank->gpu_count; i++)
        json_array_append_new(gpus, json_integer(bp_device_number(hardware, rank->gpus[i])));
    json_object_set_new(row, "gpus", gpus);
    if (rank->nic < hardware->device_count)
        set_text(row, "nic", hardware->devices[rank->nic].name);
    return row;
}

void map_json_print(const struct bp_picture *picture, const struct bp_app_rank *apps, FILE *out)
{
    const struct bp_map *map = picture->map;
    json_t *nodes = json_array(), *ranks = json_array(), *warnings = json_array();
    json_t *all = json_object();
    for (uint32_t i = 0; i < map->node_count; i++)
        json_array_append_new(nodes, node_row(picture, &map->nodes[i]));
    for (uint32_t i = 0; i < map->rank_count; i++) {
        json_array_append_new(ranks, rank_row(picture, i));
        if (apps != NULL)
            json_object_set_new(json_array_get(ranks, i), "app", json_integer(apps[i].app));
    }
    for (size_t i = 0; i < map->warning_count; i++)
        json_array_append_new(warnings, json_string(map->warnings[i]));
    if (picture->command != NULL)
        set_text(all, "command", picture->command);
    json_object_set_new(all, "ranks", ranks);
    json_object_set_new(all, "nodes", nodes);
    json_object_set_new(all, "warnings", warnings);
    json_dumpf(all, out, JSON_COMPACT | JSON_PRESERVE_ORDER);
    fputc('\n', out);
    json_decref(all);
}
