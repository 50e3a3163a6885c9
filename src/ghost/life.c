/* SPDX-License-Identifier: BSD-3-Clause */
/* life.c - what happens to a ghost in each state on each event. */
#include "ghost/life.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include "ghost/brood.h"
#include "ghost/herd.h"
#include "ghost/herder.h"
#include "ghost/sys.h"

/* Every ptrace request here may meet a ghost that was just killed (ESRCH): BP_EVENT_DEAD follows,
 * so no result is looked at. Only a resumed ghost comes to another stop: it never does by SIGKILL,
 * since its exit is not traced, so no request hits a stop that it is not meant for. */
struct bp_scene {
    struct bp_herder *herder;
    struct bp_life *life;
    struct bp_herd_slot *slot; /* shared with the ghost */
    uint32_t number;
    int pid;
    const struct bp_ghost_record *what;
};

typedef void bp_life_action(struct bp_scene *s);

static void tell(struct bp_scene *s, const struct bp_ghost_record *record)
{
    bp_queue_put(&s->herder->queue, record);
}

static void state_set(struct bp_scene *s, enum bp_life_state state)
{
    if (s->life->state == BP_LIFE_BIRTH && state != BP_LIFE_BIRTH)
        s->herder->born++;
    s->life->state = state;
}

static void nothing(struct bp_scene *s)
{
    (void)s;
}

static void resume(struct bp_scene *s)
{
    bp_sys_ptrace(PTRACE_CONT, s->pid, 0);
}

static void born(struct bp_scene *s)
{
    struct bp_ghost_record record = {.type = BP_GHOST_BORN, .slot = s->number, .pid = s->pid};

    state_set(s, BP_LIFE_RUNNING);
    tell(s, &record);
    if (s->life->expected)
        bp_brood_born(s->herder, s->number);
    if (s->pid != bp_herd.maker) /* which runs, or is about to take a signal we have yet to see */
        resume(s);
}

/* Does a user's SIGCONT wait to be taken by this ghost? */
static bool continue_waits(int pid)
{
    static siginfo_t waiting[16];
    struct __ptrace_peeksiginfo_args from = {.flags = PTRACE_PEEKSIGINFO_SHARED,
                                             .nr = sizeof(waiting) / sizeof(waiting[0])};
    long n;

    while ((n = bp_sys_ptrace_peek(pid, &from, waiting)) > 0) {
        for (long i = 0; i < n; i++) {
            if (waiting[i].si_signo == SIGCONT)
                return true;
        }
        from.off += (uint64_t)n;
    }
    return false;
}

/* Has this ghost got a SIGCONT that bpmaster had not heard of when it ordered the stop? Its process
 * gets it, too. What this ghost has taken it has told before it came here. */
static bool goes_on(const struct bp_scene *s)
{
    return __atomic_load_n(&s->slot->continues, __ATOMIC_ACQUIRE) != s->slot->stop_after ||
           continue_waits(s->pid);
}

/* The ghost is where it may stop. It does not when the process was continued meanwhile, or will be.
 * A SIGCONT from here on makes the kernel drop the stop or end it. */
static void braked(struct bp_scene *s)
{
    int32_t signo = s->slot->stop_by;

    if (goes_on(s))
        __atomic_store_n(&s->slot->want_stop, 0, __ATOMIC_RELEASE);
    if (!__atomic_load_n(&s->slot->want_stop, __ATOMIC_ACQUIRE))
        signo = 0;
    s->life->stopping = signo != 0;
    s->life->woken = false;
    bp_sys_ptrace(PTRACE_CONT, s->pid, (unsigned long)signo);
}

void bp_life_catch(uint32_t number, int pid, int signo)
{
    struct bp_herd_slot *slot = &bp_herd.slots[number];
    siginfo_t info = {0};

    if (bp_sys_ptrace_siginfo(PTRACE_GETSIGINFO, pid, &info) < 0)
        return;
    slot->report.signo = signo;
    slot->report.code = info.si_code > SI_KERNEL ? SI_USER : info.si_code; /* it had stopped */
    slot->report.sender_pid = info.si_pid;
    slot->report.sender_uid = info.si_uid;
    bp_herder_order(number,
                    slot->in_hand.si_signo ? BP_ORDER_REPORT_AFTER : BP_ORDER_REPORT_FIRST);
    bp_sys_ptrace(PTRACE_CONT, pid, 0);
}

