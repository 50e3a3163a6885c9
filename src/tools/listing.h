/* SPDX-License-Identifier: BSD-3-Clause */
/* listing.h - the nodes that bpstat was asked for, in the order it was asked for. */
#ifndef BP_TOOLS_LISTING_H
#define BP_TOOLS_LISTING_H

#include "common/error.h"
#include "proto/pack.h"

enum listing_order { LISTING_AS_IS, LISTING_BY_NUMBER, LISTING_BY_STATE, LISTING_BY_OWNER };

struct listing {
    Bpmix__NodeList *list; /* what the rows belong to */
    const Bpmix__Node **rows;
    size_t count;
    int missing; /* a node that was named and does not exist; -1 = none */
};

/* Takes the list. specs: `count` node specifications; none = all nodes. A node named twice stands
 * there once; the master does when it is named. */
int listing_make(Bpmix__NodeList *take_list, char *const specs[], size_t count,
                 struct listing *ret_listing, struct bp_error *err);
void listing_sort(struct listing *listing, enum listing_order order, int reverse);
void listing_done(struct listing *listing);

#endif
