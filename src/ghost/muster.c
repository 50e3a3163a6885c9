/* SPDX-License-Identifier: BSD-3-Clause */
/* muster.c - the phases of bringing the herd up.
 *
 * A signal to the launcher's process group while the herd is being made reaches the ghosts born so
 * far. The canary, born first, is the witness: at the end every ghost that has not told of such a
 * signal gets it told, so that the ranks agree. */
#include "ghost/muster.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

#include "ghost/herd.h"
#include "ghost/herder.h"
#include "ghost/sys.h"

static void maker_tell(int32_t *word, int32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    bp_sys_kill(bp_herd.maker, BP_HERD_KICK);
}

static void verdict(struct bp_herder *herder, int32_t error)
{
    herder->muster.phase = BP_MUSTER_DONE;
    if (!herder->muster.traced) {
        herder->maker_gone = true; /* its end will not be shown to us */
        maker_tell(&bp_herd.go, -1);
    }
    maker_tell(&bp_herd.verdict, error);
}

void bp_muster_fail(struct bp_herder *herder, int32_t error)
{
    struct bp_muster *muster = &herder->muster;

    if (muster->phase >= BP_MUSTER_FAILING)
        return;
    if (muster->phase == BP_MUSTER_NAMING)
        muster->made_known = true;
    muster->error = error;
    muster->phase = BP_MUSTER_FAILING;
}

void bp_muster_named(struct bp_herder *herder)
{
    struct bp_muster *muster = &herder->muster;
    long r;

    if (muster->phase != BP_MUSTER_NAMING)
        return;
    r = bp_sys_ptrace(PTRACE_SEIZE, bp_herd.maker, PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC);
    if (bp_herd.setup.flags == BP_GHOST_GIVEN)
        bp_sys_capdrop(); /* the maker has one until it ends; to trace it took the same */
    if (r < 0) {
        bp_muster_fail(herder, (int32_t)-r);
        return;
    }
    bp_sys_prctl(PR_SET_PDEATHSIG, 0);
    muster->traced = true;
    muster->phase = BP_MUSTER_MAKING;
    maker_tell(&bp_herd.go, 1);
    if (bp_herd.midwife != 0)
        bp_sys_kill(bp_herd.midwife, SIGKILL);
}

void bp_muster_made(struct bp_herder *herder, uint32_t made, int32_t error)
{
    struct bp_muster *muster = &herder->muster;

    muster->made = made;
    muster->made_known = true;
    if (bp_herd.setup.flags & BP_GHOST_IN_PLACE) {
        herder->maker_gone = true;
        if (made)
            bp_life_event(herder, 0, BP_EVENT_TRAP, NULL); /* before anything it has to tell */
        if (made && bp_herd.slots[0].report.signo)
            bp_herder_order(0, 0); /* it was caught before it could hear of that */
    }
    if (error)
        bp_muster_fail(herder, error);
    else if (muster->phase == BP_MUSTER_MAKING)
        muster->phase = BP_MUSTER_MADE;
}

/* Killed before the verdict: what it has made is found by the PIDs that clone wrote. Killed with
 * the verdict in its hand: the launcher sees a failure all the same, so there must be no herd. */
void bp_muster_maker_dead(struct bp_herder *herder, int status)
{
    struct bp_muster *muster = &herder->muster;

    herder->maker_gone = true;
    if (muster->phase == BP_MUSTER_DONE) {
        if (status != 0)
            bp_herder_end(herder);
        return;
    }
    if (!muster->made_known) {
        while (muster->made < bp_herd.setup.count &&
               (bp_herd.pids[muster->made] || herder->lives[muster->made].state == BP_LIFE_GONE))
            muster->made++;
        muster->made_known = true;
    }
    bp_muster_fail(herder, EINTR);
}

void bp_muster_witness(struct bp_herder *herder, const struct bp_ghost_record *signal)
{
    struct bp_muster *muster = &herder->muster;

    if (muster->phase > BP_MUSTER_CANARY)
        return;
    muster->early |= 1UL << (signal->signo - 1);
    muster->early_signals[signal->signo - 1] = *signal;
}

