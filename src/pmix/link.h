/* SPDX-License-Identifier: BSD-3-Clause */
/* link.h - frames to and from bpnode over descriptor 3; plain libevent, so that a rank's neighbour
 * does not load a TLS library. */
#ifndef BP_PMIX_LINK_H
#define BP_PMIX_LINK_H

#include <event2/event.h>

#include "proto/frame.h"

struct bp_link;

struct bp_link_events {
    /* A whole frame; body has frame->length bytes and lives until the call returns. */
    void (*frame)(void *arg, const struct bp_frame *frame, const uint8_t *body);
    /* bpnode is gone (why->code 0) or broke the rules. Called once. */
    void (*closed)(void *arg, const struct bp_error *why);
};

/* Takes fd. NULL when libevent fails. */
struct bp_link *bp_link_new(struct event_base *base, int fd, const struct bp_link_events *events,
                            void *arg);

/* Queue a frame; frame->length bytes of body are copied. */
void bp_link_send(struct bp_link *link, const struct bp_frame *frame, const void *body);

#endif
