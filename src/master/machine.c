/* SPDX-License-Identifier: BSD-3-Clause */
/* machine.c - CPUs in use. Nodes that report one boot id are one computer and share its CPUs. */
#include <string.h>

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
    free(machine->used);
    free(machine);
}

void machine_use(struct machine *machine, const uint8_t *mask, size_t bytes, int delta)
{
    for (unsigned pu = 0; pu < machine->pus && pu / 8 < bytes; pu++)
        if ((mask[pu / 8] >> (pu % 8) & 1) != 0)
            machine->used[pu] = (uint16_t)(machine->used[pu] + delta);
}

unsigned machine_used(const struct machine *machine)
{
    unsigned used = 0;
    for (unsigned pu = 0; pu < machine->pus; pu++)
        used += machine->used[pu] > 0;
    return used;
}
