/* SPDX-License-Identifier: BSD-3-Clause */
/* brood.c - a ghost makes its children itself, so that they are. The list of those to be made grows
 * at its head, by the herder, and is taken as a whole, by the ghost. */
#include "ghost/brood.h"

#include <errno.h>
#include <sys/wait.h>

#include "ghost/herd.h"
#include "ghost/herder.h"
#include "ghost/maker.h"
#include "ghost/sys.h"

/* The whole list, in the order in which it was given. */
static uint32_t brood_take(uint32_t place)
{
    uint32_t link = __atomic_exchange_n(&bp_herd.slots[place].brood, 0, __ATOMIC_ACQ_REL);
    uint32_t first = 0;

    while (link) {
        struct bp_herd_slot *child = &bp_herd.slots[link - 1];
        uint32_t next = child->next;

        child->next = first;
        first = link;
        link = next;
    }
    return first;
}

/* A child that the herder lets go is reaped here, and no signal of its end is told to the process,
 * which learns of it on its node. */
void bp_brood_make(uint32_t place)
{
    uint32_t link = brood_take(place);

    bp_herd.slots[place].breeds = 1;
    while (link) {
        uint32_t slot = link - 1;
        struct bp_ghost_record record = {.type = BP_REPORT_UNMADE, .slot = slot};
        long r;

        link = bp_herd.slots[slot].next;
        bp_herd.slots[slot].parent = place;
        r = bp_maker_place(slot, 0);
        if (r > 0) {
            __atomic_store_n(&bp_herd.slots[slot].child, (int32_t)r, __ATOMIC_RELEASE);
            continue;
        }
        record.status = (int32_t)-r;
        while (bp_sys_write(bp_herd.report_out, &record, sizeof(record)) == -EINTR)
            continue;
    }
}

static int32_t wait_status(const siginfo_t *info)
{
    return info->si_code == CLD_EXITED ? (info->si_status & 0xff) << 8 : info->si_status;
}

/* All that is new of one. The number is free before the herder hears of the end. */
static void child_reap(uint32_t place, uint32_t slot, int32_t pid)
{
    struct bp_ghost_record record = {.type = BP_REPORT_CHILD, .slot = place, .value = slot};
    siginfo_t info = {0};

    record.pid = bp_sys_getpid();
    while (bp_sys_waitid(P_PID, pid, &info,
                         WEXITED | WSTOPPED | WCONTINUED | WNOHANG | __WALL) == 0 &&
           info.si_pid == pid) {
        record.code = info.si_code;
        record.status = wait_status(&info);
        info.si_pid = 0;
        if (record.code == CLD_EXITED || record.code == CLD_KILLED || record.code == CLD_DUMPED)
            __atomic_store_n(&bp_herd.slots[slot].child, 0, __ATOMIC_RELEASE);
        while (bp_sys_write(bp_herd.report_out, &record, sizeof(record)) == -EINTR)
            continue;
    }
}

/* By their numbers: one that became a ghost itself may have children of its own. */
void bp_brood_reap(uint32_t place)
{
    for (uint32_t slot = bp_herd.setup.count; slot < BP_GHOST_SLOTS; slot++) {
        int32_t pid = __atomic_load_n(&bp_herd.slots[slot].child, __ATOMIC_ACQUIRE);

        if (pid > 0 && bp_herd.slots[slot].parent == place)
            child_reap(place, slot, pid);
    }
}

static void refuse(struct bp_herder *herder, uint32_t slot, int32_t error)
{
    struct bp_ghost_record record = {.type = BP_GHOST_UNMADE, .slot = slot, .status = error};

    bp_queue_put(&herder->queue, &record);
}

static bool is_free(const struct bp_herder *herder, uint32_t slot)
{
    const struct bp_life *life = &herder->lives[slot];

    return slot >= bp_herd.setup.count && slot < BP_GHOST_SLOTS && !life->expected &&
           (life->state == BP_LIFE_GONE || life->state == BP_LIFE_BIRTH);
}