/* A user's stop signal, which bpmaster must hear of before it stops the ghost. */
static void caught(struct bp_scene *s)
{
    if (s->what->signo == BP_HERD_BRAKE && s->slot->stop_by)
        braked(s);
    else
        bp_life_catch(s->number, s->pid, s->what->signo);
}

/* As raised in die(): let it kill. A stop signal and the brake have lost their meaning. */
static void caught_ending(struct bp_scene *s)
{
    int signo = s->what->signo;
    bool kills = signo == WTERMSIG(s->slot->exit_status) && signo != SIGSTOP && signo != SIGTSTP &&
                 signo != SIGTTIN && signo != SIGTTOU && !s->slot->stop_by;

    bp_sys_ptrace(PTRACE_CONT, s->pid, kills ? (unsigned long)signo : 0);
}

/* Once: another one would undo a user's stop signal that came after the first. */
static void wake(struct bp_scene *s)
{
    if (!s->life->woken)
        bp_sys_continue(s->pid);
    s->life->woken = true;
}

/* Listen: the ghost stays stopped and the kernel tells us of its continuation. */
static void stopped(struct bp_scene *s)
{
    __atomic_store_n(&s->slot->stopped, 1, __ATOMIC_RELEASE);
    s->life->stopping = false;
    state_set(s, BP_LIFE_STOPPED);
    bp_muster_answered(s->herder, s->number);
    bp_sys_ptrace(PTRACE_LISTEN, s->pid, 0);
    if (!s->slot->want_stop) /* its process was continued meanwhile */
        wake(s);
}

static void stop_by(struct bp_scene *s, int signo, uint32_t after)
{
    if (signo != SIGTSTP && signo != SIGTTIN && signo != SIGTTOU)
        signo = SIGSTOP;
    s->slot->stop_after = after;
    __atomic_store_n(&s->slot->want_stop, signo, __ATOMIC_RELEASE);
    bp_herder_order(s->number, BP_ORDER_STOP);
}

static void woken(struct bp_scene *s)
{
    int signo = s->life->again;

    s->life->again = 0;
    s->life->woken = false;
    state_set(s, BP_LIFE_RUNNING);
    resume(s);
    if (signo)
        stop_by(s, signo, s->life->again_after);
}

/* Only SIGKILL ends a ghost without an order; who sent it the kernel does not say. As long as its
 * tracer does not reap it, it stays a zombie of which its parent knows nothing. */
static void killed(struct bp_scene *s)
{
    struct bp_ghost_record record = {.type = BP_GHOST_SIGNAL, .slot = s->number, .signo = SIGKILL};

    s->life->told |= 1UL << (SIGKILL - 1);
    state_set(s, BP_LIFE_HELD);
    bp_muster_answered(s->herder, s->number);
    tell(s, &record);
}

/* Reap it: now it is its parent's to reap. */
static void release(struct bp_scene *s)
{
    struct bp_ghost_record record = {.type = BP_GHOST_GONE, .slot = s->number, .pid = s->pid};
    int status = 0;

    bp_sys_wait(s->pid, &status, __WALL);
    record.status = status;
    if (s->life->expected)
        bp_brood_born(s->herder, s->number); /* and dead at once */
    state_set(s, s->life->bred ? BP_LIFE_APART : BP_LIFE_GONE);
    bp_herd.pids[s->number] = 0;
    bp_muster_answered(s->herder, s->number);
    s->life->status = status;
    if (s->life->bred)
        return; /* its parent is alive, and will tell when it has reaped it */
    s->herder->gone++;
    tell(s, &record);
}

static void signalled(struct bp_scene *s)
{
    s->life->told |= 1UL << (s->what->signo - 1);
    tell(s, s->what);
}

/* Its last word and its exec are both there: it is let go, and is its parent's child as before. A
 * stop signal that we caught and it could not tell of is told here. */
