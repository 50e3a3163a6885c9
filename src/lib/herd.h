/* SPDX-License-Identifier: BSD-3-Clause */
/* herd.h - making ghosts: children of the calling process that stand for remote processes. */
#ifndef BP_LIB_HERD_H
#define BP_LIB_HERD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

struct bp_herd_making { /* bpghost at work */
    pid_t maker;
    struct bp_herd_birth *birth;
    int setup;
    uint32_t count;
    bool is_given;
};

/* Make `count` ghosts (at most BP_GHOST_MAX) with bpghost. They speak to bpmaster through `socket`,
 * which the caller closes afterwards. argv is what ps shows for them. given: NULL, or the PIDs that
 * they are to have: placeholders in a job's space on a node. What has begun must be ended, by the
 * same thread; until then argv must stay. */
int bp_herd_begin(int socket, uint32_t count, uint32_t lease_ms, char *const argv[],
                  const int32_t *given, struct bp_herd_making *ret_making, struct bp_error *err);

/* Wait for it. When this returns 0 they are there, children of the caller, and bpmaster has been
 * told. ret_pids: NULL, or room for their PIDs. */
int bp_herd_end(struct bp_herd_making *take_making, int32_t *ret_pids, struct bp_error *err);

#endif
