/* SPDX-License-Identifier: BSD-3-Clause */
/* pending.c - signals that wait behind the mask: they come after a move, with all their information. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "move_test.h"

enum { QUEUED = 5 };

static const struct timespec now;

static void spoil(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 2);
    sigtimedwait(&set, NULL, &now);
}

static void check_queue(const sigset_t *set, int signo, int first)
{
    siginfo_t info;
    for (int i = 0; i < QUEUED; i++) {
        MUST(sigtimedwait(set, &info, &now));
        CHECK(info.si_signo == signo && info.si_code == SI_QUEUE, "signal %d, code %d",
              info.si_signo, info.si_code);
        CHECK(info.si_value.sival_int == first + i, "value %d, not %d", info.si_value.sival_int,
              first + i);
        CHECK(info.si_pid == getpid() && info.si_uid == getuid(), "from %d of user %u",
              info.si_pid, info.si_uid);
    }
}

/* From kill() or raise(), which sigtimedwait() shows alike. */
static void check_one(int signo)
{
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, signo);
    MUST(sigtimedwait(&set, &info, &now));
    CHECK(info.si_signo == signo && info.si_code == SI_USER && info.si_pid == getpid(),
          "signal %d, code %d, from %d", info.si_signo, info.si_code, info.si_pid);
}

int main(void)
{
    sigset_t set, pending;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGRTMIN + 2);
    sigaddset(&set, SIGRTMIN + 9);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL));
    MUST(kill(getpid(), SIGUSR1));
    MUST(raise(SIGTERM)); /* to the thread, not to the process */
    for (int i = 0; i < QUEUED; i++) {
        MUST(sigqueue(getpid(), SIGRTMIN + 9, (union sigval){.sival_int = 900 + i}));
        MUST(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 200 + i}));
    }
    if (hop(spoil) == HOP_COPIED) { /* as after fork */
        MUST(sigpending(&pending));
        for (int i = 1; i < NSIG; i++)
            CHECK(sigismember(&pending, i) != 1, "signal %d is pending in a copy", i);
        return 0;
    }
    check_one(SIGUSR1);
    check_one(SIGTERM);
    check_queue(&set, SIGRTMIN + 2, 200);
    check_queue(&set, SIGRTMIN + 9, 900);
    CHECK(sigtimedwait(&set, &info, &now) == -1 && errno == EAGAIN,
          "one more signal");
    return 0;
}
