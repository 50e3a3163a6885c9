/* SPDX-License-Identifier: BSD-3-Clause */
/* quiet.h - children of the moment that a caller must not hear of. */
#ifndef BP_LIB_QUIET_H
#define BP_LIB_QUIET_H

#include <signal.h>

/* Between the two no handler for SIGCHLD runs in this thread, and the caller can wait for what it
 * makes even where the program ignores SIGCHLD. Afterwards a SIGCHLD comes only if there was one
 * before, or a child is dead that nobody has waited for. (In a program with threads another one may
 * be told of a child that is gone.) */
struct bp_quiet {
    sigset_t mask;
    struct sigaction action;
    int pending;
};

void bp_quiet_begin(struct bp_quiet *ret_quiet);
void bp_quiet_end(const struct bp_quiet *quiet);

/* After the end: where the program ignores SIGCHLD, nobody waits for a child of these that died
 * meanwhile. Numbers below 1 are no children. */
void bp_quiet_forget(const struct bp_quiet *quiet, const int *pids, int count);

#endif
