/* SPDX-License-Identifier: BSD-3-Clause */
/* canary.c - matches the launcher's signals with those of its process group. */
#include "ghost/canary.h"

#include <signal.h>

#include "ghost/herd.h"
#include "ghost/herder.h"
#include "ghost/sys.h"

/* What was seen and not matched this long after a match belonged to that match: the launcher got
 * two equal signals as one. */
#define LEFTOVER_MS 1000

static bool same_sender(const struct bp_canary_seen *seen, int i,
                        const struct bp_ghost_record *signal)
{
    return seen->from[i].count && seen->from[i].sender_pid == signal->sender_pid &&
           seen->from[i].code == signal->code;
}

static void seen_add(struct bp_canary_seen *seen, const struct bp_ghost_record *signal)
{
    int at = 0; /* the first gives way when there are more senders than places */

    for (int i = BP_CANARY_SENDERS - 1; i >= 0; i--) {
        if (seen->from[i].count == 0)
            at = i;
    }
    for (int i = 0; i < BP_CANARY_SENDERS; i++) {
        if (same_sender(seen, i, signal)) {
            seen->from[i].count++;
            return;
        }
    }
    seen->from[at].sender_pid = signal->sender_pid;
    seen->from[at].code = signal->code;
    seen->from[at].count = 1;
}

/* Take one such signal out; false when the canary did not get it. */
static bool seen_match(struct bp_canary_seen *seen, const struct bp_ghost_record *signal)
{
    uint64_t now = bp_sys_now_ms();

    if (seen->matched_ms && now - seen->matched_ms > LEFTOVER_MS &&
        seen->added_ms <= seen->matched_ms)
        __builtin_memset(seen->from, 0, sizeof(seen->from));
    for (int i = 0; i < BP_CANARY_SENDERS; i++) {
        if (same_sender(seen, i, signal)) {
            seen->from[i].count--;
            seen->matched_ms = now;
            return true;
        }
    }
    return false;
}

/* Only kill() and the terminal reach a process group, and nobody catches SIGKILL or SIGSTOP. */
static bool can_be_groups(const struct bp_ghost_record *signal)
{
    return (signal->code == SI_USER || signal->code == SI_KERNEL) && signal->signo != SIGKILL &&
           signal->signo != SIGSTOP;
}

static void decide(struct bp_herder *herder, const struct bp_ghost_record *signal)
{
    struct bp_canary *canary = &herder->canary;
    struct bp_ghost_record record = *signal;

    if (canary->alive && can_be_groups(signal) && seen_match(&canary->seen[signal->signo], signal))
        return;
    record.type = BP_GHOST_SIGNAL;
    record.slot = BP_GHOST_SLOT_ALL;
    bp_queue_put(&herder->queue, &record);
}

static void decide_first(struct bp_herder *herder, uint32_t count)
{
    struct bp_canary *canary = &herder->canary;

    for (uint32_t i = 0; i < count; i++)
        decide(herder, &canary->forwards[i]);
    canary->count -= count;
    for (uint32_t i = 0; i < canary->count; i++)
        canary->forwards[i] = canary->forwards[i + count];
}

/* kill(-group) and the terminal walk the group with tasklist_lock held for reading, and the
 * launcher may be ahead of the canary in that walk. setpgid() takes the lock for writing (and then
 * refuses, as we lead a session): when it returns, every walk that reached the launcher is over.
 * The kick is the last signal in the kernel's order, so the canary takes all others before. */
void bp_canary_ask(struct bp_herder *herder)
{
    struct bp_canary *canary = &herder->canary;

    bp_sys_setpgid(0, 0);
    canary->asked = true;
    canary->covered = canary->count;
    bp_herder_order(BP_HERD_CANARY, BP_ORDER_ANSWER);
}

void bp_canary_forward(struct bp_herder *herder, const struct bp_ghost_record *signal)
{
    struct bp_canary *canary = &herder->canary;

    if (canary->count == 0 && (!canary->alive || !can_be_groups(signal))) {
        decide(herder, signal);
        return;
    }
    canary->forwards[canary->count++] = *signal;
    if (!canary->asked)
        bp_canary_ask(herder);
}

void bp_canary_signal(struct bp_herder *herder, const struct bp_ghost_record *signal)
{
    struct bp_canary_seen *seen = &herder->canary.seen[signal->signo];

    bp_muster_witness(herder, signal);
    if (!can_be_groups(signal))
        return;
    seen_add(seen, signal);
    seen->added_ms = bp_sys_now_ms();
}

void bp_canary_answer(struct bp_herder *herder)
{
    struct bp_canary *canary = &herder->canary;

    canary->asked = false;
    decide_first(herder, canary->covered);
    bp_muster_canary_answered(herder);
    if (canary->count && !canary->asked)
        bp_canary_ask(herder);
}

/* Somebody killed it: from now on every forward is sent on. */
void bp_canary_dead(struct bp_herder *herder)
{
    struct bp_canary *canary = &herder->canary;

    canary->alive = false;
    canary->asked = false;
    decide_first(herder, canary->count);
    bp_muster_canary_answered(herder);
}
