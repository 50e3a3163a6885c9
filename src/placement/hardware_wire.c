/* SPDX-License-Identifier: BSD-3-Clause */
/* hardware_wire.c - a node's hardware to and from the rows of messages. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "placement/wire.h"

/* Places stand on the wire plus one, so that 0 is "not known". */
static uint32_t place_in(uint32_t number)
{
    return number - 1;
}

static uint32_t place_out(uint32_t number)
{
    return number + 1;
}

/* False: too long. */
static bool copy_word(char ret_word[BP_DEVICE_NAME_MAX], const char *text)
{
    return snprintf(ret_word, BP_DEVICE_NAME_MAX, "%s", text) < BP_DEVICE_NAME_MAX;
}

static bool take_device(const Bpmix__Device *row, struct bp_device *ret)
{
    *ret = (struct bp_device){.kind = (enum bp_device_kind)row->kind,
                              .vendor = (enum bp_vendor)row->vendor,
                              .numa = place_in(row->numa),
                              .package = place_in(row->package),
                              .l3 = place_in(row->l3)};
    return copy_word(ret->name, row->name) && copy_word(ret->uuid, row->uuid) &&
           copy_word(ret->bus, row->bus);
}

static bool take_numa(const Bpmix__Numa *row, struct bp_hardware *h, size_t i)
{
    h->numas[i] = (struct bp_numa){.os = row->os, .has_memory = row->has_memory};
    if (row->n_distances == 0)
        return h->distances == NULL;
    if (i == 0)
        h->distances = bp_calloc(h->numa_count * h->numa_count, sizeof *h->distances);
    if (h->distances == NULL || row->n_distances != h->numa_count)
        return false;
    for (size_t k = 0; k < h->numa_count; k++)
        h->distances[i * h->numa_count + k] =
            row->distances[k] <= UINT16_MAX ? (uint16_t)row->distances[k] : UINT16_MAX;
    return true;
}

static int take_rows(Bpmix__Slot **slots, Bpmix__Device **devices, Bpmix__Numa **numas,
                     struct bp_hardware *h, struct bp_error *err)
{
    for (size_t i = 0; i < h->slot_count; i++) {
        const Bpmix__Slot *s = slots[i];
        h->slots[i] = (struct bp_slot){.pu = s->pu, .core = s->core, .l3 = s->l3,
                                       .numa = s->numa, .package = s->package, .kind = s->kind,
                                       .l2 = s->l2, .l1 = s->l1};
    }
    for (size_t i = 0; i < h->device_count; i++)
        if (!take_device(devices[i], &h->devices[i]))
            return bp_error_set(err, -EINVAL, "device %zu: a name is too long", i);
    for (size_t i = 0; i < h->numa_count; i++)
        if (!take_numa(numas[i], h, i))
            return bp_error_set(err, -EINVAL, "NUMA node %zu: the distances are not for all", i);
    return bp_hardware_check(h, err);
}

int bp_hardware_take(Bpmix__Slot **slots, size_t slot_count, Bpmix__Device **devices,
                     size_t device_count, Bpmix__Numa **numas, size_t numa_count,
                     struct bp_hardware *ret, struct bp_error *err)
{
    if (slot_count > BP_SLOTS_MAX || device_count > BP_DEVICES_MAX || numa_count > BP_NUMAS_MAX)
        return bp_error_set(err, -EINVAL, "%zu CPUs, %zu devices and %zu NUMA nodes are too many",
                            slot_count, device_count, numa_count);
    struct bp_hardware h = {.slot_count = slot_count, .device_count = device_count,
                            .numa_count = numa_count};
    h.slots = bp_calloc(slot_count, sizeof *h.slots);
    h.devices = bp_calloc(device_count, sizeof *h.devices);
    h.numas = bp_calloc(numa_count, sizeof *h.numas);
    int r = take_rows(slots, devices, numas, &h, err);
    if (r < 0)
        bp_hardware_done(&h);
    else
        *ret = h;
    return r;
}

static void fill_slots(struct bp_hardware_rows *rows, const struct bp_hardware *h)
{
    for (size_t i = 0; i < h->slot_count; i++) {
        const struct bp_slot *s = &h->slots[i];
        Bpmix__Slot *row = rows->slots[i] = &rows->slot_rows[i];
        bpmix__slot__init(row);
        row->pu = s->pu;
        row->core = s->core;
        row->l1 = s->l1;
        row->l2 = s->l2;
        row->l3 = s->l3;
        row->numa = s->numa;
        row->package = s->package;
        row->kind = s->kind;
    }
}

static void fill_devices(struct bp_hardware_rows *rows, const struct bp_hardware *h)
{
    for (size_t i = 0; i < h->device_count; i++) {
        struct bp_device *d = &h->devices[i];
        Bpmix__Device *row = rows->devices[i] = &rows->device_rows[i];
        bpmix__device__init(row);
        row->kind = (Bpmix__Device__Kind)d->kind;
        row->vendor = (Bpmix__Device__Vendor)d->vendor;
        row->name = d->name;
        row->uuid = d->uuid;
        row->bus = d->bus;
        row->numa = place_out(d->numa);
        row->package = place_out(d->package);
        row->l3 = place_out(d->l3);
    }
}

static void fill_numas(struct bp_hardware_rows *rows, const struct bp_hardware *h)
{
    for (size_t i = 0; h->distances != NULL && i < h->numa_count * h->numa_count; i++)
        rows->distances[i] = h->distances[i];
    for (size_t i = 0; i < h->numa_count; i++) {
        Bpmix__Numa *row = rows->numas[i] = &rows->numa_rows[i];
        bpmix__numa__init(row);
        row->os = h->numas[i].os;
        row->has_memory = h->numas[i].has_memory;
        row->distances = rows->distances + i * h->numa_count;
        row->n_distances = h->distances != NULL ? h->numa_count : 0;
    }
}

void bp_hardware_rows_init(struct bp_hardware_rows *rows, const struct bp_hardware *hardware)
{
    size_t slots = hardware->slot_count, devices = hardware->device_count,
           numas = hardware->numa_count;
    *rows = (struct bp_hardware_rows){
        .slots = bp_calloc(slots, sizeof(Bpmix__Slot *)),
        .slot_count = slots,
        .devices = bp_calloc(devices, sizeof(Bpmix__Device *)),
        .device_count = devices,
        .numas = bp_calloc(numas, sizeof(Bpmix__Numa *)),
        .numa_count = numas,
        .slot_rows = bp_calloc(slots, sizeof(Bpmix__Slot)),
        .device_rows = bp_calloc(devices, sizeof(Bpmix__Device)),
        .numa_rows = bp_calloc(numas, sizeof(Bpmix__Numa)),
        .distances = bp_calloc(numas * numas, sizeof(uint32_t)),
    };
    fill_slots(rows, hardware);
    fill_devices(rows, hardware);
    fill_numas(rows, hardware);
}

void bp_hardware_rows_done(struct bp_hardware_rows *rows)
{
    free(rows->slots);
    free(rows->devices);
    free(rows->numas);
    free(rows->slot_rows);
    free(rows->device_rows);
    free(rows->numa_rows);
    free(rows->distances);
    *rows = (struct bp_hardware_rows){0};
}
