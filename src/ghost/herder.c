/* SPDX-License-Identifier: BSD-3-Clause */
/* herder.c - one loop over reports of ghosts, ptrace events, bpmaster and the lease. */
#include "ghost/herder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "ghost/brood.h"
#include "ghost/sys.h"
#include "ghost/trace.h"

enum { WATCH_REPORTS, WATCH_SIGNALS, WATCH_LEASE, WATCH_LINK, WATCHES };

static struct bp_herder herder_state;

void bp_herder_order(uint32_t place, uint32_t order)
{
    int pid = bp_herd.pids[place];

    __atomic_fetch_or(&bp_herd.slots[place].order, order, __ATOMIC_ACQ_REL);
    if (pid <= 0)
        return;
    __atomic_fetch_add(&bp_herd.slots[place].kicks, 1, __ATOMIC_ACQ_REL);
    bp_sys_kill(pid, BP_HERD_KICK);
}

void bp_herder_end(struct bp_herder *herder)
{
    for (uint32_t slot = 0; slot < herder->used; slot++) {
        if (bp_herd.pids[slot] > 0 || herder->lives[slot].state == BP_LIFE_APART)
            bp_life_event(herder, slot, BP_EVENT_END, NULL);
    }
}

/* What can still come without our asking is kept free: BORN, the kill and GONE of each ghost, a
 * record for each waiting forward, and the muster's own; and one batch of each of the two inputs.
 */
bool bp_herder_has_room(const struct bp_herder *herder)
{
    return bp_queue_room(&herder->queue) >=
           3 * herder->used + BP_CANARY_FORWARDS + 8 + 2 * BP_GHOST_BATCH;
}

/* A ghost that is gone may have left words in the pipe, and its slot to another. */
static bool is_late(const struct bp_ghost_record *record)
{
    return record->type != BP_REPORT_NAMED && record->type != BP_REPORT_MADE &&
           record->pid != bp_herd.pids[record->slot];
}

static void answered(struct bp_herder *herder, uint32_t slot)
{
    bp_muster_answered(herder, slot);
    bp_herder_told(herder, slot);
}

static void report_take(struct bp_herder *herder, const struct bp_ghost_record *record)
{
    switch (record->type) {
    case BP_GHOST_SIGNAL:
        if (record->slot == BP_HERD_CANARY)
            bp_canary_signal(herder, record);
        else
            bp_life_event(herder, record->slot, BP_EVENT_SIGNAL, record);
        break;
    case BP_REPORT_ANSWER:
        if (record->slot == BP_HERD_CANARY)
            bp_canary_answer(herder);
        else
            answered(herder, record->slot);
        break;
    case BP_REPORT_NAMED:
        bp_muster_named(herder);
        break;
    case BP_REPORT_MADE:
        bp_muster_made(herder, (uint32_t)record->pid, record->status);
        bp_trace_all(herder);
        break;
    case BP_REPORT_UNMADE:
        bp_brood_unmade(herder, record->slot, record->status);
        break;
    case BP_REPORT_LEAVING:
        bp_life_event(herder, record->slot, BP_EVENT_LEAVING, record);
        break;
    case BP_REPORT_CHILD:
        bp_brood_told(herder, record);
        break;
    case BP_REPORT_STAYS:
        bp_life_event(herder, record->slot, BP_EVENT_STAYS, record);
        break;
    }
}

static void reports_read(struct bp_herder *herder)
{
    static struct bp_ghost_record records[BP_GHOST_BATCH];
    long n = bp_sys_read(bp_herd.report_in, records, sizeof(records));

    for (long i = 0; i < n / (long)sizeof(records[0]); i++) {
        if (!is_late(&records[i]))
            report_take(herder, &records[i]);
    }
}

static void signals_read(struct bp_herder *herder)
{
    struct signalfd_siginfo info;

    bp_sys_read(herder->signals, &info, sizeof(info));
    bp_trace_all(herder);
}

static void lease_renew(struct bp_herder *herder)
{
    uint64_t ms = bp_herd.setup.lease_ms;

    bp_sys_timerfd_set(herder->lease, ms + ms / 4 + 1);
}

/* bpmaster's nodes have ended the processes by now. */
static void lease_end(struct bp_herder *herder)
{
    uint64_t times;

    if (bp_sys_read(herder->lease, &times, sizeof(times)) < 0)
        return; /* a PING was waiting: it was we who were held up */
    herder->lease_over = true;
    bp_muster_fail(herder, ETIMEDOUT);
    if (herder->muster.phase == BP_MUSTER_DONE)
        bp_herder_end(herder);
}

static void ping(struct bp_herder *herder, const struct bp_ghost_record *record)
{
    struct bp_ghost_record pong = {
        .type = BP_GHOST_PONG, .value = record->value, .status = (int32_t)herder->refused};

    if (herder->lease_over)
        return;
    lease_renew(herder);
    bp_queue_put(&herder->queue, &pong);
}

static bool can_answer(const struct bp_life *life)
{
    return life->state == BP_LIFE_RUNNING || life->state == BP_LIFE_STOPPED;
}

/* An answer is to the oldest question; who is gone has answered all. */
void bp_herder_told(struct bp_herder *herder, uint32_t slot)
{
    struct bp_ghost_record told = {.type = BP_GHOST_TOLD, .slot = slot};
    struct bp_life *life = &herder->lives[slot];

    do {
        if (life->queries == 0)
            return;
        bp_queue_put(&herder->queue, &told);
        life->queries--;
    } while (!can_answer(life));
    if (life->queries > 0)
        bp_herder_order(slot, BP_ORDER_ANSWER);
}

