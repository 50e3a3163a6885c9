/* SPDX-License-Identifier: BSD-3-Clause */
/* passage.h - the calling process itself goes to a node. */
#ifndef BP_LIB_PASSAGE_H
#define BP_LIB_PASSAGE_H

#include "lib/order.h"

/* Have the one process of the order (in_place) made on its node, with the caller's PID. When it
 * runs the caller becomes its ghost and this does not return: parent and children see no
 * difference. Else -errno, and the caller goes on as if nothing had been. All signals must be
 * blocked: those that wait go to the process on the node. */
int bp_passage_make(const struct bp_order *order, struct bp_error *err);

#endif
