/* SPDX-License-Identifier: BSD-3-Clause */
/* space_start.h - bpnode's side: start bpspace as PID 1 of new namespaces. */
#ifndef BP_NODEAGENT_SPACE_START_H
#define BP_NODEAGENT_SPACE_START_H

#include <sys/types.h>

#include "common/error.h"

/* Start program (an absolute path) as PID 1 of a new PID, mount and IPC namespace, with nothing but
 * 0, 1, 2 and its end of a socket pair as descriptor 3. *ret_socket is the other end, non-blocking
 * and close-on-exec; *ret_pid is a child of the caller, to be reaped by it: when it is (or its
 * pidfd says so), no process of the space is alive any more. Its one argument is the node's number:
 * libbproc reads it there. Needs root. */
int bp_space_start(const char *program, int node, int *ret_socket, pid_t *ret_pid,
                   struct bp_error *err);

#endif
