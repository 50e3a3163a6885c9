/* SPDX-License-Identifier: BSD-3-Clause */
/* frame.c - the frame header and the table of frame types. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "proto/frame.h"

#define KIB 1024u
#define MIB (1024u * KIB)

enum {
    T = BP_PEER_TOOL, N = BP_PEER_NODE, M = BP_PEER_MASTER, S = BP_PEER_SHEPHERD, C = BP_PEER_CALLER
};

static const struct bp_route routes[BP_FRAME_TYPES] = {
    /*                     name              from   to     max_body */
    [BP_NODE_LIST] = {"NODE_LIST", T | C, M, 0},
    [BP_NODES] = {"NODES", M, T | C, 16 * MIB},
    [BP_JOB_OPEN] = {"JOB_OPEN", T | C, M, 9 * MIB},
    [BP_JOB_MAP] = {"JOB_MAP", M, T | C, 16 * MIB},
    [BP_JOB_STREAM] = {"JOB_STREAM", M, T | C, 64},
    [BP_JOB_EVENT] = {"JOB_EVENT", M, T | C, 10 * MIB},
    [BP_JOB_KILL] = {"JOB_KILL", T | C, M, 64},
    [BP_JOB_FORWARD] = {"JOB_FORWARD", T | C, M, 128},
    [BP_JOB_END] = {"JOB_END", M, T | C, 0},
    [BP_REFUSED] = {"REFUSED", M, T | N | C, 4 * KIB},
    [BP_JOB_LIST] = {"JOB_LIST", T | C, M, 0},
    [BP_JOBS] = {"JOBS", M, T | C, 16 * MIB},
    [BP_DONE] = {"DONE", M, T | C, 0},
    [BP_NODE_RIGHTS] = {"NODE_RIGHTS", T | C, M, 64},
    [BP_NODE_STATE] = {"NODE_STATE", T | C, M, 64},
    [BP_NODE_SET] = {"NODE_SET", T | C, M, 256},
    [BP_NODE_GET] = {"NODE_GET", T | C, M, 256},
    [BP_NODE_VALUE] = {"NODE_VALUE", M, T | C, 256},
    [BP_NODE_WATCH] = {"NODE_WATCH", T | C, M, 0},
    [BP_NODE_CHANGED] = {"NODE_CHANGED", M, T | C, 0},
    [BP_PROC_LIST] = {"PROC_LIST", T | C, M, 0},
    [BP_PROCS] = {"PROCS", M, T | C, 16 * MIB},
    [BP_LIBRARY_SET] = {"LIBRARY_SET", T | C, M, 8 * KIB},
    [BP_LIBRARY_LIST] = {"LIBRARY_LIST", T | C, M, 0},
    [BP_LIBRARIES] = {"LIBRARIES", M, T | C, 8 * MIB},
    [BP_JOB_WAIT] = {"JOB_WAIT", M, T, 4 * KIB},
    [BP_JOB_SIGNAL] = {"JOB_SIGNAL", T | C, M, 64},
    [BP_NODE_HARDWARE] = {"NODE_HARDWARE", T | C, M, 0},
    [BP_HARDWARE] = {"HARDWARE", M, T | C, 16 * MIB},
    [BP_JOB_RELEASE] = {"JOB_RELEASE", T, M, 0},
    [BP_JOB_MOVE] = {"JOB_MOVE", T | C, M, 9 * MIB},

    [BP_JOIN] = {"JOIN", N, M, MIB},
    [BP_JOINED] = {"JOINED", M, N, 64},
    [BP_LEASE] = {"LEASE", M, N, 0},
    [BP_LEASE_SEEN] = {"LEASE_SEEN", N, M, 0},
    [BP_SPACE_OPEN] = {"SPACE_OPEN", M, N, 16 * MIB},
    [BP_PROC_CREATE] = {"PROC_CREATE", M, N, 16 * MIB},
    [BP_PROC_CREATED] = {"PROC_CREATED", N, M, 2 * KIB},
    [BP_PROC_FAILED] = {"PROC_FAILED", N, M, 4 * KIB},
    [BP_PROC_EXIT] = {"PROC_EXIT", N, M, 64},
    [BP_PROC_STOPPED] = {"PROC_STOPPED", N, M, 64},
    [BP_PROC_SIGNAL] = {"PROC_SIGNAL", M, N, 128},
    [BP_SPACE_END] = {"SPACE_END", M, N, 0},
    [BP_SPACE_ENDED] = {"SPACE_ENDED", N, M, 4 * KIB},
    [BP_NODE_ORDER] = {"NODE_ORDER", T | M, M | N, 8 * KIB},
    [BP_NODE_ORDERED] = {"NODE_ORDERED", N, M, 4 * KIB},
    [BP_TOOL_SAYS] = {"TOOL_SAYS", N, M, 9 * MIB + BP_FRAME_BYTES},
    [BP_TOOL_HEARS] = {"TOOL_HEARS", M, N, 16 * MIB + BP_FRAME_BYTES},
    [BP_TOOL_GONE] = {"TOOL_GONE", N | M, N | M, 0},
    [BP_HERD_OPEN] = {"HERD_OPEN", M, N, 64},
    [BP_HERD_SAYS] = {"HERD_SAYS", N, M, 4 * KIB},
    [BP_HERD_HEARS] = {"HERD_HEARS", M, N, 4 * KIB},
    [BP_HERD_GONE] = {"HERD_GONE", N | M, N | M, 0},

    [BP_PMIX_JOB] = {"PMIX_JOB", N, S, 4 * MIB},
    [BP_PMIX_READY] = {"PMIX_READY", S, N, 16 * MIB},
    [BP_PMIX_PEER] = {"PMIX_PEER", S | N | M, S | N | M, 64 * MIB},
    [BP_PMIX_PUBLISH] = {"PMIX_PUBLISH", S | N, N | M, MIB},
    [BP_PMIX_LOOKUP] = {"PMIX_LOOKUP", S | N, N | M, MIB},
    [BP_PMIX_UNPUBLISH] = {"PMIX_UNPUBLISH", S | N, N | M, MIB},
    [BP_PMIX_REPLY] = {"PMIX_REPLY", M | N, N | S, MIB},
    [BP_PMIX_ABORT] = {"PMIX_ABORT", S | N, N | M, 8 * KIB},
    [BP_PMIX_STATE] = {"PMIX_STATE", S | N, N | M, 64},
    [BP_PMIX_GONE] = {"PMIX_GONE", M | N, N | S, MIB},
    [BP_PMIX_PING] = {"PMIX_PING", N, S, 0},
    [BP_PMIX_PONG] = {"PMIX_PONG", S, N, 0},

    [BP_JOB_HOME] = {"JOB_HOME", T, M, 4 * KIB},
    [BP_JOB_DRAINED] = {"JOB_DRAINED", T | C, M, 64},
    [BP_HOME_ASK] = {"HOME_ASK", T, M, 0},
    [BP_HOME] = {"HOME", M, T, 10 * MIB},
    [BP_JOB_REAPED] = {"JOB_REAPED", T, M, 64},
};

