/* SPDX-License-Identifier: BSD-3-Clause */
/* passage.h - the calling process itself goes to a node. */
#ifndef BP_LIB_PASSAGE_H
#define BP_LIB_PASSAGE_H

#include "lib/order.h"

struct bp_passage { /* asked for, on its way */
    const struct bp_order *order;
    int keeper, asked; /* descriptors */
};

/* Have the one process of the order (in_place) made on its node, with the caller's PID. When it
 * runs the caller becomes its ghost and this does not return: parent and children see no
 * difference. Else -errno, and the caller goes on as if nothing had been. All signals must be
 * blocked: those that wait go to the process on the node. */
int bp_passage_make(const struct bp_order *order, struct bp_error *err);

/* The same in two parts, so that the caller captures itself meanwhile: the order, which must stay,
 * has no image, go does. drop: take back what was asked for, where there is no go. */
int bp_passage_ask(const struct bp_order *order, struct bp_passage *ret_passage,
                   struct bp_error *err);
int bp_passage_go(struct bp_passage *take_passage, struct bp_image *image, struct bp_error *err);
void bp_passage_drop(struct bp_passage *passage);

#endif
