/* SPDX-License-Identifier: BSD-3-Clause */
/* trace.c - wait statuses of tracees, turned into events. */
#include "ghost/trace.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "ghost/herd.h"
#include "ghost/herder.h"
#include "ghost/sys.h"

static enum bp_life_event event_of(int status, struct bp_ghost_record *what)
{
    int kind = status >> 16;

    if (!WIFSTOPPED(status)) {
        what->status = status;
        return BP_EVENT_DEAD;
    }
    what->signo = WSTOPSIG(status);
    if (kind == PTRACE_EVENT_EXIT)
        return BP_EVENT_DYING;
    if (kind == PTRACE_EVENT_STOP)
        return what->signo == SIGTRAP ? BP_EVENT_TRAP : BP_EVENT_STOPPED;
    return BP_EVENT_CAUGHT;
}

static uint32_t place_of(const struct bp_herder *herder, int pid)
{
    uint32_t place = 0;

    if (herder->born < BP_HERD_CANARY && bp_herd.pids[herder->born] == pid)
        return herder->born;
    while (place < BP_HERD_PLACES && bp_herd.pids[place] != pid)
        place++;
    return place;
}

/* The canary never stops: it must be able to answer. */
static void canary_event(struct bp_herder *herder, int pid, enum bp_life_event event, int signo)
{
    siginfo_t info = {0};

    if (event == BP_EVENT_DEAD) {
        bp_herd.pids[BP_HERD_CANARY] = 0;
        bp_canary_dead(herder);
        return;
    }
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

static void tracee_event(struct bp_herder *herder, int pid, int status)
{
    struct bp_ghost_record what = {0};
    enum bp_life_event event = event_of(status, &what);
    uint32_t place;

    if (pid == bp_herd.maker && !herder->maker_gone) {
        if (event == BP_EVENT_DEAD)
            bp_muster_maker_dead(herder, what.status);
        else
            bp_sys_ptrace(PTRACE_CONT, pid, 0);
        return;
    }
    place = place_of(herder, pid);
    if (place == BP_HERD_CANARY)
        canary_event(herder, pid, event, what.signo);
    else if (place < BP_HERD_CANARY)
        bp_life_event(herder, place, event, &what);
}

/* While the herd is made, the next event is mostly the first stop of the next ghost. To ask for
 * just that one spares the kernel a walk over all tracees, with a lock that the maker needs. */
static bool births(struct bp_herder *herder)
{
    bool any = false;
    int status, pid;

    if (bp_sys_wait(bp_herd.maker, &status, WNOHANG | __WALL) == bp_herd.maker)
        tracee_event(herder, bp_herd.maker, status); /* no birth and no report may follow */

    while (herder->muster.phase == BP_MUSTER_MAKING && herder->born < bp_herd.setup.count &&
           (pid = bp_herd.pids[herder->born]) > 0 &&
           bp_sys_wait(pid, &status, WNOHANG | __WALL) == pid) {
        tracee_event(herder, pid, status);
        any = true;
    }
    return any;
}

void bp_trace_all(struct bp_herder *herder)
{
    int status;
    long pid;

    if (herder->muster.phase == BP_MUSTER_MAKING && births(herder))
        return; /* what else there is comes to light with the next birth, or when all are made */
    while ((pid = bp_sys_wait(-1, &status, WNOHANG | __WALL)) > 0)
        tracee_event(herder, (int)pid, status);
}

void bp_trace_end_canary(struct bp_herder *herder)
{
    int pid = bp_herd.pids[BP_HERD_CANARY];
    int status;

    if (pid == 0)
        return;
    bp_sys_kill(pid, SIGKILL);
    while (bp_herd.pids[BP_HERD_CANARY] && bp_sys_wait(pid, &status, __WALL) == pid)
        tracee_event(herder, pid, status);
}
