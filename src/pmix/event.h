/* SPDX-License-Identifier: BSD-3-Clause */
/* event.h - events for the local ranks: ranks that ended, and what ranks elsewhere notified. */
#ifndef BP_PMIX_EVENT_H
#define BP_PMIX_EVENT_H

#include "pmix/shepherd.h"

/* These ranks have ended; status is a wait status. Local ranks hear PMIX_ERR_PROC_ABORTED unless
 * it is 0. */
void bp_event_gone(struct bp_shepherd *shepherd, const uint32_t *ranks, size_t count, int status);

/* A peer's frame: a rank there notified an event with a range beyond its node. */
void bp_event_peer(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                   const Bpmix__PmixPeer *peer);

#endif