static bool may_breed(const struct bp_herder *herder, uint32_t parent)
{
    enum bp_life_state state;

    if (herder->muster.phase != BP_MUSTER_DONE || herder->lease_over || parent >= herder->used)
        return false;
    state = herder->lives[parent].state;
    return state == BP_LIFE_RUNNING || state == BP_LIFE_STOPPED;
}

void bp_brood_order(struct bp_herder *herder, const struct bp_ghost_record *make)
{
    struct bp_herd_slot *slot = &bp_herd.slots[make->slot < BP_GHOST_SLOTS ? make->slot : 0];
    uint32_t *brood;

    if (make->slot >= BP_GHOST_SLOTS || !is_free(herder, make->slot)) {
        herder->refused++;
        return;
    }
    if (!may_breed(herder, make->parent)) {
        refuse(herder, make->slot, ESRCH);
        return;
    }
    if (make->slot >= herder->used)
        herder->used = make->slot + 1;
    herder->bred++;
    herder->expected++;
    herder->lives[make->slot] = (struct bp_life){
        .expected = true, .bred = true, .parent = make->parent};
    __builtin_memset(slot, 0, sizeof(*slot));
    __builtin_memcpy(slot->name, make->name, sizeof(slot->name) - 1);
    brood = &bp_herd.slots[make->parent].brood;
    slot->next = __atomic_load_n(brood, __ATOMIC_ACQUIRE);
    while (!__atomic_compare_exchange_n(brood, &slot->next, make->slot + 1, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        continue;
    bp_herder_order(make->parent, BP_ORDER_BREED);
}

void bp_brood_born(struct bp_herder *herder, uint32_t slot)
{
    herder->lives[slot].expected = false;
    herder->expected--;
    if (bp_herd.slots[slot].name[0])
        bp_herder_order(slot, BP_ORDER_NAME);
}

void bp_brood_unmade(struct bp_herder *herder, uint32_t slot, int32_t error)
{
    if (!herder->lives[slot].expected)
        return;
    herder->lives[slot].expected = false;
    herder->expected--;
    herder->bred--;
    refuse(herder, slot, error);
}

void bp_brood_gone(struct bp_herder *herder, uint32_t slot, int32_t status)
{
    struct bp_ghost_record gone = {.type = BP_GHOST_GONE, .slot = slot, .status = status};
    struct bp_life *life = &herder->lives[slot];

    life->state = BP_LIFE_GONE;
    life->home = 0;
    herder->gone++;
    bp_queue_put(&herder->queue, &gone);
}

void bp_brood_told(struct bp_herder *herder, const struct bp_ghost_record *record)
{
    uint32_t slot = (uint32_t)record->value;
    const struct bp_life *life = &herder->lives[slot];
    struct bp_ghost_record halted = {.type = BP_GHOST_HALTED, .slot = slot};

    if (life->state != BP_LIFE_APART || !life->bred || life->parent != record->slot)
        return;
    if (record->code == CLD_STOPPED)
        halted.signo = record->status;
    if (record->code == CLD_STOPPED || record->code == CLD_CONTINUED)
        bp_queue_put(&herder->queue, &halted);
    else if (record->code == CLD_EXITED || record->code == CLD_KILLED ||
             record->code == CLD_DUMPED)
        bp_brood_gone(herder, slot, record->status);
}

/* Nobody tells any more what becomes of those. What it cloned before it died is known by the PID
 * that the kernel wrote. */
void bp_brood_orphan(struct bp_herder *herder, uint32_t parent)
{
    for (uint32_t slot = bp_herd.setup.count; slot < herder->used; slot++) {
        struct bp_life *life = &herder->lives[slot];

        if (!life->bred || life->parent != parent)
            continue;
        life->bred = false;
        __atomic_store_n(&bp_herd.slots[slot].child, 0, __ATOMIC_RELEASE);
        if (life->expected && bp_herd.pids[slot] == 0)
            bp_brood_unmade(herder, slot, ESRCH);
        else if (life->state == BP_LIFE_APART)
            bp_brood_gone(herder, slot, life->home ? BP_GHOST_NOT_KNOWN : life->status);
    }
}
