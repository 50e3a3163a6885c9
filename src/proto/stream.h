/* SPDX-License-Identifier: BSD-3-Clause */
/* stream.h - the data connection between a node and the launcher of a job: standard input, output
 * and error of the ranks on that node, and the image they start from. Nodes that pass an image on
 * speak the same. 12-byte heads, little endian, then `length` bytes. */
#ifndef BP_PROTO_STREAM_H
#define BP_PROTO_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <openssl/ssl.h>

#include "common/error.h"

#define BP_STREAM_HEAD_BYTES 12
#define BP_STREAM_DATA_MAX   65536u
#define BP_STREAM_PIECE_BYTES  (4 * BP_STREAM_DATA_MAX)
#define BP_STREAM_DIGEST_BYTES 32
#define BP_STREAM_PLACE_BYTES  8
#define BP_STREAM_FLOW_MAX     (BP_STREAM_DATA_MAX - BP_STREAM_PLACE_BYTES)
#define BP_STREAM_PIECE_HEAD   (4 + BP_STREAM_DIGEST_BYTES)
/* Bytes of stdin that may be under way to a rank: at first, and later to one that takes all. */
#define BP_STREAM_SIZE_BYTES 8 /* rows, columns, width and height in pixels, uint16_t each */
#define BP_STREAM_WINDOW_FIRST 65536u
#define BP_STREAM_WINDOW       (1u << 20)

enum bp_stream_kind {
    /* both ways */
    BP_STREAM_DATA = 1, /* channel 0 to the rank, 1 and 2 from it */
    BP_STREAM_EOF,      /* channel 0: no more stdin; 1, 2: that pipe of the rank is at its end */
    /* node to launcher */
    BP_STREAM_CREDIT,   /* length = 4, uint32_t: so many bytes of stdin were taken by the rank's
                         * pipe; 0 = the rank waits for input. No stdin is sent before the first */
    BP_STREAM_LEFT,     /* length = 4, uint32_t: bytes that were left in the pipe; the rank ended */
    BP_STREAM_END,      /* all is drained; the node closes */
    /* launcher to node */
    BP_STREAM_STOP,     /* channel 1 or 2: nobody reads this any more; close the ranks' pipes */
    BP_STREAM_IMAGE,    /* the next bytes of the job's image; length 0: those were all */
    /* where nodes pass it on to each other (Relay), which are sent what they ask for */
    BP_STREAM_DIGESTS,  /* launcher to node: of the next pieces SHA-256, BP_STREAM_DIGEST_BYTES;
                         * a piece is BP_STREAM_PIECE_BYTES, the last may be shorter */
    BP_STREAM_WANT,     /* to the launcher or the node above; length = 8, uint64_t: send the image
                         * from this place on. A node asks for a guest's when it knows of it */
    BP_STREAM_HAVE,     /* node to launcher: it wants no more of the image */
    BP_STREAM_SIZE,     /* launcher to node, BP_STREAM_SIZE_BYTES: of the rank's terminal */
    /* stdin for all ranks (flow.h) */
    BP_STREAM_FLOW,     /* to a node, of the launcher or the node above: uint64_t, the place of the
                         * first byte, then at most BP_STREAM_FLOW_MAX bytes for every rank there;
                         * none, before PASS: these were all */
    BP_STREAM_PASS,     /* launcher to node: from here on nodes pass it on to each other */
    BP_STREAM_PIECE,    /* launcher to node, after PASS: uint32_t, the length of the next piece, and
                         * its SHA-256; length 0: there are no more */
    BP_STREAM_LACK,     /* to the launcher or the node above; uint64_t: send it from there on */
    BP_STREAM_FED,      /* node to launcher: it comes from the node above, or is not needed */
    /* both ways, first of all, without TLS */
    BP_STREAM_PLAIN,
    /* node to launcher */
    BP_STREAM_DRY, /* the rank has ended there, and all that it wrote itself has been sent */
};

/* In place of a rank: from here on numbers of stays, of processes that come from another node. WANT
 * of the new node: it takes the image; to the old one, with the image's own number as its place:
 * send it; IMAGE from there to here; END of the new one: nothing more of what ran there comes. */
#define BP_STREAM_STAYS 0x80000000u

struct bp_stream_head {
    uint8_t kind;
    uint8_t channel;
    uint32_t rank;
    uint32_t length;
};

void bp_stream_encode(const struct bp_stream_head *head, uint8_t bytes[BP_STREAM_HEAD_BYTES]);
/* 0, or -EPROTO with a sentence: unknown kind or channel, too long. */
int bp_stream_decode(const uint8_t bytes[BP_STREAM_HEAD_BYTES], struct bp_stream_head *ret_head,
                     struct bp_error *err);

/* ---- a data connection on libevent ---- */
struct bp_stream;

struct bp_stream_events {
    /* Something whole has come. A negative return closes the stream. It must not free it. */
    int (*data)(void *arg, const struct bp_stream_head *head, const uint8_t *body,
                struct bp_error *err);
    /* The backlog is below BP_STREAM_LOW again. */
    void (*drained)(void *arg);
    /* At its end (why->code 0) or broken; the callee frees the stream. */
    void (*closed)(void *arg, const struct bp_error *why);
};

#define BP_STREAM_HIGH (1u << 20) /* bytes of backlog at which a sender should pause */
#define BP_STREAM_LOW  (1u << 18)

/* Takes fd, connected. ctx NULL: bytes go as they are; a peer that does otherwise is refused.
 * opened_here: this side is TLS's client. NULL if OpenSSL fails. */
struct bp_stream *bp_stream_new(struct event_base *base, int fd, SSL_CTX *ctx, int opened_here,
                                const struct bp_stream_events *events, void *arg);
void bp_stream_free(struct bp_stream *stream);
void bp_stream_send(struct bp_stream *stream, const struct bp_stream_head *head,
                    const void *body);
size_t bp_stream_backlog(const struct bp_stream *stream);
/* Stop or go on reading: nothing more is delivered while it is paused. */
void bp_stream_pause(struct bp_stream *stream, int paused);

#endif
