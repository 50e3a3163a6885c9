/* SPDX-License-Identifier: BSD-3-Clause */
/* calls.h - the system calls that initialisers make before a program's own code: which of them
 * leave nothing of this machine in the program. */
#ifndef BP_IMAGE_CALLS_H
#define BP_IMAGE_CALLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

/* Ask that calls outside of the harmless ones stop this process for its tracer
 * (PTRACE_O_TRACESECCOMP), for good: this process must never run on. 0 or -errno. */
int bp_calls_watch(void);

/* Judge the call before which pid is stopped. *tid_address is set when the call sets it. 1: it may
 * be made. 0: it may not; text says about what, "" when there is nothing to say. */
int bp_calls_judge(pid_t pid, const struct user_regs_struct *regs, uint64_t *tid_address,
                   char *text, size_t size);

/* "uname"; for a call without a name here "system call 123", written to buffer. */
const char *bp_calls_name(long number, char *buffer, size_t size);

#endif
