/* SPDX-License-Identifier: BSD-3-Clause */
/* plain.h - a data connection without TLS, for networks that are trusted: bytes as they are. */
#ifndef BP_PROTO_PLAIN_H
#define BP_PROTO_PLAIN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <event2/event.h>

#include "common/error.h"

struct bp_plain;

struct bp_plain_events {
    /* Bytes that have come and were not taken yet: how many of them are taken now, or a negative
     * errno, which closes. It must not free the connection. */
    ssize_t (*bytes)(void *arg, const uint8_t *bytes, size_t length, struct bp_error *err);
    /* Few bytes are left to send. */
    void (*drained)(void *arg);
    /* At its end (why->code 0) or broken; the callee may free it. */
    void (*closed)(void *arg, const struct bp_error *why);
};

/* Takes fd, connected and non-blocking. Fewer than `piece` bytes are never left lying: so many are
 * the most that one taking may need. low: bytes that are few. */
struct bp_plain *bp_plain_new(struct event_base *base, int fd, size_t piece, size_t low,
                              const struct bp_plain_events *events, void *arg);
void bp_plain_free(struct bp_plain *plain);
void bp_plain_send(struct bp_plain *plain, const struct iovec *parts, int count);
size_t bp_plain_backlog(const struct bp_plain *plain);
/* Stop or go on reading. */
void bp_plain_pause(struct bp_plain *plain, int paused);

#endif
