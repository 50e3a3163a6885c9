/* SPDX-License-Identifier: BSD-3-Clause */
/* cluster_daemon.h - the one daemon that a bpcluster-node looks after: bpnode or bpmaster. */
#ifndef BP_TOOLS_CLUSTER_DAEMON_H
#define BP_TOOLS_CLUSTER_DAEMON_H

#include <stddef.h>
#include <sys/types.h>

#include "common/error.h"

struct bp_daemon {
    char **argv;       /* argv[0] is its path */
    const char *ready; /* socket that accepts when the daemon is ready; NULL = ready at once */
    int log_fd;        /* its stdout and stderr */
    int signal_fd;     /* signalfd of SIGCHLD and SIGTERM, which are blocked */
    int stopping;      /* SIGTERM came: this bpcluster-node is to end */
    pid_t pid;         /* 0 = not running */
    int started;       /* it ran at least once, so status means something */
    int status;        /* wait status of the last one */
};

/* Start it and wait until it is ready. 0 or negative errno (then it does not run). */
int bp_daemon_start(struct bp_daemon *daemon, struct bp_error *err);

/* Send signo and wait until it is gone; after limit_ms it gets SIGKILL. Nothing if not running. */
void bp_daemon_end(struct bp_daemon *daemon, int signo, int limit_ms);

/* Take what signal_fd holds and reap every child that ended. Does not block. */
void bp_daemon_reap(struct bp_daemon *daemon);

/* One word or two: running, idle, exited N, killed N. */
void bp_daemon_describe(const struct bp_daemon *daemon, char *text, size_t bytes);

#endif
