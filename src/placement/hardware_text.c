/* SPDX-License-Identifier: BSD-3-Clause */
/* hardware_text.c - a node's hardware as text lines: what bptopo prints and bpnode reads. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "placement/hardware.h"

static const char header[] = "bphardware 1 ";
static const char nothing[] = "-"; /* an unknown number, an empty text */
static const char *const kinds[] = {[BP_DEVICE_GPU] = "gpu", [BP_DEVICE_NIC] = "nic"};
static const char *const vendors[] = {[BP_VENDOR_OTHER] = "other",
                                      [BP_VENDOR_NVIDIA] = "nvidia",
                                      [BP_VENDOR_AMD] = "amd",
                                      [BP_VENDOR_INTEL] = "intel"};

/* A text of at most BP_HARDWARE_TEXT_MAX bytes, being written. */
struct writer {
    char *text;
    size_t used;
};

static void put(struct writer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct writer *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(out->text + out->used, BP_HARDWARE_TEXT_MAX - out->used, format, args);
    va_end(args);
    out->used += (size_t)length;
}

static void put_slot(struct writer *out, const struct bp_slot *s)
{
    put(out, "slot %u %u %u %u %u %u %u %u\n", s->pu, s->core, s->l3, s->numa, s->package,
        s->kind, s->l2, s->l1);
}

static void put_place(struct writer *out, uint32_t number)
{
    if (number == BP_NOWHERE)
        put(out, " %s", nothing);
    else
        put(out, " %u", number);
}

static void put_device(struct writer *out, const struct bp_device *d)
{
    put(out, "device %s %s %s %s %s", kinds[d->kind], vendors[d->vendor], d->name,
        d->uuid[0] != '\0' ? d->uuid : nothing, d->bus[0] != '\0' ? d->bus : nothing);
    put_place(out, d->numa);
    put_place(out, d->package);
    put_place(out, d->l3);
    put(out, "\n");
}

static void put_numa(struct writer *out, const struct bp_hardware *h, size_t i)
{
    put(out, "numa %u %d", h->numas[i].os, h->numas[i].has_memory);
    for (size_t k = 0; h->distances != NULL && k < h->numa_count; k++)
        put(out, " %u", h->distances[i * h->numa_count + k]);
    put(out, "\n");
}

char *bp_hardware_format(const struct bp_hardware *hardware)
{
    struct writer out = {.text = bp_calloc(1, BP_HARDWARE_TEXT_MAX)};
    put(&out, "%s%zu %zu %zu\n", header, hardware->slot_count, hardware->device_count,
        hardware->numa_count);
    for (size_t i = 0; i < hardware->slot_count; i++)
        put_slot(&out, &hardware->slots[i]);
    for (size_t i = 0; i < hardware->device_count; i++)
        put_device(&out, &hardware->devices[i]);
    for (size_t i = 0; i < hardware->numa_count; i++)
        put_numa(&out, hardware, i);
    return out.text;
}

/* What is left to read. */
struct reader {
    const char *at;
    const char *end;
};

static bool skip_text(struct reader *in, const char *text)
{
    size_t length = strlen(text);
    if ((size_t)(in->end - in->at) < length || memcmp(in->at, text, length) != 0)
        return false;
    in->at += length;
    return true;
}

/* One number of at most five digits; every number here is below 65,536. */
static bool read_number(struct reader *in, uint32_t *ret_number)
{
    uint32_t number = 0;
    unsigned digits = 0;
    for (; in->at < in->end && *in->at >= '0' && *in->at <= '9' && digits < 5; in->at++, digits++)
        number = number * 10 + (uint32_t)(*in->at - '0');
    *ret_number = number;
    return digits > 0 && number <= UINT16_MAX;
}

static bool read_place(struct reader *in, uint32_t *ret_number)
{
    *ret_number = BP_NOWHERE;
    return skip_text(in, " ") && (skip_text(in, nothing) || read_number(in, ret_number));
}

/* A blank and a word that fits; "-" is the empty one. */
static bool read_word(struct reader *in, char ret_word[BP_DEVICE_NAME_MAX])
{
    size_t length = 0;
    if (!skip_text(in, " "))
        return false;
    while (in->at + length < in->end && in->at[length] > ' ' && length < BP_DEVICE_NAME_MAX)
        length++;
    if (length == 0 || length == BP_DEVICE_NAME_MAX)
        return false;
    bool empty = length == 1 && *in->at == nothing[0];
    snprintf(ret_word, BP_DEVICE_NAME_MAX, "%.*s", empty ? 0 : (int)length, in->at);
    in->at += length;
    return true;
}

