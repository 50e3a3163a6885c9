/* SPDX-License-Identifier: BSD-3-Clause */
/* sigrank.c - a rank for tests: prints "ready", then a line for each signal it gets:
 * "SIGNO VALUE" (VALUE of sigqueue, else 0); SIGTERM ends it with status 0. */
#include <signal.h>
#include <stdio.h>

int main(void)
{
    sigset_t all;
    siginfo_t info;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("ready");
    for (;;) {
        int signo = sigwaitinfo(&all, &info);
        if (signo < 0)
            continue;
        printf("%d %d\n", signo, info.si_code < 0 ? info.si_value.sival_int : 0);
        if (signo == SIGTERM)
            return 0;
    }
}