static void let_go(struct bp_scene *s)
{
    const uint32_t reports = BP_ORDER_REPORT_FIRST | BP_ORDER_REPORT_AFTER;
    int status;
    struct bp_ghost_record home = {.type = BP_GHOST_HOME, .slot = s->number, .pid = s->pid};
    struct bp_ghost_record stop = {
        .type = BP_GHOST_SIGNAL,
        .slot = s->number,
        .signo = s->slot->report.signo,
        .code = s->slot->report.code,
        .sender_pid = s->slot->report.sender_pid,
        .sender_uid = s->slot->report.sender_uid,
    };

    if (!s->life->leaving || !s->life->executed)
        return;
    if (__atomic_load_n(&s->slot->order, __ATOMIC_ACQUIRE) & reports)
        tell(s, &stop);
    tell(s, &home);
    state_set(s, BP_LIFE_APART);
    s->life->home = s->pid;
    bp_herd.pids[s->number] = 0;
    bp_muster_answered(s->herder, s->number);
    bp_brood_orphan(s->herder, s->number);
    bp_herder_told(s->herder, s->number);
    bp_queue_flush(&s->herder->queue, BP_HERD_LINK);
    if (bp_sys_ptrace(PTRACE_DETACH, s->pid, 0) < 0) /* just killed */
        bp_sys_wait(s->pid, &status, __WALL);
}

static void become_order(struct bp_scene *s)
{
    bp_herder_order(s->number, BP_ORDER_BECOME);
}

static void leaving(struct bp_scene *s)
{
    s->life->leaving = true;
    let_go(s);
}

static void executed(struct bp_scene *s)
{
    s->life->executed = true;
    let_go(s);
}

static void stays(struct bp_scene *s)
{
    struct bp_ghost_record record = {
        .type = BP_GHOST_STAYS, .slot = s->number, .status = s->what->status};

    s->life->leaving = false;
    tell(s, &record);
}

static bool status_is_end(int32_t status)
{
    if (status & ~0xffff)
        return false;
    return WTERMSIG(status) == 0 || (WTERMSIG(status) <= 64 && (status & 0xff00) == 0);
}

static bool exit_order(struct bp_scene *s)
{
    if (!status_is_end(s->what->status)) {
        s->herder->refused++;
        return false;
    }
    s->slot->exit_status = s->what->status;
    __atomic_store_n(&s->slot->want_stop, 0, __ATOMIC_RELEASE);
    state_set(s, BP_LIFE_ENDING);
    bp_herder_order(s->number, BP_ORDER_EXIT);
    return true;
}

static void exit_running(struct bp_scene *s)
{
    exit_order(s);
}

/* A stopped ghost ends without being continued first, as a stopped process that is killed. */
static void exit_stopped(struct bp_scene *s)
{
    if (exit_order(s))
        bp_sys_ptrace(PTRACE_INTERRUPT, s->pid, 0);
}

static void stop_order(struct bp_scene *s)
{
    stop_by(s, s->what->signo, (uint32_t)s->what->value);
}

/* It may have been continued already, which the kernel has yet to tell: a SIGCONT that a stop
 * signal follows at once wakes it and is dropped. */
static void stop_again(struct bp_scene *s)
{
    s->life->again = s->what->signo ? s->what->signo : SIGSTOP;
    s->life->again_after = (uint32_t)s->what->value;
}

/* On its way to a stop it may be or not: in both cases it goes on. */
static void continue_running(struct bp_scene *s)
{
    __atomic_store_n(&s->slot->want_stop, 0, __ATOMIC_RELEASE);
    if (s->life->stopping)
        wake(s);
}

static void continue_stopped(struct bp_scene *s)
{
    s->life->again = 0;
    __atomic_store_n(&s->slot->want_stop, 0, __ATOMIC_RELEASE);
    wake(s);
}

static void name_order(struct bp_scene *s)
{
    __builtin_memcpy(s->slot->name, s->what->name, sizeof(s->slot->name) - 1);
    bp_herder_order(s->number, BP_ORDER_NAME);
}

/* One that another ghost reaps is told of by that. */
static void forget(struct bp_scene *s)
{
    if (!s->life->bred)
        bp_brood_gone(s->herder, s->number, s->what->status);
}

/* Its parent is no ghost, or dies with us. */
static void end_apart(struct bp_scene *s)
{
    if (s->life->bred && s->life->home)
        bp_sys_kill(s->life->home, SIGKILL);
    s->life->bred = false;
    bp_brood_gone(s->herder, s->number, SIGKILL);
}

static void end(struct bp_scene *s)
{
    state_set(s, BP_LIFE_ENDING);
    bp_sys_kill(s->pid, SIGKILL);
}

