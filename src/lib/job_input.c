/* SPDX-License-Identifier: BSD-3-Clause */
/* job_input.c - stdin for all ranks of a job. It goes to every node once. When it is long, two
 * nodes get it, each passes it on to two more, and all get from here the digests of its pieces; its
 * last bytes are kept for a node that the one above it has failed. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "lib/job_inner.h"
#include "proto/flow.h"

#define PASS_BYTES (8u << 20) /* it is long */
#define FEW        2          /* nodes that all get it from here */
#define BACKLOG_MAX (8u << 20) /* for a node that asks; one that is honest has some of a window */

struct input { /* NULL = nothing was sent */
    uint64_t place;
    struct bp_flow *flow; /* NULL: nodes do not pass it on */
    uint64_t ends[BP_FLOW_PIECES]; /* of the pieces that some rank has not taken */
    unsigned first, count;
};

void bp_job_input_free(struct bp_job *job)
{
    if (job->input != NULL)
        bp_flow_free(job->input->flow);
    free(job->input);
    job->input = NULL;
}

static void say(struct bp_stream *stream, unsigned kind, const void *body, size_t length)
{
    bp_stream_send(stream, &(struct bp_stream_head){.kind = (uint8_t)kind,
                                                    .length = (uint32_t)length}, body);
}

void bp_job_input_passes(struct bp_job *job)
{
    job->passes = 1;
}

static struct input *input_of(struct bp_job *job)
{
    if (job->input == NULL)
        job->input = bp_calloc(1, sizeof *job->input);
    return job->input;
}

/* ---- a node that asks ---- */

int bp_job_input_said(struct bp_job *job, const struct data *data,
                      const struct bp_stream_head *head, const uint8_t *body)
{
    static uint8_t bytes[BP_STREAM_FLOW_MAX], flow[BP_STREAM_DATA_MAX];
    struct input *input = job->input;
    struct part *part = bp_job_part(job, data->node);
    if (input == NULL || input->flow == NULL || part == NULL)
        return -EPROTO;
    part->fed = head->kind == BP_STREAM_FED;
    if (part->fed)
        return 0;
    if (bp_stream_backlog(data->stream) > BACKLOG_MAX)
        return -EPROTO; /* it asks again and again, and takes nothing */
    uint64_t place = bp_flow_decode(body);
    ssize_t got;
    while ((got = bp_flow_read(input->flow, place, bytes, sizeof bytes)) > 0) {
        say(data->stream, BP_STREAM_FLOW, flow, bp_flow_encode(place, bytes, (size_t)got, flow));
        place += (uint64_t)got;
    }
    return 0; /* what is not kept was taken by every rank that still reads */
}

/* ---- what is sent ---- */

static void send_flow(struct bp_job *job, const struct data *data, const void *body, size_t length)
{
    const struct part *part = bp_job_part(job, data->node);
    if (part != NULL && !part->fed)
        say(data->stream, BP_STREAM_FLOW, body, length);
}

static void begin_passing(struct bp_job *job, struct input *input)
{
    const struct data *data;
    input->flow = bp_flow_new(input->place);
    DL_FOREACH(job->data, data)
        say(data->stream, BP_STREAM_PASS, NULL, 0);
}

static void send_piece(struct bp_job *job, struct input *input, const void *bytes, size_t length)
{
    uint8_t body[BP_STREAM_PIECE_HEAD];
    const struct data *data;
    if (bp_flow_piece_encode(bytes, length, body) < 0) {
        job->events.lost(job->arg, "there is no SHA-256");
        return;
    }
    DL_FOREACH(job->data, data)
        say(data->stream, BP_STREAM_PIECE, body, sizeof body);
    bp_flow_put(input->flow, input->place, bytes, length);
    bp_flow_trust(input->flow);
    input->ends[(input->first + input->count++) % BP_FLOW_PIECES] = input->place + length;
}

int bp_job_input_room(struct bp_job *job, uint32_t under_way)
{
    struct input *input = input_of(job);
    uint64_t taken = input->place - under_way;
    while (input->count > 0 && input->ends[input->first] <= taken) {
        input->first = (input->first + 1) % BP_FLOW_PIECES;
        input->count--;
    }
    return input->count < BP_FLOW_PIECES - 1; /* the last is the end's */
}

void bp_job_input_all(struct bp_job *job, const void *bytes, size_t length)
{
    static uint8_t body[BP_STREAM_DATA_MAX];
    struct input *input = input_of(job);
    const struct data *data;
    if (input->flow == NULL && input->place >= PASS_BYTES && job->map->n_nodes > FEW &&
        length > 0 && job->passes)
        begin_passing(job, input);
    size_t body_length = bp_flow_encode(input->place, bytes, length, body);
    if (input->flow != NULL)
        send_piece(job, input, bytes, length);
    if (input->flow == NULL || length > 0)
        DL_FOREACH(job->data, data)
            send_flow(job, data, body, body_length);
    input->place += length;
}
