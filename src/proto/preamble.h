/* SPDX-License-Identifier: BSD-3-Clause */
/* preamble.h - the first 32 bytes on a connection to bpmaster's port, in the clear: what the
 * connection is for. A control connection is answered by 32 bytes (go on, or why not), then both
 * sides speak TLS; on a data connection TLS follows at once, with whoever the ticket is for. */
#ifndef BP_PROTO_PREAMBLE_H
#define BP_PROTO_PREAMBLE_H

#include "common/error.h"
#include "proto/key.h"

#define BP_PREAMBLE_BYTES 32

enum bp_preamble_kind {
    BP_PREAMBLE_CONTROL = 1, /* node, id = first bytes of the key's hash */
    BP_PREAMBLE_STREAM = 2,  /* id = one-time ticket */
    BP_PREAMBLE_RELAY = 3,   /* to another node's port: id = ticket of a job there */
    /* bpmaster's answers */
    BP_PREAMBLE_GO = 16,
    BP_PREAMBLE_VERSION, /* another protocol version; see the answer's own */
    BP_PREAMBLE_KEY,     /* another key is expected; id = its hash */
    BP_PREAMBLE_NUMBER,  /* no such node in bpmaster's configuration */
    BP_PREAMBLE_IN_USE,  /* a node with this number is connected and alive */
};

struct bp_preamble {
    uint8_t version; /* BP_FRAME_VERSION of the sender */
    uint8_t kind;
    int32_t node;
    uint8_t id[BP_TICKET_BYTES];
};

void bp_preamble_encode(const struct bp_preamble *preamble, uint8_t bytes[BP_PREAMBLE_BYTES]);
/* 0, or -EPROTO when this is no preamble. The version is not judged. */
int bp_preamble_decode(const uint8_t bytes[BP_PREAMBLE_BYTES], struct bp_preamble *ret_preamble);

#endif
