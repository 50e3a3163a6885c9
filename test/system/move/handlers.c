/* SPDX-License-Identifier: BSD-3-Clause */
/* handlers.c - signal actions of all kinds and the mask; a handler runs after. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "move_test.h"

static volatile sig_atomic_t calls, value, code;

static void on_info(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)context;
    calls++;
    value = info->si_value.sival_int;
    code = info->si_code;
}

static void on_plain(int signo)
{
    (void)signo;
    calls += 100;
}

static void spoil(void)
{
    signal(SIGUSR2, SIG_DFL);
}

static void install(int signo)
{
    struct sigaction action = {.sa_flags = 0};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, signo % 31 + 1);
    if (signo % 4 == 0) {
        action.sa_handler = SIG_IGN;
    } else if (signo % 2 == 0) {
        action.sa_flags = SA_RESTART | SA_NODEFER;
        action.sa_handler = on_plain;
    } else {
        action.sa_flags = SA_SIGINFO | (signo % 3 == 0 ? (int)SA_RESETHAND : SA_ONSTACK);
        action.sa_sigaction = on_info;
    }
    sigaction(signo, &action, NULL); /* KILL, STOP and glibc's own refuse */
}

static bool same(const struct sigaction *a, const struct sigaction *b)
{
    if (a->sa_flags != b->sa_flags || a->sa_handler != b->sa_handler)
        return false;
    for (int i = 1; i < NSIG; i++) {
        if (sigismember(&a->sa_mask, i) != sigismember(&b->sa_mask, i))
            return false;
    }
    return true;
}

int main(void)
{
    struct sigaction before[NSIG], after;
    sigset_t mask, mask_after;
    for (int signo = 1; signo < NSIG; signo++)
        install(signo);
    for (int signo = 1; signo < NSIG; signo++) {
        if (sigaction(signo, NULL, &before[signo]) != 0)
            memset(&before[signo], 0, sizeof before[signo]);
    }
    sigemptyset(&mask);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGRTMIN + 5);
    sigaddset(&mask, SIGRTMAX);
    MUST(sigprocmask(SIG_SETMASK, &mask, NULL));
    hop(spoil);
    for (int signo = 1; signo < NSIG; signo++) {
        if (sigaction(signo, NULL, &after) == 0)
            CHECK(same(&before[signo], &after), "the action of signal %d", signo);
    }
    MUST(sigprocmask(SIG_SETMASK, NULL, &mask_after));
    for (int signo = 1; signo < NSIG; signo++) {
        CHECK(sigismember(&mask, signo) == sigismember(&mask_after, signo),
              "signal %d in the mask", signo);
    }
    CHECK(calls == 0, "%d handlers ran", calls);
    MUST(sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 77})); /* signal 37 */
    CHECK(calls == 1 && value == 77 && code == SI_QUEUE, "%d calls, value %d", calls, value);
    MUST(raise(SIGUSR1)); /* 10: a plain one */
    CHECK(calls == 101, "%d calls", calls);
    MUST(raise(SIGRTMIN + 5)); /* 39: once, and blocked */
    CHECK(calls == 101, "a blocked signal came");
    sigemptyset(&mask);
    MUST(sigprocmask(SIG_SETMASK, &mask, NULL));
    CHECK(calls == 102, "%d calls after unblocking", calls);
    MUST(sigaction(SIGRTMIN + 5, NULL, &after));
    CHECK(after.sa_handler == SIG_DFL, "SA_RESETHAND did not");
    return 0;
}