#define STEP(state, event) [BP_LIFE_##state][BP_EVENT_##event]
static bp_life_action *const actions[BP_LIFE_STATES][BP_EVENTS] = {
    STEP(BIRTH, TRAP) = born,
    STEP(BIRTH, DEAD) = release, /* killed before it ran: told as gone only, never as born */
    STEP(BIRTH, END) = end,

    STEP(RUNNING, TRAP) = resume,
    STEP(RUNNING, CAUGHT) = caught,
    STEP(RUNNING, STOPPED) = stopped,
    STEP(RUNNING, DEAD) = killed,
    STEP(RUNNING, SIGNAL) = signalled,
    STEP(RUNNING, EXIT) = exit_running,
    STEP(RUNNING, STOP) = stop_order,
    STEP(RUNNING, CONTINUE) = continue_running,
    STEP(RUNNING, NAME) = name_order,
    STEP(RUNNING, BECOME) = become_order,
    STEP(RUNNING, LEAVING) = leaving,
    STEP(RUNNING, EXEC) = executed,
    STEP(RUNNING, STAYS) = stays,
    STEP(RUNNING, END) = end,

    STEP(STOPPED, TRAP) = woken,
    STEP(STOPPED, STOPPED) = stopped,
    STEP(STOPPED, DEAD) = killed,
    STEP(STOPPED, SIGNAL) = signalled,
    STEP(STOPPED, EXIT) = exit_stopped,
    STEP(STOPPED, STOP) = stop_again,
    STEP(STOPPED, CONTINUE) = continue_stopped,
    STEP(STOPPED, NAME) = name_order,
    STEP(STOPPED, BECOME) = become_order,
    STEP(STOPPED, LEAVING) = leaving,
    STEP(STOPPED, STAYS) = stays,
    STEP(STOPPED, END) = end,

    STEP(HELD, SIGNAL) = signalled,
    STEP(HELD, EXIT) = release,
    STEP(HELD, STOP) = nothing,
    STEP(HELD, CONTINUE) = nothing,
    STEP(HELD, NAME) = nothing,
    STEP(HELD, BECOME) = nothing,
    STEP(HELD, LEAVING) = nothing,
    STEP(HELD, STAYS) = nothing,
    STEP(HELD, END) = release,

    STEP(ENDING, TRAP) = resume,
    STEP(ENDING, CAUGHT) = caught_ending,
    STEP(ENDING, STOPPED) = resume,
    STEP(ENDING, DEAD) = release,
    STEP(ENDING, SIGNAL) = nothing,
    STEP(ENDING, STOP) = nothing,
    STEP(ENDING, CONTINUE) = nothing,
    STEP(ENDING, NAME) = nothing,
    STEP(ENDING, BECOME) = nothing,
    STEP(ENDING, LEAVING) = nothing,
    STEP(ENDING, EXEC) = resume,
    STEP(ENDING, STAYS) = nothing,
    STEP(ENDING, END) = end,

    STEP(APART, EXIT) = forget,
    STEP(APART, STOP) = nothing,
    STEP(APART, CONTINUE) = nothing,
    STEP(APART, NAME) = nothing,
    STEP(APART, BECOME) = nothing,
    STEP(APART, END) = end_apart,

    STEP(GONE, SIGNAL) = nothing,
    STEP(GONE, STOP) = nothing,
    STEP(GONE, CONTINUE) = nothing,
    STEP(GONE, NAME) = nothing,
    STEP(GONE, EXIT) = nothing,
    STEP(GONE, BECOME) = nothing,
    STEP(GONE, END) = nothing,
};
#undef STEP

void bp_life_event(struct bp_herder *herder, uint32_t slot, enum bp_life_event event,
                   const struct bp_ghost_record *what)
{
    struct bp_scene scene = {
        .herder = herder,
        .life = &herder->lives[slot],
        .slot = &bp_herd.slots[slot],
        .number = slot,
        .pid = bp_herd.pids[slot],
        .what = what,
    };
    bp_life_action *action = actions[scene.life->state][event];

    if (action) {
        action(&scene);
        if (event == BP_EVENT_DEAD) {
            bp_brood_orphan(herder, slot);
            bp_herder_told(herder, slot);
        }
        return;
    }
    herder->refused++;
    if (event <= BP_EVENT_EXEC) /* whatever it is, nobody stays in a stop */
        resume(&scene);
}
