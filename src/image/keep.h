/* SPDX-License-Identifier: BSD-3-Clause */
/* keep.h - what a copy of the process loses and a process that moves must not: areas advised not to
 * be there or to be empty after fork, and locks. */
#ifndef BP_IMAGE_KEEP_H
#define BP_IMAGE_KEEP_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct bp_keep_range {
    uint64_t start, end;
    uint32_t flags; /* BP_AREA_DONTFORK, _WIPEONFORK, _LOCKED */
};

struct bp_keep { /* {0} is none */
    struct bp_keep_range *ranges; /* by address */
    size_t count;
    size_t bytes; /* of their memory */
};

/* Those of the calling process. -EOPNOTSUPP when it has memory that no copy can be made of. */
int bp_keep_read(struct bp_keep *keep, struct bp_error *err);
void bp_keep_done(struct bp_keep *keep);

#define auto_keep __attribute__((cleanup(bp_keep_done)))

/* Let a copy have them (-EOPNOTSUPP: some cannot be had); and as it was. */
int bp_keep_open(const struct bp_keep *keep, struct bp_error *err);
void bp_keep_close(const struct bp_keep *keep);

/* The flags at an address (keep may be NULL); returns where other flags begin, at most end. */
uint64_t bp_keep_flags(const struct bp_keep *keep, uint64_t start, uint64_t end,
                       uint32_t *ret_flags);

#endif
