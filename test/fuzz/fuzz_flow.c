// sources: src/nodeagent/flow.c src/proto/flow.c
// src/common/mem.c src/common/error.c src/common/log.c src/proto/bpmix.pb-c.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_flow.c - stdin for all ranks, as any messages of the launcher and the node above: the ranks
 * get the launcher's bytes in their order, whatever the node above sends, and an end once. The byte
 * at place p is (uint8_t)(p * 7 + (p >> 8)). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "nodeagent/agent.h"
#include "proto/flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tree {
    int launchers, stopped, has_below;
};

static uint64_t given; /* to the ranks */
static int ended, reads;

static uint8_t right(uint64_t place)
{
    return (uint8_t)(place * 7 + (place >> 8));
}

int stdio_all(struct space *space, const uint8_t *bytes, size_t length, int end)
{
    (void)space;
    if (ended || (end && length > 0))
        abort();
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != right(given + i))
            abort();
    given += length;
    ended |= end;
    return 0;
}

int stdio_reads(const struct space *space)
{
    (void)space;
    return reads;
}

void data_send(struct space *space, unsigned kind, unsigned channel, uint32_t rank,
               const void *body, size_t length)
{
    (void)space, (void)channel, (void)rank, (void)body;
    if (kind != BP_STREAM_FED || length != 0)
        abort();
}

int tree_is_launchers(const struct space *space)
{
    return space->tree->launchers;
}

void tree_pass(struct space *space)
{
    uint64_t offset = given;
    flow_cargo.feed(space, (struct bp_stream *)space, &offset); /* nothing is ahead of the ranks */
    if (offset != given)
        abort();
}

int tree_refuse(struct space *space)
{
    if (space->tree->launchers)
        abort();
    space->tree->launchers = 1;
    flow_cargo.back(space);
    return 0;
}

void tree_start(struct space *space)
{
    (void)space;
}

void tree_stop(struct space *space)
{
    space->tree->stopped = 1;
}

int tree_has_below(const struct space *space)
{
    return space->tree != NULL && space->tree->has_below;
}

size_t bp_stream_backlog(const struct bp_stream *stream)
{
    (void)stream;
    return 0;
}

void bp_stream_send(struct bp_stream *stream, const struct bp_stream_head *head, const void *body)
{
    (void)stream, (void)head, (void)body;
    abort();
}

static uint64_t told; /* by pieces */

/* One order: what, how much, from where relative to what is here. */
static int order(struct space *space, const uint8_t *data)
{
    static uint8_t bytes[BP_STREAM_FLOW_MAX], body[BP_STREAM_DATA_MAX];
    uint64_t here = space->input.flow != NULL ? flow_cargo.place(space) : space->input.place;
    size_t length = data[1] * 256u + data[2];
    uint64_t place = here + (uint64_t)(int64_t)(int8_t)data[3];
    length = length <= sizeof bytes ? length : sizeof bytes;
    for (size_t i = 0; i < length; i++)
        bytes[i] = right(place + i);
    switch (data[0] & 7) {
    case 0:
    case 1: /* the launcher's, which is right */
        return flow_data(space, body, bp_flow_encode(place, bytes, length, body));
    case 2: { /* from above, perhaps wrong */
        if (space->input.flow == NULL || space->tree->launchers || !flow_is_due(space))
            return 0;
        if (length > 0)
            bytes[data[3] % length] ^= data[0] >> 3;
        struct bp_stream_head head = {.kind = BP_STREAM_FLOW};
        head.length = (uint32_t)bp_flow_encode(place, bytes, length, body);
        if (flow_cargo.take(space, &head, body) < 0 && flow_is_due(space))
            tree_refuse(space);
        return 0;
    }
    case 3:
        told = here;
        return flow_pass(space);
    case 4:
    case 5:
        for (size_t i = 0; i < length; i++)
            bytes[i] = right(told + i);
        told += length;
        bp_flow_piece_encode(bytes, length, body);
        return flow_piece(space, body);
    case 6:
        reads = data[3] & 1;
        return 0;
    default:
        space->tree->has_below = data[3] & 1;
        return 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct agent agent;
    Bpmix__SpaceOpen open = BPMIX__SPACE_OPEN__INIT;
    Bpmix__Relay relay = BPMIX__RELAY__INIT;
    struct tree tree = {0};
    struct space space = {.agent = &agent, .open = &open, .state = SPACE_READY, .tree = &tree};
    bp_log_init("fuzz", BP_LOG_ERROR);
    relay.port = 1;
    open.relay = &relay;
    given = told = 0;
    ended = 0;
    reads = 1;
    for (; size >= 4; data += 4, size -= 4)
        if (order(&space, data) < 0)
            break;
    flow_free(&space);
    return 0;
}
