/* SPDX-License-Identifier: BSD-3-Clause */
/* hardware.c - the check of what a peer says it has, and what programs are told of their GPUs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "placement/hardware.h"

void bp_hardware_done(struct bp_hardware *hardware)
{
    free(hardware->slots);
    free(hardware->devices);
    free(hardware->numas);
    free(hardware->distances);
    *hardware = (struct bp_hardware){0};
}

int bp_slots_check(const struct bp_slot *slots, size_t count, struct bp_error *err)
{
    uint8_t seen[BP_CPUSET_BYTES_MAX] = {0};
    if (count > BP_SLOTS_MAX)
        return bp_error_set(err, -EINVAL, "%zu CPUs, but a node has at most %d", count,
                            BP_SLOTS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct bp_slot *s = &slots[i];
        if (s->pu >= BP_CPUS_MAX || s->core >= BP_CPUS_MAX || s->l1 >= BP_CPUS_MAX ||
            s->l2 >= BP_CPUS_MAX || s->l3 >= BP_CPUS_MAX || s->numa >= BP_CPUS_MAX ||
            s->package >= BP_CPUS_MAX || s->kind >= BP_CPUS_MAX)
            return bp_error_set(err, -EINVAL, "slot %zu has a number above %d", i, BP_CPUS_MAX - 1);
        if (bp_cpuset_has(seen, sizeof seen, s->pu))
            return bp_error_set(err, -EINVAL, "CPU %u is named twice", s->pu);
        bp_cpuset_add(seen, sizeof seen, s->pu);
    }
    return 0;
}

/* Printable and without a blank or a comma, so that it is one word of any list. */
static bool is_word(const char text[BP_DEVICE_NAME_MAX])
{
    size_t length = strnlen(text, BP_DEVICE_NAME_MAX);
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~' || text[i] == ',')
            return false;
    return length < BP_DEVICE_NAME_MAX;
}

static bool is_number_or_nowhere(uint32_t number)
{
    return number < BP_CPUS_MAX || number == BP_NOWHERE;
}

static int check_device(const struct bp_device *d, size_t i, struct bp_error *err)
{
    if ((d->kind != BP_DEVICE_GPU && d->kind != BP_DEVICE_NIC) || d->vendor > BP_VENDOR_INTEL)
        return bp_error_set(err, -EINVAL, "device %zu is of no known kind", i);
    if (d->name[0] == '\0' || !is_word(d->name) || !is_word(d->uuid) || !is_word(d->bus))
        return bp_error_set(err, -EINVAL, "device %zu has a name, UUID or bus id that is no word",
                            i);
    if (!is_number_or_nowhere(d->numa) || !is_number_or_nowhere(d->package) ||
        !is_number_or_nowhere(d->l3))
        return bp_error_set(err, -EINVAL, "device %zu has a number above %d", i, BP_CPUS_MAX - 1);
    return 0;
}

int bp_hardware_check(const struct bp_hardware *hardware, struct bp_error *err)
{
    int r = bp_slots_check(hardware->slots, hardware->slot_count, err);
    if (r == 0 && hardware->device_count > BP_DEVICES_MAX)
        r = bp_error_set(err, -EINVAL, "%zu devices, but a node has at most %d",
                         hardware->device_count, BP_DEVICES_MAX);
    for (size_t i = 0; r == 0 && i < hardware->device_count; i++)
        r = check_device(&hardware->devices[i], i, err);
    if (r == 0 && hardware->numa_count > BP_NUMAS_MAX)
        r = bp_error_set(err, -EINVAL, "%zu NUMA nodes, but a node has at most %d",
                         hardware->numa_count, BP_NUMAS_MAX);
    for (size_t i = 0; r == 0 && i < hardware->numa_count; i++)
        if (hardware->numas[i].os >= BP_CPUS_MAX)
            r = bp_error_set(err, -EINVAL, "NUMA node %zu has a number above %d", i,
                             BP_CPUS_MAX - 1);
    return r;
}

/* The number of a GPU among those of its vendor. */
static unsigned vendor_number(const struct bp_hardware *hardware, uint32_t gpu)
{
    unsigned number = 0;
    for (uint32_t i = 0; i < gpu; i++)
        number += hardware->devices[i].kind == BP_DEVICE_GPU &&
                  hardware->devices[i].vendor == hardware->devices[gpu].vendor;
    return number;
}

/* Level Zero reads numbers alone. */
static bool goes_by_uuid(const struct bp_device *device)
{
    return device->uuid[0] != '\0' && device->vendor != BP_VENDOR_INTEL;
}

/* AMD's library tells 64 bits in hexadecimal where its runtime wants "GPU-" and 16 digits. */
static char *gpu_word(const struct bp_hardware *hardware, uint32_t gpu)
{
    const struct bp_device *device = &hardware->devices[gpu];
    size_t length = strlen(device->uuid);
    if (!goes_by_uuid(device))
        return bp_format("%u", vendor_number(hardware, gpu));
    if (device->vendor == BP_VENDOR_AMD && length <= 16 &&
        strspn(device->uuid, "0123456789abcdefABCDEF") == length)
        return bp_format("GPU-%.*s%s", (int)(16 - length), "0000000000000000", device->uuid);
    return bp_strdup(device->uuid);
}

void bp_gpu_environment(const struct bp_hardware *hardware, const uint32_t *gpus, size_t gpu_count,
                        char *ret_words[BP_GPU_WORDS_MAX + 1])
{
    static const char *const names[] = {[BP_VENDOR_NVIDIA] = "CUDA_VISIBLE_DEVICES=",
                                        [BP_VENDOR_AMD] = "ROCR_VISIBLE_DEVICES=",
                                        [BP_VENDOR_INTEL] = "ZE_AFFINITY_MASK="};
    size_t count = 0;
    for (enum bp_vendor vendor = BP_VENDOR_NVIDIA; vendor <= BP_VENDOR_INTEL; vendor++) {
        char *word = NULL;
        bool numbers = false;
        for (size_t i = 0; i < gpu_count; i++) {
            if (gpus[i] >= hardware->device_count ||
                hardware->devices[gpus[i]].vendor != vendor)
                continue;
            numbers |= !goes_by_uuid(&hardware->devices[gpus[i]]);
            auto_free char *before = word;
            auto_free char *gpu = gpu_word(hardware, gpus[i]);
            word = bp_format("%s%s%s", before != NULL ? before : names[vendor],
                             before != NULL ? "," : "", gpu);
        }
        if (word != NULL)
            ret_words[count++] = word;
        if (numbers && vendor == BP_VENDOR_NVIDIA)
            ret_words[count++] = bp_strdup("CUDA_DEVICE_ORDER=PCI_BUS_ID");
    }
    ret_words[count] = NULL;
}
