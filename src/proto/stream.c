/* SPDX-License-Identifier: BSD-3-Clause */
/* stream.c - heads of the data connection. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "proto/stream.h"

void bp_stream_encode(const struct bp_stream_head *head, uint8_t bytes[BP_STREAM_HEAD_BYTES])
{
    uint32_t rank = htole32(head->rank);
    uint32_t length = htole32(head->length);
    bytes[0] = head->kind;
    bytes[1] = head->channel;
    bytes[2] = bytes[3] = 0;
    memcpy(bytes + 4, &rank, sizeof rank);
    memcpy(bytes + 8, &length, sizeof length);
}

int bp_stream_decode(const uint8_t bytes[BP_STREAM_HEAD_BYTES], struct bp_stream_head *ret_head,
                     struct bp_error *err)
{
    struct bp_stream_head head = {.kind = bytes[0], .channel = bytes[1]};
    memcpy(&head.rank, bytes + 4, sizeof head.rank);
    memcpy(&head.length, bytes + 8, sizeof head.length);
    head.rank = le32toh(head.rank);
    head.length = le32toh(head.length);
    uint32_t most = head.kind == BP_STREAM_DATA ? BP_STREAM_DATA_MAX
                    : head.kind == BP_STREAM_CREDIT || head.kind == BP_STREAM_LEFT ? 4
                                                                                   : 0;
    if (head.kind < BP_STREAM_DATA || head.kind > BP_STREAM_STOP || head.channel > 2 ||
        head.length > most || (most == 4 && head.length != 4))
        return bp_error_set(err, -EPROTO, "a data connection sent kind %u, channel %u, %u bytes",
                            head.kind, head.channel, head.length);
    *ret_head = head;
    return 0;
}
