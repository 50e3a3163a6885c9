/* SPDX-License-Identifier: BSD-3-Clause */
/* channel.h - frames over a byte stream on libevent: TLS between machines, plain between bpnode and
 * its bpshepherd. */
#ifndef BP_PROTO_CHANNEL_H
#define BP_PROTO_CHANNEL_H

#include <event2/event.h>
#include <openssl/ssl.h>

#include "proto/frame.h"

struct bp_channel;

struct bp_channel_events {
    /* A whole frame; body has frame->length bytes and lives until the call returns. A negative
     * return closes the channel (closed is called with err's sentence). The callee may free the
     * channel and must then return 1. */
    int (*frame)(void *arg, const struct bp_frame *frame, const uint8_t *body,
                 struct bp_error *err);
    /* The TLS handshake is done (TLS only). */
    void (*secured)(void *arg);
    /* The other side is gone or broke the rules; why->code is 0 for a plain end of file. Called
     * once; the callee frees the channel. */
    void (*closed)(void *arg, const struct bp_error *why);
};

/* Takes fd. ctx = NULL: plain. opened_here: this side is TLS's client. from: the peer's kind, to:
 * this side's. NULL when memory or OpenSSL fails (fd is closed then). */
struct bp_channel *bp_channel_new(struct event_base *base, int fd, SSL_CTX *ctx, int opened_here,
                                  enum bp_peer from, enum bp_peer to,
                                  const struct bp_channel_events *events, void *arg);
void bp_channel_free(struct bp_channel *channel);

/* From now on other callbacks with another argument; allowed within a callback. */
void bp_channel_rebind(struct bp_channel *channel, const struct bp_channel_events *events,
                       void *arg);

/* Queue a frame; frame->length bytes of body are copied. */
void bp_channel_send(struct bp_channel *channel, const struct bp_frame *frame, const void *body);

/* Bytes queued and not yet taken by the kernel. */
size_t bp_channel_backlog(const struct bp_channel *channel);

/* Stop or go on reading; what was read already is still handed over. */
void bp_channel_pause(struct bp_channel *channel, int paused);

/* Call done(arg) once, when everything queued has been taken by the kernel. */
void bp_channel_flush(struct bp_channel *channel, void (*done)(void *arg));

#endif