/* A word of the table; its index, or -1. */
static int read_choice(struct reader *in, const char *const *words, int first, int last)
{
    char word[BP_DEVICE_NAME_MAX];
    if (!read_word(in, word))
        return -1;
    for (int i = first; i <= last; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    return -1;
}

static bool read_slot(struct reader *in, struct bp_slot *s)
{
    uint32_t *const fields[] = {&s->pu,      &s->core, &s->l3, &s->numa,
                                &s->package, &s->kind, &s->l2, &s->l1};
    if (!skip_text(in, "slot"))
        return false;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (!skip_text(in, " ") || !read_number(in, fields[i]))
            return false;
    return skip_text(in, "\n");
}

static bool read_device(struct reader *in, struct bp_device *d)
{
    if (!skip_text(in, "device"))
        return false;
    int kind = read_choice(in, kinds, BP_DEVICE_GPU, BP_DEVICE_NIC);
    int vendor = read_choice(in, vendors, BP_VENDOR_OTHER, BP_VENDOR_INTEL);
    if (kind < 0 || vendor < 0)
        return false;
    d->kind = (enum bp_device_kind)kind;
    d->vendor = (enum bp_vendor)vendor;
    return read_word(in, d->name) && read_word(in, d->uuid) && read_word(in, d->bus) &&
           read_place(in, &d->numa) && read_place(in, &d->package) && read_place(in, &d->l3) &&
           skip_text(in, "\n");
}

/* Distances are there for every NUMA node or for none. */
static bool read_numa(struct reader *in, struct bp_hardware *h, size_t i)
{
    uint32_t memory, distance;
    if (!skip_text(in, "numa ") || !read_number(in, &h->numas[i].os) || !skip_text(in, " ") ||
        !read_number(in, &memory) || memory > 1)
        return false;
    h->numas[i].has_memory = memory == 1;
    if (skip_text(in, "\n"))
        return h->distances == NULL;
    if (i == 0)
        h->distances = bp_calloc(h->numa_count * h->numa_count, sizeof *h->distances);
    if (h->distances == NULL)
        return false;
    for (size_t k = 0; k < h->numa_count; k++) {
        if (!skip_text(in, " ") || !read_number(in, &distance))
            return false;
        h->distances[i * h->numa_count + k] = (uint16_t)distance;
    }
    return skip_text(in, "\n");
}

static bool read_header(struct reader *in, uint32_t counts[3])
{
    return skip_text(in, header) && read_number(in, &counts[0]) && skip_text(in, " ") &&
           read_number(in, &counts[1]) && skip_text(in, " ") && read_number(in, &counts[2]) &&
           skip_text(in, "\n") && counts[0] <= BP_SLOTS_MAX && counts[1] <= BP_DEVICES_MAX &&
           counts[2] <= BP_NUMAS_MAX;
}

static int read_lines(struct reader *in, struct bp_hardware *h, struct bp_error *err)
{
    size_t line = 2;
    for (size_t i = 0; i < h->slot_count; i++, line++)
        if (!read_slot(in, &h->slots[i]))
            return bp_error_set(err, -EINVAL, "hardware: line %zu is not a slot", line);
    for (size_t i = 0; i < h->device_count; i++, line++)
        if (!read_device(in, &h->devices[i]))
            return bp_error_set(err, -EINVAL, "hardware: line %zu is not a device", line);
    for (size_t i = 0; i < h->numa_count; i++, line++)
        if (!read_numa(in, h, i))
            return bp_error_set(err, -EINVAL, "hardware: line %zu is not a NUMA node", line);
    if (in->at != in->end)
        return bp_error_set(err, -EINVAL, "hardware: more than the %zu lines announced", line - 1);
    return bp_hardware_check(h, err);
}

int bp_hardware_parse(const char *text, size_t length, struct bp_hardware *ret,
                      struct bp_error *err)
{
    struct reader in = {text, text + length};
    uint32_t counts[3];
    if (!read_header(&in, counts))
        return bp_error_set(err, -EINVAL,
                            "hardware: its first line is not \"%sSLOTS DEVICES NUMAS\"", header);
    struct bp_hardware h = {.slot_count = counts[0], .device_count = counts[1],
                            .numa_count = counts[2]};
    h.slots = bp_calloc(h.slot_count, sizeof *h.slots);
    h.devices = bp_calloc(h.device_count, sizeof *h.devices);
    h.numas = bp_calloc(h.numa_count, sizeof *h.numas);
    int r = read_lines(&in, &h, err);
    if (r < 0)
        bp_hardware_done(&h);
    else
        *ret = h;
    return r;
}
