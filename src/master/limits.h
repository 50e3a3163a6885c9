/* SPDX-License-Identifier: BSD-3-Clause */
/* limits.h - a job's resource limits. */
#ifndef BP_MASTER_LIMITS_H
#define BP_MASTER_LIMITS_H

#include <stdint.h>
#include <sys/types.h>

#include "proto/pack.h"

#define LIMITS 16 /* RLIMIT_* of Linux */

struct limit {
    uint64_t soft, hard; /* UINT64_MAX = unlimited */
    int node_soft;       /* soft is what is usual on the node */
};

/* Replace the request's limits by all LIMITS of them, none above the hard ones of the process pid;
 * what the request does not name is the process's own. 0 or negative errno. */
int limits_clamp(pid_t pid, Bpmix__JobRequest *request);
/* The same, with the limits of another job, whose process asks. */
void limits_clamp_to(const Bpmix__JobRequest *above, Bpmix__JobRequest *request);

#endif
