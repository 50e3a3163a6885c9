/* SPDX-License-Identifier: BSD-3-Clause */
/* space_up.h - the way up to bpnode, and the ends of a space. */
#ifndef BP_NODEAGENT_SPACE_UP_H
#define BP_NODEAGENT_SPACE_UP_H

#include "proto/space_record.h"

enum bp_space_exit { /* bpspace's exit status; the space is empty when it is seen */
                     BP_SPACE_EXIT_CLOSED = 0, /* CLOSE, or bpnode is gone */
                     BP_SPACE_EXIT_TROUBLE = 1,
                     BP_SPACE_EXIT_LEASE = 3, /* the lease ran out */
};

struct bp_space_up {
    int socket; /* non-blocking */
    int lease;  /* timerfd on CLOCK_BOOTTIME */
};

/* Send *record and record->length bytes of payload. Waits for bpnode to read, but not beyond the
 * lease; ends the space if bpnode is gone. */
void bp_space_up_send(const struct bp_space_up *up, const struct bp_space_record *record,
                      const void *payload);

/* Say FAILED. why: a sentence, or NULL. */
void bp_space_up_fail(const struct bp_space_up *up, uint64_t serial, int error,
                      enum bp_space_step step, const char *why);

/* The lease runs out in ms milliseconds from now. */
void bp_space_up_lease(const struct bp_space_up *up, uint64_t ms);

/* End the program; the kernel kills every other process of the namespace, and lets us be reaped
 * only when they are gone. */
_Noreturn void bp_space_up_lease_out(void);
_Noreturn void bp_space_up_trouble(const char *what, int error);

#endif
