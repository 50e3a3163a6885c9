/* SPDX-License-Identifier: BSD-3-Clause */
/* shepherd.c - sending frames and refusing those of others. */
#include <errno.h>

#include "common/mem.h"
#include "pmix/shepherd.h"
#include "proto/pack.h"

int bp_shepherd_send(struct bp_shepherd *shepherd, unsigned type, int32_t node, uint64_t tag,
                     const ProtobufCMessage *message)
{
    size_t length = message != NULL ? protobuf_c_message_get_packed_size(message) : 0;
    if (length > bp_route_get(type)->max_body)
        return -EMSGSIZE;
    auto_free uint8_t *body = message != NULL ? bp_pack(message, &length) : NULL;
    struct bp_frame frame = {
        .type = (uint16_t)type,
        .length = (uint32_t)length,
        .node = node,
        .job = shepherd->job,
        .tag = tag,
    };
    bp_link_send(shepherd->link, &frame, body);
    return 0;
}

void bp_shepherd_refuse(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                        const char *why)
{
    unsigned long dropped;
    if (!bp_log_limit_pass(&shepherd->refusals, &dropped))
        return;
    bp_log_warning("frame refused type=%s node=%d bytes=%u why=\"%s\" unlogged=%lu",
                   bp_route_get(frame->type)->name, frame->node, frame->length, why, dropped);
}
