/* SPDX-License-Identifier: BSD-3-Clause */
/* launcher.h - what a launcher makes of itself before it has a job. */
#ifndef BP_TOOLS_LAUNCHER_H
#define BP_TOOLS_LAUNCHER_H

#include <signal.h>

#include "proto/pack.h"

/* All that can be forwarded comes through this signalfd. */
void launcher_take_signals(int fd, sigset_t *ret_old);
/* A descriptor for every node. The ranks get the limits of the request, which is made already. */
void launcher_raise_files(void);
/* In a rank: what that was told of its own job is not for the ranks that it starts. The variables
 * of the request then, the array is the caller's; NULL = this is no rank. */
char **launcher_leave_own(Bpmix__JobRequest *request);

#endif
