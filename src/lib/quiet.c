/* SPDX-License-Identifier: BSD-3-Clause */
/* quiet.c - SIGCHLD of children that a call of ours made and waited for. */
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/quiet.h"

static bool reaps_itself(const struct sigaction *action)
{
    return action->sa_handler == SIG_IGN || (action->sa_flags & SA_NOCLDWAIT) != 0;
}

static sigset_t only_chld(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    return set;
}

void bp_quiet_begin(struct bp_quiet *ret_quiet)
{
    sigset_t chld = only_chld(), pending;
    struct sigaction usual = {.sa_handler = SIG_DFL};
    pthread_sigmask(SIG_BLOCK, &chld, &ret_quiet->mask);
    sigpending(&pending);
    ret_quiet->pending = sigismember(&pending, SIGCHLD);
    sigaction(SIGCHLD, NULL, &ret_quiet->action);
    if (reaps_itself(&ret_quiet->action))
        sigaction(SIGCHLD, &usual, NULL);
}

/* The kernel keeps one SIGCHLD: if it was for a child of ours it may stand for others as well. */
static void take_ours(void)
{
    static const struct timespec now;
    sigset_t chld = only_chld();
    siginfo_t info, dead = {0};
    if (sigtimedwait(&chld, &info, &now) < 0)
        return;
    if (info.si_code <= 0) { /* somebody sent it */
        syscall(SYS_rt_sigqueueinfo, getpid(), SIGCHLD, &info);
        return;
    }
    if (waitid(P_ALL, 0, &dead, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT) == 0 &&
        dead.si_pid != 0)
        syscall(SYS_rt_sigqueueinfo, getpid(), SIGCHLD, &dead);
}

void bp_quiet_forget(const struct bp_quiet *quiet, const int *pids, int count)
{
    for (int i = 0; i < count && reaps_itself(&quiet->action); i++)
        if (pids[i] > 0)
            waitpid(pids[i], NULL, WNOHANG);
}

void bp_quiet_end(const struct bp_quiet *quiet)
{
    if (!quiet->pending)
        take_ours();
    if (reaps_itself(&quiet->action))
        sigaction(SIGCHLD, &quiet->action, NULL);
    pthread_sigmask(SIG_SETMASK, &quiet->mask, NULL);
}
