/* SPDX-License-Identifier: BSD-3-Clause */
/* crew.h - the remote processes that one call of libbproc makes, children of its caller. */
#ifndef BP_LIB_CREW_H
#define BP_LIB_CREW_H

#include "lib/order.h"

/* Which of these nodes processes of the caller may go to now: ret_codes[i] is 0, -BE_INVALIDNODE,
 * -BE_NODEDOWN, -EACCES or, by what a CPU must have (NULL: nothing), -ENOTSUP. 0, or -errno when
 * that cannot be told. */
int bp_crew_check(const int *nodes, int count, const uint32_t *cpu, int *ret_codes);

struct bp_crew;

/* Ask for the processes of an order, which must outlive the crew, and do not wait: the caller may
 * capture itself meanwhile, and has an image then that the order has not named. Until it is made or
 * freed no handler for SIGCHLD runs. Free it with bp_crew_free, which takes back what was not made;
 * a copy of the caller that finds itself with one has only its memory: bp_crew_leave. */
int bp_crew_ask(const struct bp_order *order, struct bp_crew **ret_crew, struct bp_error *err);
void bp_crew_free(struct bp_crew *crew);
void bp_crew_leave(struct bp_crew *crew);

/* While there is something else to do, the image's `meanwhile`: have the ghosts begun, if bpmaster
 * has answered. */
void bp_crew_begin(void *crew);

/* Make them, and return when each runs or could not be made: ret_codes[i] is a PID, a child of the
 * caller to wait for, or a negative errno, and then nothing is left of it. 0; or -errno, and there
 * are none: one node may be the reason, so check them first. A bpkeeper goes on with the job, with
 * the caller's stdout and stderr. image: what they start from, or NULL. Once. */
int bp_crew_make(struct bp_crew *crew, const struct bp_image *image, int *ret_codes,
                 struct bp_error *err);

#endif
