/* SPDX-License-Identifier: BSD-3-Clause */
/* verdict.h - from what happened to the ranks to one exit status and the sentences that explain it.
 * Pure: it keeps no time and sends nothing. */
#ifndef BP_TOOLS_VERDICT_H
#define BP_TOOLS_VERDICT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/job.h"

struct verdict_rank {
    int32_t node, pid, status; /* wait status */
    uint8_t created, ended, failed; /* failed: it could not be started; error and step say why */
    uint8_t connected;         /* to PMIx */
    int32_t error, step;
    uint64_t cpu_us;
    uint32_t maxrss_kib;
    uint8_t *cpus; /* its mask, as the kernel has it; NULL = never created */
    size_t cpu_bytes;
};

struct verdict {
    struct verdict_rank *ranks;
    size_t count;
    int no_kill;
    int unread;       /* nobody reads our output any more: of SIGPIPE there is nothing to say */
    int teardown;     /* we are ending the job: ends of ranks no longer count */
    int decided;      /* status is final */
    int status;       /* for the shell */
    int64_t by_rank;  /* who decided; -1 = nobody yet, -2 = not a rank */
    char text[512];   /* why, one line; "" = nothing to say */
};

void verdict_init(struct verdict *verdict, size_t ranks, int no_kill);
void verdict_done(struct verdict *verdict);

/* Take in one piece of news. 1 = the job must be ended now. node: name of the event's node. */
int verdict_event(struct verdict *verdict, const Bpmix__JobEvent *event, const char *node);

/* Something else ends the job: a signal, a time limit, a loss. A status that was decided stays. */
void verdict_end(struct verdict *verdict, int status, const char *text);

/* The exit status in the end. */
int verdict_status(const struct verdict *verdict);

/* As a shell: exit code, or 128 + signal. */
int verdict_shell_status(int32_t wait_status);

#endif