void bp_muster_canary_answered(struct bp_herder *herder)
{
    struct bp_muster *muster = &herder->muster;

    if (muster->phase != BP_MUSTER_CANARY)
        return;
    if (muster->early == 0) {
        muster->phase = BP_MUSTER_BIRTHS;
        return;
    }
    muster->phase = BP_MUSTER_GHOSTS;
    for (uint32_t slot = 0; slot < muster->made; slot++) {
        enum bp_life_state state = herder->lives[slot].state;

        if (state == BP_LIFE_BIRTH || state == BP_LIFE_RUNNING) {
            herder->lives[slot].asked = true;
            muster->answers_missing++;
            bp_herder_order(slot, BP_ORDER_ANSWER);
        }
    }
}

void bp_muster_answered(struct bp_herder *herder, uint32_t slot)
{
    if (!herder->lives[slot].asked)
        return;
    herder->lives[slot].asked = false;
    herder->muster.answers_missing--;
}

/* Returns true when all is told; the queue's spare room is its pace. */
static bool repair(struct bp_herder *herder)
{
    struct bp_muster *muster = &herder->muster;

    for (; muster->repair_signo < 64; muster->repair_signo++, muster->repair_slot = 0) {
        uint64_t bit = 1UL << muster->repair_signo;

        for (; (muster->early & bit) && muster->repair_slot < muster->made; muster->repair_slot++) {
            const struct bp_life *life = &herder->lives[muster->repair_slot];
            struct bp_ghost_record record = muster->early_signals[muster->repair_signo];

            if (!bp_herder_has_room(herder))
                return false;
            record.slot = muster->repair_slot;
            if ((life->told & bit) ||
                (life->state != BP_LIFE_RUNNING && life->state != BP_LIFE_STOPPED))
                continue;
            if (record.signo == SIGCONT)
                __atomic_fetch_add(&bp_herd.slots[muster->repair_slot].continues, 1,
                                   __ATOMIC_ACQ_REL);
            bp_queue_put(&herder->queue, &record);
        }
    }
    return true;
}

static void herding(struct bp_herder *herder)
{
    struct bp_ghost_record record = {.type = BP_GHOST_HERDING, .pid = bp_herd.herder};

    bp_queue_put(&herder->queue, &record);
    herder->muster.phase = BP_MUSTER_SENDING;
}

static void failed(struct bp_herder *herder)
{
    struct bp_ghost_record record = {.type = BP_GHOST_FAILED, .status = herder->muster.error};

    bp_queue_put(&herder->queue, &record);
    herder->muster.phase = BP_MUSTER_FAILED;
}

static void canary_ask(struct bp_herder *herder)
{
    herder->muster.phase = BP_MUSTER_CANARY;
    if (herder->canary.alive)
        bp_canary_ask(herder);
    else
        bp_muster_canary_answered(herder);
}

/* The records have to be with bpmaster before the launcher goes on. */
static void sending(struct bp_herder *herder)
{
    if (herder->queue.broken)
        bp_muster_fail(herder, EPIPE);
    else if (bp_queue_empty(&herder->queue))
        verdict(herder, 0);
}

static void step(struct bp_herder *herder)
{
    struct bp_muster *muster = &herder->muster;

    if (muster->phase == BP_MUSTER_MADE && !herder->canary.asked)
        canary_ask(herder);
    if (muster->phase == BP_MUSTER_GHOSTS && muster->answers_missing == 0)
        muster->phase = BP_MUSTER_REPAIR;
    if (muster->phase == BP_MUSTER_REPAIR && herder->born == muster->made && repair(herder))
        muster->phase = BP_MUSTER_BIRTHS;
    if (muster->phase == BP_MUSTER_BIRTHS && herder->born == muster->made)
        herding(herder);
    bp_queue_flush(&herder->queue, BP_HERD_LINK);
    if (muster->phase == BP_MUSTER_SENDING)
        sending(herder);
}

void bp_muster_step(struct bp_herder *herder)
{
    struct bp_muster *muster = &herder->muster;

    if (muster->phase < BP_MUSTER_FAILING)
        step(herder);
    if (muster->phase == BP_MUSTER_FAILING && muster->made_known) {
        muster->phase = BP_MUSTER_ENDED;
        bp_herder_end(herder);
    }
    if (muster->phase == BP_MUSTER_ENDED && herder->gone == muster->made)
        failed(herder);
    bp_queue_flush(&herder->queue, BP_HERD_LINK);
    if (muster->phase == BP_MUSTER_FAILED && (bp_queue_empty(&herder->queue) || herder->lease_over))
        verdict(herder, muster->error);
}
