/* SPDX-License-Identifier: BSD-3-Clause */
/* relay.c - a frame as the body of another: what processes on nodes and bpmaster say. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "proto/relay.h"

uint8_t *bp_relay_pack(const struct bp_frame *inner, const void *body, size_t *ret_length)
{
    uint8_t *bytes = bp_calloc(1, BP_FRAME_BYTES + inner->length);
    struct bp_frame sent = *inner;
    sent.flags = 0; /* they are about one local socket */
    bp_frame_encode(&sent, bytes);
    if (inner->length > 0)
        memcpy(bytes + BP_FRAME_BYTES, body, inner->length);
    *ret_length = BP_FRAME_BYTES + (size_t)inner->length;
    return bytes;
}

int bp_relay_unpack(const uint8_t *body, size_t length, enum bp_peer from, enum bp_peer to,
                    struct bp_frame *ret_inner, const uint8_t **ret_body, struct bp_error *err)
{
    struct bp_frame inner;
    if (length < BP_FRAME_BYTES)
        return bp_error_set(err, -EPROTO, "a relayed frame of %zu bytes is none", length);
    int r = bp_frame_decode(body, from, to, &inner, err);
    if (r < 0)
        return r;
    if (inner.length != length - BP_FRAME_BYTES || inner.flags != 0)
        return bp_error_set(err, -EPROTO, "a relayed frame is not as long as it says");
    *ret_inner = inner;
    *ret_body = body + BP_FRAME_BYTES;
    return 0;
}
