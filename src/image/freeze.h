/* SPDX-License-Identifier: BSD-3-Clause */
/* freeze.h - a copy of the calling process that does nothing: where the pages are read from. */
#ifndef BP_IMAGE_FREEZE_H
#define BP_IMAGE_FREEZE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "image/arch_x86_64.h"
#include "image/format.h"

/* Memory of a capture that the image holds too: the place to resume at, and what the restored
 * process must find. */
struct bp_freeze {
    struct bp_arch_state state;
    struct bp_image_mailbox mailbox;
    int hold_fds[2]; /* the copy reads the first, and ends when the second is closed everywhere */
    uint64_t brk;    /* when the copy was made */
    long source;     /* PID of the copy, or -errno */
    size_t bytes;    /* of the memory all this lies in */
    void *stack_end;
};

/* In a mapping of its own, and a pipe. NULL and errno. */
struct bp_freeze *bp_freeze_new(void);
/* The memory alone; the descriptors are the caller's. */
void bp_freeze_free(struct bp_freeze *freeze);

/* For bp_arch_capture(), with `state` the first of a struct bp_freeze: makes the copy, a child of
 * nobody who waits: it belongs to init (or the nearest subreaper), has no open file but its pipe,
 * and takes no signal but SIGKILL. 0 and freeze->source, or -errno. All signals must be blocked. */
int bp_freeze_copy(struct bp_arch_state *state);

#endif
