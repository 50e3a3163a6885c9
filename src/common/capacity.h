/* SPDX-License-Identifier: BSD-3-Clause */
/* capacity.h - may so many more processes and open files be had here? Asked before they are made,
 * so that the limit in the way has a name. */
#ifndef BP_COMMON_CAPACITY_H
#define BP_COMMON_CAPACITY_H

#include <stdint.h>

#include "common/error.h"

/* 0, or -EAGAIN with a sentence that names the limit: kernel.pid_max, kernel.threads-max, pids.max
 * of a cgroup we are in, and (of a user) ulimit -u for processes; ulimit -Hn for files.
 * What cannot be read limits nothing. root: of /proc and /sys, "" but in tests. */
int bp_capacity_check(const char *root, uint64_t processes, uint64_t files, struct bp_error *err);

#endif
