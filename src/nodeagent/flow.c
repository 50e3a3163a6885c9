/* SPDX-License-Identifier: BSD-3-Clause */
/* flow.c - stdin for all ranks of this node: from the launcher, and from PASS on from the node
 * above, passed on to those below when it is checked. */
#include <errno.h>
#include <inttypes.h>

#include "common/log.h"
#include "nodeagent/agent.h"
#include "proto/flow.h"

#define BACKLOG_BYTES (BP_STREAM_HIGH / 2)

int flow_is_due(const struct space *space)
{
    return space->input.flow != NULL && !space->input.left && !space->input.ended;
}

void flow_free(struct space *space)
{
    bp_flow_free(space->input.flow);
    space->input.flow = NULL;
}

/* No rank here reads any more, and nobody below is there to whom it would matter. */
static int leave(struct space *space)
{
    if (stdio_reads(space) || tree_has_below(space))
        return 0;
    space->input.left = 1;
    tree_stop(space);
    data_send(space, BP_STREAM_FED, 0, 0, NULL, 0);
    return 1;
}

/* Take what is checked. */
static int look(struct space *space)
{
    const uint8_t *bytes;
    size_t length;
    int r;
    while ((r = bp_flow_check(space->input.flow, &bytes, &length)) > 0) {
        int told = stdio_all(space, bytes, length, length == 0);
        if (told < 0)
            return told;
        if (length > 0)
            continue;
        space->input.ended = 1;
        tree_pass(space);
        tree_stop(space);
        return 0;
    }
    tree_pass(space);
    if (r == -EILSEQ && tree_is_launchers(space))
        return -EPROTO;
    return r;
}

/* From the node above it may be anything: then the launcher is asked. */
static int look_and_refuse(struct space *space)
{
    int r = look(space);
    return r == -EILSEQ ? tree_refuse(space) : r;
}

/* The launcher's. */
int flow_data(struct space *space, const uint8_t *body, size_t length)
{
    uint64_t place = bp_flow_decode(body);
    const uint8_t *bytes = body + BP_STREAM_PLACE_BYTES;
    length -= BP_STREAM_PLACE_BYTES;
    if (space->input.left || space->input.ended)
        return 0;
    if (space->input.flow != NULL) {
        int r = leave(space) ? 0 : bp_flow_put(space->input.flow, place, bytes, length);
        return r > 0 ? look_and_refuse(space) : r;
    }
    if (place != space->input.place)
        return -EPROTO;
    space->input.place += length;
    space->input.ended = length == 0;
    return stdio_all(space, bytes, length, length == 0);
}

int flow_pass(struct space *space)
{
    if (space->tree == NULL || space->open->start != BPMIX__START__EXEC ||
        space->input.flow != NULL || space->input.ended)
        return -EPROTO;
    space->input.flow = bp_flow_new(space->input.place);
    if (space->open->relay->port != 0)
        tree_start(space);
    tree_pass(space);
    return 0;
}

int flow_piece(struct space *space, const uint8_t *body)
{
    const uint8_t *digest;
    size_t length = bp_flow_piece_decode(body, &digest);
    if (space->input.flow == NULL)
        return -EPROTO;
    if (!flow_is_due(space) || leave(space))
        return 0;
    int r = bp_flow_expect(space->input.flow, length, digest);
    return r < 0 ? r : look_and_refuse(space);
}

/* ---- as what the nodes pass on ---- */

static uint64_t place(const struct space *space)
{
    return bp_flow_place(space->input.flow);
}

static uint64_t back(struct space *space)
{
    space->input.fed = 0;
    return bp_flow_back(space->input.flow);
}

static int is_waiting(const struct space *space)
{
    return bp_flow_lacks(space->input.flow);
}

/* From the node above; the launcher still sends it too, until it is told. */
static int take(struct space *space, const struct bp_stream_head *head, const uint8_t *body)
{
    if (head->kind != BP_STREAM_FLOW)
        return -EPROTO;
    int r = bp_flow_put(space->input.flow, bp_flow_decode(body), body + BP_STREAM_PLACE_BYTES,
                        head->length - BP_STREAM_PLACE_BYTES);
    if (r < 0)
        return r;
    if (!space->input.fed)
        data_send(space, BP_STREAM_FED, 0, 0, NULL, 0);
    space->input.fed = 1;
    return look(space);
}

static int feed(struct space *space, struct bp_stream *below, uint64_t *offset)
{
    static uint8_t bytes[BP_STREAM_FLOW_MAX], body[BP_STREAM_DATA_MAX];
    if (space->input.left)
        return -EPIPE;
    if (space->input.flow == NULL) /* it was faster than our launcher's PASS */
        return 0;
    while (bp_stream_backlog(below) < BACKLOG_BYTES) {
        ssize_t got = bp_flow_read(space->input.flow, *offset, bytes, sizeof bytes);
        if (got <= 0)
            return (int)got;
        size_t length = bp_flow_encode(*offset, bytes, (size_t)got, body);
        bp_stream_send(below, &(struct bp_stream_head){.kind = BP_STREAM_FLOW,
                                                       .length = (uint32_t)length}, body);
        *offset += (uint64_t)got;
    }
    return 0;
}

const struct tree_cargo flow_cargo = {.want = BP_STREAM_LACK, .is_due = flow_is_due,
                                      .place = place, .back = back, .is_waiting = is_waiting,
                                      .take = take, .feed = feed};
