/* SPDX-License-Identifier: BSD-3-Clause */
/* herd.h - making ghosts: children of the calling process that stand for remote processes. */
#ifndef BP_LIB_HERD_H
#define BP_LIB_HERD_H

#include <stdint.h>

#include "common/error.h"

/* Make `count` ghosts (at most BP_GHOST_MAX) with bpghost. They speak to bpmaster through `socket`,
 * which the caller closes afterwards. argv is what ps shows for them. When this returns 0 they are
 * there, children of the caller, and bpmaster has been told. given: NULL, or the PIDs that they are
 * to have: placeholders in a job's space on a node. ret_pids: NULL, or room for their PIDs. */
int bp_herd_make(int socket, uint32_t count, uint32_t lease_ms, char *const argv[],
                 const int32_t *given, int32_t *ret_pids, struct bp_error *err);

#endif
