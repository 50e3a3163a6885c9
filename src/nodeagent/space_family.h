/* SPDX-License-Identifier: BSD-3-Clause */
/* space_family.h - the stubs: processes that hold the master's numbers of the launcher, its process
 * group and its session, so that the ranks' getppid, getpgrp and getsid are native. */
#ifndef BP_NODEAGENT_SPACE_FAMILY_H
#define BP_NODEAGENT_SPACE_FAMILY_H

#include "nodeagent/space_job.h"

#define BP_SPACE_STUBS_MAX 6

struct bp_space_family { /* in memory shared by PID 1 and the stubs while they are made */
    struct bp_space_job *job;
    pid_t session;  /* to make; 0 = PID 1's own, -1 = any number */
    pid_t group;    /* to be in; 0 = the session's leader's */
    pid_t launcher; /* to make; 0 = any number, and the ranks are children of PID 1 */
    int adopt;      /* G and L become children of PID 1, which is of another session */
    int anchor;     /* one more member, whose parent keeps the leader's group from being orphaned */
    int maker_socket;
    pid_t maker;
    unsigned count;
    pid_t pids[BP_SPACE_STUBS_MAX];
    int error; /* negative errno */
    const char *what;
};

/* Make the stubs; *ret_family is filled. maker_socket is the maker's end of its socket pair, which
 * stays the caller's too. All signals must be blocked. */
int bp_space_family_make(struct bp_space_job *job, int maker_socket,
                         struct bp_space_family *ret_family, struct bp_error *err);

int bp_space_family_has(const struct bp_space_family *family, pid_t pid);

/* End the stop that this stub is in, which we see as its tracer: nothing stops a stub. */
void bp_space_family_resume(pid_t pid);

#endif
