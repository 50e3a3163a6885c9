/* SPDX-License-Identifier: BSD-3-Clause */
/* ghost.c - takes every signal and tells the herder of it; obeys the order word. */
#include "ghost/ghost.h"

#include <errno.h>
#include <linux/sched.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "ghost/brood.h"
#include "ghost/herd.h"
#include "ghost/sys.h"

#define REPORTS (BP_ORDER_REPORT_FIRST | BP_ORDER_REPORT_AFTER)

/* A full pipe blocks the ghost; its signals then wait in the kernel, as with any slow process. */
static void tell(const struct bp_ghost_record *record)
{
    while (bp_sys_write(bp_herd.report_out, record, sizeof(*record)) == -EINTR)
        continue;
}

static void tell_signal(uint32_t place, const siginfo_t *info)
{
    struct bp_ghost_record record = {
        .type = BP_GHOST_SIGNAL,
        .slot = place,
        .pid = bp_sys_getpid(),
        .signo = info->si_signo,
        .code = info->si_code,
        .sender_pid = info->si_pid,
        .sender_uid = info->si_uid,
        .value = (uint64_t)(uintptr_t)info->si_value.sival_ptr,
    };

    if (info->si_signo == SIGCONT)
        __atomic_fetch_add(&bp_herd.slots[place].continues, 1, __ATOMIC_ACQ_REL);
    tell(&record);
}

static void tell_caught_stop(uint32_t place)
{
    const struct bp_herd_slot *slot = &bp_herd.slots[place];
    struct bp_ghost_record record = {
        .type = BP_GHOST_SIGNAL,
        .slot = place,
        .pid = bp_sys_getpid(),
        .signo = slot->report.signo,
        .code = slot->report.code,
        .sender_pid = slot->report.sender_pid,
        .sender_uid = slot->report.sender_uid,
    };

    tell(&record);
}

/* The herder's own signals: the kick, and SIGCONT to a ghost whose process was continued. Where
 * the user's limit of pending signals is used up, a kick arrives without its sender (0), and the
 * kernel may make one of several: then a user's 64, senderless as well, can be taken for a kick,
 * but no kick for a user's. */
static bool is_herders(struct bp_herd_slot *slot, const siginfo_t *info)
{
    bool due = slot->kicks_taken != __atomic_load_n(&slot->kicks, __ATOMIC_ACQUIRE);

    if (info->si_signo == SIGCONT)
        return info->si_code == SI_TKILL && info->si_pid == bp_herd.herder;
    if (info->si_signo != BP_HERD_KICK || info->si_code != SI_USER)
        return false;
    if (info->si_pid != bp_herd.herder && (info->si_pid != 0 || !due))
        return false;
    slot->kicks_taken++;
    return true;
}

/* The herder puts the stop signal in the brake's place. A stop signal of our own would throw away
 * a user's SIGCONT that waits to be told. */
static void brake(struct bp_herd_slot *slot, int32_t signo)
{
    uint64_t open = 1UL << (BP_HERD_BRAKE - 1) | 1UL << (signo - 1);

    __atomic_store_n(&slot->stop_by, signo, __ATOMIC_RELEASE);
    bp_sys_raise(BP_HERD_BRAKE);
    bp_sys_sigmask(SIG_UNBLOCK, open);
    bp_sys_sigmask(SIG_BLOCK, open);
    __atomic_store_n(&slot->stop_by, 0, __ATOMIC_RELEASE);
}

/* By the signal that the process stopped by. In an orphaned process group this one stops nobody:
 * SIGSTOP then. The herder alone ends the trying. */
static void stop(struct bp_herd_slot *slot)
{
    int32_t signo = __atomic_load_n(&slot->want_stop, __ATOMIC_ACQUIRE);

    __atomic_store_n(&slot->stopped, 0, __ATOMIC_RELEASE);
    if (signo && signo != SIGSTOP) {
        bp_sys_sigdefault(signo);
        brake(slot, signo);
    }
    while (__atomic_load_n(&slot->want_stop, __ATOMIC_ACQUIRE) &&
           !__atomic_load_n(&slot->stopped, __ATOMIC_ACQUIRE))
        brake(slot, SIGSTOP);
}