const struct bp_route *bp_route_get(unsigned type)
{
    if (type >= BP_FRAME_TYPES || routes[type].name == NULL)
        return NULL;
    return &routes[type];
}

static void put32(uint8_t *p, uint32_t value)
{
    value = htole32(value);
    memcpy(p, &value, sizeof value);
}

static void put64(uint8_t *p, uint64_t value)
{
    value = htole64(value);
    memcpy(p, &value, sizeof value);
}

static uint32_t get32(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return le32toh(value);
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t value;
    memcpy(&value, p, sizeof value);
    return le64toh(value);
}

void bp_frame_encode(const struct bp_frame *frame, uint8_t bytes[BP_FRAME_BYTES])
{
    put32(bytes, BP_FRAME_MAGIC);
    bytes[4] = BP_FRAME_VERSION;
    bytes[5] = frame->flags;
    bytes[6] = (uint8_t)(frame->type & 0xff);
    bytes[7] = (uint8_t)(frame->type >> 8);
    put32(bytes + 8, frame->length);
    put32(bytes + 12, (uint32_t)frame->node);
    put64(bytes + 16, frame->job);
    put64(bytes + 24, frame->tag);
}

int bp_frame_decode(const uint8_t bytes[BP_FRAME_BYTES], enum bp_peer from, enum bp_peer to,
                    struct bp_frame *ret_frame, struct bp_error *err)
{
    if (get32(bytes) != BP_FRAME_MAGIC)
        return bp_error_set(err, -EPROTO, "not a bpmix frame");
    if (bytes[4] != BP_FRAME_VERSION)
        return bp_error_set(err, -EPROTONOSUPPORT,
                            "protocol version %u, but this side speaks version %u: install the "
                            "same bpmix on both", bytes[4], BP_FRAME_VERSION);
    struct bp_frame frame = {
        .type = (uint16_t)(bytes[6] | bytes[7] << 8),
        .flags = bytes[5],
        .length = get32(bytes + 8),
        .node = (int32_t)get32(bytes + 12),
        .job = get64(bytes + 16),
        .tag = get64(bytes + 24),
    };
    const struct bp_route *route = bp_route_get(frame.type);
    if (route == NULL)
        return bp_error_set(err, -EPROTO, "unknown frame type %u", frame.type);
    if ((route->from & from) == 0 || (route->to & to) == 0)
        return bp_error_set(err, -EPROTO, "%s may not be sent here by this peer", route->name);
    if (frame.length > route->max_body)
        return bp_error_set(err, -EMSGSIZE, "%s with %u bytes, but %u is the most", route->name,
                            frame.length, route->max_body);
    *ret_frame = frame;
    return 0;
}
