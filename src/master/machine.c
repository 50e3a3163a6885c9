/* SPDX-License-Identifier: BSD-3-Clause */
/* machine.c - CPUs in use. Nodes that report one boot id are one computer and share its CPUs. */
#include <string.h>

#include "common/cpuset.h"
#include "common/mem.h"
#include "master/master.h"

struct machine *machine_get(struct master *master, const char *boot_id, unsigned pus)
{
    static unsigned next_id;
    struct machine *machine;
    HASH_FIND_STR(master->machines, boot_id, machine);
    if (machine == NULL) {
        machine = bp_calloc(1, sizeof *machine);
        snprintf(machine->boot_id, sizeof machine->boot_id, "%s", boot_id);
        machine->id = next_id++;
        HASH_ADD_STR(master->machines, boot_id, machine);
    }
    if (pus > machine->pus) {
        machine->used = bp_realloc(machine->used, pus, sizeof *machine->used);
        memset(machine->used + machine->pus, 0, (pus - machine->pus) * sizeof *machine->used);
        machine->pus = pus;
    }
    machine->references++;
    return machine;
}

void machine_put(struct master *master, struct machine *machine)
{
    if (machine == NULL || --machine->references > 0)
        return;
    HASH_DEL(master->machines, machine);
    struct device *device, *next;
    LL_FOREACH_SAFE(machine->devices, device, next)
        free(device);
    free(machine->used);
    free(machine);
}

static const char *device_id(const struct bp_device *device)
{
    return device->uuid[0] != '\0' ? device->uuid
           : device->bus[0] != '\0' ? device->bus : device->name;
}

static struct device *find_device(const struct machine *machine, const struct bp_device *device)
{
    struct device *found;
    LL_FOREACH(machine->devices, found)
        if (strcmp(found->id, device_id(device)) == 0)
            return found;
    return NULL;
}

struct device *machine_device(struct machine *machine, const struct bp_device *device)
{
    struct device *found = find_device(machine, device);
    if (found == NULL) {
        found = bp_calloc(1, sizeof *found);
        snprintf(found->id, sizeof found->id, "%s", device_id(device));
        LL_PREPEND(machine->devices, found);
    }
    return found;
}

uint8_t *machine_device_mask(const struct machine *machine, const struct bp_hardware *hardware,
                             size_t *ret_bytes)
{
    *ret_bytes = bp_cpuset_bytes((unsigned)hardware->device_count);
    uint8_t *mask = bp_calloc(1, *ret_bytes);
    for (unsigned i = 0; i < hardware->device_count; i++) {
        const struct device *device = find_device(machine, &hardware->devices[i]);
        if (device != NULL && device->used > 0)
            bp_cpuset_add(mask, *ret_bytes, i);
    }
    return mask;
}

void machine_use(struct machine *machine, const uint8_t *mask, size_t bytes, int delta)
{
    for (unsigned pu = 0; pu < machine->pus; pu++)
        if (bp_cpuset_has(mask, bytes, pu))
            machine->used[pu] = (uint16_t)(machine->used[pu] + delta);
}

unsigned machine_used(const struct machine *machine)
{
    unsigned used = 0;
    for (unsigned pu = 0; pu < machine->pus; pu++)
        used += machine->used[pu] > 0;
    return used;
}

uint8_t *machine_mask(const struct machine *machine, size_t *ret_bytes)
{
    *ret_bytes = bp_cpuset_bytes(machine->pus);
    uint8_t *mask = bp_calloc(1, *ret_bytes);
    for (unsigned pu = 0; pu < machine->pus; pu++)
        if (machine->used[pu] > 0)
            bp_cpuset_add(mask, *ret_bytes, pu);
    return mask;
}
