/* SPDX-License-Identifier: BSD-3-Clause */
/* cluster_control.h - the control socket of a bpcluster-node: one order a connection, answered by
 * one line when it is done. Both ends. */
#ifndef BP_TOOLS_CLUSTER_CONTROL_H
#define BP_TOOLS_CLUSTER_CONTROL_H

#include "cluster_daemon.h"
#include "cluster_machine.h"
#include "common/error.h"

/* Bind a new socket (only for its owner) to path; not listening yet. */
int bp_control_bind(const char *path, int *ret_fd, struct bp_error *err);

/* Call it in the process that the other side shall see as the peer, before anybody is told. */
int bp_control_listen(int fd, struct bp_error *err);

/* Do what is asked on fd until `end`, SIGTERM or an error. Orders: start, stop, kill, status,
 * end. */
void bp_control_serve(int fd, const struct bp_machine *machine, struct bp_daemon *daemon);

/* Give each of the sockets the order at once, then wait for all answers. The answer to status is
 * printed as "PATH MACHINE-PID DAEMON-PID STATE" (a dash for no daemon; PIDs as the caller sees
 * them); for end, the wait is for the end of the other process itself; pid is answered from here.
 * Returns the number of sockets that failed; each has put a line on stderr. */
int bp_control_tell(const char *order, char *const *paths);

#endif
