/* SPDX-License-Identifier: BSD-3-Clause */
/* onward.h - the calling process goes on from its node to another one. */
#ifndef BP_LIB_ONWARD_H
#define BP_LIB_ONWARD_H

#include "lib/order.h"

/* The same as bp_passage_make, for a caller that is on a node: there is a ghost already. What comes
 * while it waits is sent after it. All signals must be blocked; those that wait go to the process
 * there, but for START_SELF, where the image has them: take them out before. */
int bp_onward_make(const struct bp_order *order, struct bp_error *err);

#endif
