/* SPDX-License-Identifier: BSD-3-Clause */
/* stream.h - the data connection between a node and the launcher of a job: standard input, output
 * and error of the ranks on that node. 12-byte heads, little endian, then `length` bytes. */
#ifndef BP_PROTO_STREAM_H
#define BP_PROTO_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define BP_STREAM_HEAD_BYTES 12
#define BP_STREAM_DATA_MAX   65536u
#define BP_STREAM_WINDOW     65536u /* bytes of stdin a node takes in advance, per rank */

enum bp_stream_kind {
    /* both ways */
    BP_STREAM_DATA = 1, /* channel 0 to the rank, 1 and 2 from it */
    BP_STREAM_EOF,      /* channel 0: no more stdin; 1, 2: that pipe of the rank is at its end */
    /* node to launcher */
    BP_STREAM_CREDIT,   /* length = 4: bytes of stdin that may be sent (uint32_t); the first one
                         * comes when the rank is seen waiting for input */
    BP_STREAM_LEFT,     /* length = 4: bytes of stdin that nobody read; the rank has ended */
    BP_STREAM_END,      /* all is drained; the node closes */
    /* launcher to node */
    BP_STREAM_STOP,     /* channel 1 or 2: nobody reads this any more; close the ranks' pipes */
};

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

#endif