static void query(struct bp_herder *herder, uint32_t slot)
{
    struct bp_life *life = &herder->lives[slot];

    if (life->queries == BP_HERDER_QUERIES) {
        herder->refused++;
        return;
    }
    life->queries++;
    if (!can_answer(life))
        bp_herder_told(herder, slot);
    else if (life->queries == 1)
        bp_herder_order(slot, BP_ORDER_ANSWER);
}

static void link_take(struct bp_herder *herder, const struct bp_ghost_record *record)
{
    static const enum bp_life_event events[] = {
        [BP_GHOST_EXIT - BP_GHOST_EXIT] = BP_EVENT_EXIT,
        [BP_GHOST_STOPPED - BP_GHOST_EXIT] = BP_EVENT_STOP,
        [BP_GHOST_CONTINUED - BP_GHOST_EXIT] = BP_EVENT_CONTINUE,
        [BP_GHOST_NAME - BP_GHOST_EXIT] = BP_EVENT_NAME,
    };

    if (record->type == BP_GHOST_PING)
        ping(herder, record);
    else if (record->type == BP_GHOST_FORWARD && record->signo >= 1 && record->signo <= 64)
        bp_canary_forward(herder, record);
    else if (record->type == BP_GHOST_ASK && record->slot < herder->used)
        query(herder, record->slot);
    else if (record->type == BP_GHOST_MAKE)
        bp_brood_order(herder, record);
    else if (record->type == BP_GHOST_BECOME && record->slot < herder->used)
        bp_life_event(herder, record->slot, BP_EVENT_BECOME, record);
    else if (record->type >= BP_GHOST_EXIT && record->type <= BP_GHOST_NAME &&
             record->slot < herder->used)
        bp_life_event(herder, record->slot, events[record->type - BP_GHOST_EXIT], record);
    else
        herder->refused++;
}

/* bpmaster is gone. The ghosts are not let go before the lease is over: their processes live. */
static void link_broken(struct bp_herder *herder)
{
    herder->queue.broken = true;
    bp_muster_fail(herder, EPIPE);
}

static void link_read(struct bp_herder *herder)
{
    static struct bp_ghost_record records[BP_GHOST_BATCH];
    long n = bp_sys_recv(BP_HERD_LINK, records, sizeof(records), MSG_DONTWAIT | MSG_TRUNC);

    if (n == -EAGAIN || n == -EINTR)
        return;
    if (n <= 0) {
        link_broken(herder);
    } else if (n > (long)sizeof(records) || n % (long)sizeof(records[0])) {
        herder->refused++;
    } else {
        for (long i = 0; i < n / (long)sizeof(records[0]); i++)
            link_take(herder, &records[i]);
    }
}

static void watches_set(const struct bp_herder *herder, struct pollfd *watches)
{
    bool room = bp_herder_has_room(herder);

    watches[WATCH_REPORTS] = (struct pollfd){bp_herd.report_in, room ? POLLIN : 0, 0};
    watches[WATCH_SIGNALS] = (struct pollfd){herder->signals, POLLIN, 0};
    watches[WATCH_LEASE] = (struct pollfd){herder->lease, herder->lease_over ? 0 : POLLIN, 0};
    watches[WATCH_LINK] = (struct pollfd){herder->queue.broken ? -1 : BP_HERD_LINK, 0, 0};
    if (room && herder->canary.count + BP_GHOST_BATCH <= BP_CANARY_FORWARDS)
        watches[WATCH_LINK].events |= POLLIN;
    if (!bp_queue_empty(&herder->queue))
        watches[WATCH_LINK].events |= POLLOUT;
}

static void turn(struct bp_herder *herder)
{
    struct pollfd watches[WATCHES];

    watches_set(herder, watches);
    if (bp_sys_poll(watches, WATCHES) < 0)
        return;
    if (watches[WATCH_REPORTS].revents & POLLIN)
        reports_read(herder);
    if (watches[WATCH_SIGNALS].revents & POLLIN)
        signals_read(herder);
    if (watches[WATCH_LINK].revents & POLLIN)
        link_read(herder);
    else if (watches[WATCH_LINK].revents & (POLLHUP | POLLERR | POLLNVAL))
        link_broken(herder);
    if (watches[WATCH_LEASE].revents & POLLIN)
        lease_end(herder);
    bp_muster_step(herder);
}

static bool finished(const struct bp_herder *herder)
{
    return herder->muster.phase == BP_MUSTER_DONE && herder->maker_gone &&
           herder->gone == herder->muster.made + herder->bred &&
           (bp_queue_empty(&herder->queue) || herder->lease_over);
}

/* Until it traces the maker the herder dies with who made it; afterwards the maker's end is an
 * event. */
static void start(struct bp_herder *herder)
{
    bp_sys_prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (bp_sys_getppid() != (bp_herd.midwife != 0 ? bp_herd.midwife : bp_herd.maker))
        bp_sys_exit(0);
    bp_sys_prctl(PR_SET_NAME, (unsigned long)"bpghost");
    bp_sys_setsid();
    herder->used = bp_herd.setup.count;
    herder->canary.alive = !(bp_herd.setup.flags & BP_GHOST_IN_PLACE);
    herder->signals = (int)bp_sys_signalfd(1UL << (SIGCHLD - 1), SFD_NONBLOCK);
    herder->lease = (int)bp_sys_timerfd(CLOCK_BOOTTIME, TFD_NONBLOCK);
    if (herder->signals < 0)
        bp_muster_fail(herder, -herder->signals);
    else if (herder->lease < 0)
        bp_muster_fail(herder, -herder->lease);
    lease_renew(herder);
    bp_muster_step(herder);
}

void bp_herder_run(void *unused)
{
    struct bp_herder *herder = &herder_state;

    (void)unused;
    start(herder);
    while (!finished(herder))
        turn(herder);
    bp_trace_end_canary(herder);
    bp_sys_exit(0);
}
