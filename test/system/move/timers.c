/* SPDX-License-Identifier: BSD-3-Clause */
/* timers.c - interval timers: they run on after a move, a copy has none. */
#include <signal.h>
#include <sys/time.h>

#include "move_test.h"

static const int signals[3] = {SIGALRM, SIGVTALRM, SIGPROF};

static void spoil(void)
{
    struct itimerval none = {0};
    setitimer(ITIMER_PROF, &none, NULL);
}

static long microseconds(struct timeval t)
{
    return t.tv_sec * 1000000 + t.tv_usec;
}

int main(void)
{
    static const int which[3] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
    struct itimerval timer, now;
    sigset_t all, wanted;
    sigfillset(&all);
    MUST(sigprocmask(SIG_SETMASK, &all, NULL));
    for (int i = 0; i < 3; i++) {
        timer = (struct itimerval){.it_interval = {.tv_sec = 100 + i}, .it_value = {.tv_sec = 50}};
        MUST(setitimer(which[i], &timer, NULL));
    }
    enum hop how = hop(spoil);
    for (int i = 0; i < 3; i++) {
        MUST(getitimer(which[i], &now));
        long left = microseconds(now.it_value);
        if (how == HOP_COPIED) {
            CHECK(left == 0, "timer %d has %ld us left in a copy", i, left);
            continue;
        }
        CHECK(left > 0 && left <= 50100000, "timer %d has %ld us left", i, left);
        CHECK(now.it_interval.tv_sec == 100 + i, "timer %d comes every %ld s", i,
              (long)now.it_interval.tv_sec);
    }
    for (int i = 0; i < 3; i++) { /* and they work */
        timer = (struct itimerval){.it_value = {.tv_usec = 1000}};
        MUST(setitimer(which[i], &timer, NULL));
        sigemptyset(&wanted);
        sigaddset(&wanted, signals[i]);
        sigset_t pending;
        do { /* the clocks of VIRTUAL and PROF need work */
            MUST(sigpending(&pending));
        } while (!sigismember(&pending, signals[i]));
        CHECK(sigwaitinfo(&wanted, NULL) == signals[i], "%m");
    }
    return 0;
}
