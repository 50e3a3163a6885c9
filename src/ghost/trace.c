/* SPDX-License-Identifier: BSD-3-Clause */
/* trace.c - wait statuses of tracees, turned into events. */
#include "ghost/trace.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "ghost/herd.h"
#include "ghost/herder.h"
#include "ghost/sys.h"

/* waitid's si_status of a ptrace stop: the signal, and above it the event. */
static enum bp_life_event event_of(int status)
{
    if (status >> 8 == PTRACE_EVENT_EXEC)
        return BP_EVENT_EXEC;
    if (status >> 8 != PTRACE_EVENT_STOP)
        return BP_EVENT_CAUGHT;
    return (status & 0xff) == SIGTRAP ? BP_EVENT_TRAP : BP_EVENT_STOPPED;
}

static uint32_t place_of(const struct bp_herder *herder, int pid)
{
    uint32_t place = 0;

    if (herder->born < BP_HERD_CANARY && bp_herd.pids[herder->born] == pid)
        return herder->born;
    if (bp_herd.pids[BP_HERD_CANARY] == pid)
        return BP_HERD_CANARY;
    while (place < herder->used && bp_herd.pids[place] != pid)
        place++;
    return place < herder->used ? place : BP_HERD_PLACES;
}

/* The canary never stops: it must be able to answer. */
static void canary_stop(struct bp_herder *herder, int pid, enum bp_life_event event, int signo)
{
    siginfo_t info = {0};

    if (event == BP_EVENT_CAUGHT && bp_sys_ptrace_siginfo(PTRACE_GETSIGINFO, pid, &info) == 0) {
        struct bp_ghost_record signal = {
            .type = BP_GHOST_SIGNAL,
            .signo = signo,
            .code = info.si_code,
            .sender_pid = info.si_pid,
            .sender_uid = info.si_uid,
        };

        bp_canary_signal(herder, &signal);
    }
    bp_sys_ptrace(PTRACE_CONT, pid, 0);
}

/* One that becomes a ghost itself stands for its process already: its stop is the process's. */
static void maker_stop(int pid, enum bp_life_event event, int signo)
{
    if ((bp_herd.setup.flags & BP_GHOST_IN_PLACE) && event != BP_EVENT_TRAP)
        bp_life_catch(0, pid, signo);
    else
        bp_sys_ptrace(PTRACE_CONT, pid, 0);
}

static void stop_take(struct bp_herder *herder, const siginfo_t *stop)
{
    enum bp_life_event event = event_of(stop->si_status);
    struct bp_ghost_record what = {.signo = stop->si_status & 0xff};
    uint32_t place;

    if (stop->si_pid == bp_herd.maker && !herder->maker_gone) {
        maker_stop(stop->si_pid, event, what.signo);
        return;
    }
    place = place_of(herder, stop->si_pid);
    if (place == BP_HERD_CANARY)
        canary_stop(herder, stop->si_pid, event, what.signo);
    else if (place < BP_HERD_CANARY)
        bp_life_event(herder, place, event, &what);
}

static bool stop_await(struct bp_herder *herder, int which, int pid)
{
    siginfo_t stop;

    if (bp_sys_waitid(which, pid, &stop, WSTOPPED | WNOHANG | __WALL) < 0 || stop.si_pid == 0)
        return false;
    stop_take(herder, &stop);
    return true;
}

/* While the herd is made, the next stop is mostly the first one of the next ghost. To ask for just
 * that one spares the kernel a walk over all tracees, with a lock that the maker needs. What else
 * there is comes to light with the next birth, or when all are made. */
static bool births_take(struct bp_herder *herder)
{
    bool any = false;
    int pid;

    while (herder->muster.phase == BP_MUSTER_MAKING && herder->born < bp_herd.setup.count &&
           (pid = bp_herd.pids[herder->born]) > 0 && stop_await(herder, P_PID, pid))
        any = true;
    return any;
}

/* The kernel clears the word first and then makes the zombie, with a SIGCHLD for us. */
static bool is_zombie(uint32_t place)
{
    siginfo_t end;
    int pid = bp_herd.pids[place];

    return pid > 0 && __atomic_load_n(&bp_herd.alive[place], __ATOMIC_ACQUIRE) == 0 &&
           bp_sys_waitid(P_PID, pid, &end, WEXITED | WNOWAIT | WNOHANG | __WALL) == 0 &&
           end.si_pid == pid;
}

static void canary_reap(struct bp_herder *herder, int flags)
{
    int pid = bp_herd.pids[BP_HERD_CANARY];
    int status;

    if (pid > 0 && bp_sys_wait(pid, &status, flags | __WALL) == pid && !WIFSTOPPED(status)) {
        bp_herd.pids[BP_HERD_CANARY] = 0;
        bp_canary_dead(herder);
    }
}

static void deaths_take(struct bp_herder *herder)
{
    siginfo_t end;
    int status = 0;

    for (uint32_t slot = 0; slot < herder->used; slot++) {
        if (herder->lives[slot].state != BP_LIFE_HELD && is_zombie(slot))
            bp_life_event(herder, slot, BP_EVENT_DEAD, NULL);
    }
    if (is_zombie(BP_HERD_CANARY))
        canary_reap(herder, WNOHANG);
    if (!herder->muster.traced || herder->maker_gone)
        return;
    if ((bp_herd.setup.flags & BP_GHOST_IN_PLACE) && herder->lives[0].state == BP_LIFE_GONE) {
        bp_muster_maker_dead(herder, SIGKILL); /* as a ghost, before it could say so */
        return;
    }
    if (bp_sys_waitid(P_PID, bp_herd.maker, &end, WEXITED | WNOWAIT | WNOHANG | __WALL) == 0 &&
        end.si_pid == bp_herd.maker) {
        bp_sys_wait(bp_herd.maker, &status, __WALL);
        bp_muster_maker_dead(herder, status);
    }
}

void bp_trace_all(struct bp_herder *herder)
{
    if (!births_take(herder)) {
        while (stop_await(herder, P_ALL, 0))
            continue;
    }
    deaths_take(herder);
}

void bp_trace_end_canary(struct bp_herder *herder)
{
    if (bp_herd.pids[BP_HERD_CANARY] == 0)
        return;
    bp_sys_kill(bp_herd.pids[BP_HERD_CANARY], SIGKILL);
    while (bp_herd.pids[BP_HERD_CANARY])
        canary_reap(herder, 0);
}
