/* SPDX-License-Identifier: BSD-3-Clause */
/* crew.h - the remote processes that one call of libbproc makes, children of its caller. */
#ifndef BP_LIB_CREW_H
#define BP_LIB_CREW_H

#include "lib/order.h"

/* Which of these nodes processes of the caller may go to now: ret_codes[i] is 0, -BE_INVALIDNODE,
 * -BE_NODEDOWN, -EACCES or, by what a CPU must have (NULL: nothing), -ENOTSUP. 0, or -errno when
 * that cannot be told. */
int bp_crew_check(const int *nodes, int count, const uint32_t *cpu, int *ret_codes);

/* Make them, and return when each runs or could not be made: ret_codes[i] is a PID, a child of the
 * caller to wait for, or a negative errno, and then nothing is left of it. 0; or -errno, and there
 * are none: one node may be the reason, so check them first. A bpkeeper goes on with the job, with
 * the caller's stdout and stderr. */
int bp_crew_make(const struct bp_order *order, int *ret_codes, struct bp_error *err);

#endif
