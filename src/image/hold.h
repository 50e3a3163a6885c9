/* SPDX-License-Identifier: BSD-3-Clause */
/* hold.h - a program that was executed here and is held before its first instruction, or before its
 * own code: the source of an image of a program that has not run. */
#ifndef BP_IMAGE_HOLD_H
#define BP_IMAGE_HOLD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "common/error.h"

/* How long a program may take to get to the point, file systems and initialisers included. */
#define BP_HOLD_LIMIT_MS 20000

struct bp_hold_order {
    const char *path;
    char *const *argv;
    char *const *envp;
    const char *cwd; /* NULL: the caller's */
    bool search;     /* a path without a slash is looked for as a shell does, by PATH of envp */
    bool to_entry;   /* let the dynamic linker and the initialisers run, up to AT_ENTRY */
};

/* A stopped process, no child of the caller: its memory was opened by who traces it, as a system
 * may let nobody else; the rest stands in /proc/PID. */
struct bp_hold {
    pid_t pid;
    bool at_entry; /* false: nothing has run, also because a static program has nothing to run */
    struct user_regs_struct regs;
    uint32_t mxcsr;       /* floating-point modes, at_entry only, as are the next three */
    uint64_t tid_address; /* set_tid_address(2) */
    uint64_t robust_list; /* set_robust_list(2), with its length */
    uint64_t robust_bytes;
    uint64_t rseq; /* rseq(2): address, length, signature; 0 when not registered */
    uint32_t rseq_bytes;
    uint32_t rseq_signature;
    int memory; /* /proc/PID/mem */
    int link;   /* it lives until the last copy of this is closed */
};

/* Execute a program and hold it. Refused with a sentence: what execve refuses, what ends or hangs
 * before the point, and, up to AT_ENTRY, initialisers that ask what only this machine can answer.
 * Nothing is left of it then. Safe in a program with threads. */
int bp_hold_start(const struct bp_hold_order *order, struct bp_hold *ret_hold,
                  struct bp_error *err);

#endif