/* Of the end of children that bpmaster had it make. */
static bool is_of_child(const struct bp_herd_slot *slot, const siginfo_t *info)
{
    return slot->breeds && info->si_signo == SIGCHLD && info->si_code >= CLD_EXITED &&
           info->si_code <= CLD_CONTINUED;
}

static _Noreturn void die(int32_t status)
{
    int signo = WTERMSIG(status);

    if (signo == 0)
        bp_sys_exit(WEXITSTATUS(status));
    bp_sys_sigdefault(signo);
    bp_sys_raise(signo);
    bp_sys_sigmask(SIG_UNBLOCK, 1UL << (signo - 1));
    bp_sys_exit(128 + signo); /* a signal that kills nobody by default */
}

static void answer(uint32_t place)
{
    struct bp_ghost_record record = {
        .type = BP_REPORT_ANSWER, .slot = place, .pid = bp_sys_getpid()};

    tell(&record);
}

/* What came until here has been told; what comes from here on waits in the kernel, also during the
 * exec, for the process. It must not share our working directory. */
static void become(uint32_t place)
{
    static char *const argv[] = {(char *)"bphome", NULL}, *const envp[] = {NULL};
    struct bp_ghost_record word = {
        .type = BP_REPORT_LEAVING, .slot = place, .pid = bp_sys_getpid()};
    long r;

    tell(&word); /* its children that have not ended by now are its own to wait for */
    bp_sys_unshare(CLONE_FS);
    r = bp_sys_exec(BP_LIBEXECDIR "/bphome", argv, envp);
    word.type = BP_REPORT_STAYS;
    word.status = (int32_t)-r;
    tell(&word);
}

static void obey(uint32_t place, uint32_t order)
{
    struct bp_herd_slot *slot = &bp_herd.slots[place];

    if (order & BP_ORDER_NAME)
        bp_sys_prctl(PR_SET_NAME, (unsigned long)slot->name);
    if (order & BP_ORDER_EXIT)
        die(slot->exit_status);
    if (order & BP_ORDER_BREED)
        bp_brood_make(place);
    if (order & BP_ORDER_STOP)
        stop(slot);
    if (order & BP_ORDER_BECOME)
        become(place);
}

/* Take one signal and tell of it; returns the orders that were found. A stop signal cannot be
 * blocked: the herder catches it while we may have a signal in hand, and says by the order bit
 * whether it came before or after that one. */
static uint32_t signal_take(uint32_t place)
{
    struct bp_herd_slot *slot = &bp_herd.slots[place];
    uint32_t order = __atomic_exchange_n(&slot->order, 0, __ATOMIC_ACQ_REL);
    uint32_t later;

    if (order & BP_ORDER_REPORT_FIRST)
        tell_caught_stop(place);
    if (slot->in_hand.si_signo && !is_herders(slot, &slot->in_hand) &&
        !is_of_child(slot, &slot->in_hand))
        tell_signal(place, &slot->in_hand);
    if (slot->breeds && slot->in_hand.si_signo == SIGCHLD) /* perhaps two were taken as one */
        bp_brood_reap(place);
    __atomic_store_n(&slot->in_hand.si_signo, 0, __ATOMIC_SEQ_CST);
    later = __atomic_exchange_n(&slot->order, 0, __ATOMIC_ACQ_REL);
    if ((order & BP_ORDER_REPORT_AFTER) || (later & REPORTS))
        tell_caught_stop(place);
    return order | later;
}

/* An answer is given when no signal waits: the kick of an earlier order may have let us see this
 * one while a signal that came before it still waits. */
void bp_ghost_run(void *argument)
{
    uint32_t place = (uint32_t)(uintptr_t)argument;
    static const struct timespec now;
    bool answering = false;

    if (bp_herd.setup.flags == BP_GHOST_GIVEN)
        bp_sys_capdrop();
    for (;;) {
        long r = bp_sys_sigwait(&bp_herd.slots[place].in_hand, answering ? &now : NULL);
        uint32_t order;

        if (answering && r == -EAGAIN) {
            answer(place);
            answering = false;
        }
        order = signal_take(place);
        if (order & BP_ORDER_ANSWER)
            answering = true;
        obey(place, order);
    }
}
