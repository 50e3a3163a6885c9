/* SPDX-License-Identifier: BSD-3-Clause */
/* job_data.c - the data connections of a job and its guests: output, stdin, images. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "lib/job_inner.h"

#define WANTS_MAX 256 /* of guests that will perhaps never come: their callers have died */

static int find_key(void *arg, const char *identity, struct bp_key *ret_key)
{
    const struct bp_job *job = arg;
    if (strcmp(identity, "job") != 0)
        return -ENOENT;
    *ret_key = job->key;
    return 0;
}

int bp_job_data_init(struct bp_job *job, struct bp_error *err)
{
    memcpy(job->key.bytes, job->map->key.data, BP_KEY_BYTES);
    job->tls = bp_tls_server_new(find_key, job, err);
    return job->tls != NULL ? 0 : err->code;
}

static void data_free(struct data *data)
{
    DL_DELETE(data->job->data, data);
    bp_stream_free(data->stream);
    free(data);
}

void bp_job_data_done(struct bp_job *job)
{
    struct data *data, *next;
    struct want *want, *next_want;
    bp_job_stays_done(job);
    DL_FOREACH_SAFE(job->data, data, next)
        data_free(data);
    DL_FOREACH_SAFE(job->wants, want, next_want)
        free(want);
    bp_job_dry_done(job);
    free(job->moved);
    SSL_CTX_free(job->tls);
}

static uint32_t number_of(const uint8_t *body)
{
    uint32_t value;
    memcpy(&value, body, sizeof value);
    return value;
}

struct data *bp_job_data_find(const struct bp_job *job, int node)
{
    struct data *data;
    DL_FOREACH(job->host != NULL ? job->host->data : job->data, data)
        if (data->node == node)
            return data;
    return NULL;
}

static void say(const struct bp_job *job, struct data *data, unsigned kind, unsigned channel,
                const void *body, size_t length)
{
    bp_stream_send(data->stream, &(struct bp_stream_head){.kind = (uint8_t)kind,
                                                          .channel = (uint8_t)channel,
                                                          .rank = job->map->first,
                                                          .length = (uint32_t)length}, body);
}

static void tell_stopped(struct bp_job *job, struct data *data)
{
    for (unsigned channel = 1; channel <= 2; channel++)
        if (job->stopped[channel])
            say(job, data, BP_STREAM_STOP, channel, NULL, 0);
}

static int has_moved(const struct bp_job *job, uint32_t rank, enum bp_moved how)
{
    return job->moved != NULL && (job->moved[rank] & how) != 0;
}

/* ---- the image ---- */

void bp_job_check_sent(struct bp_job *job)
{
    if (job->sending == NULL)
        return;
    for (size_t i = 0; i < job->map->n_nodes; i++)
        if (!job->parts[i].sent && !job->parts[i].lost)
            return;
    bp_sending_end(job->sending, &(struct bp_error){0});
}

static void send_digests(const struct bp_job *job, struct data *data, struct part *part)
{
    size_t bytes;
    const uint8_t *digests = bp_sending_digests(job->sending, &bytes);
    while (part->digest_bytes < bytes) {
        size_t length = bytes - part->digest_bytes;
        if (length > BP_STREAM_DATA_MAX)
            length = BP_STREAM_DATA_MAX;
        say(job, data, BP_STREAM_DIGESTS, 0, digests + part->digest_bytes, length);
        part->digest_bytes += length;
    }
}

static void send_all_digests(struct bp_job *job)
{
    struct data *data;
    DL_FOREACH(job->data, data) {
        struct part *part = bp_job_part(job, data->node);
        if (part != NULL)
            send_digests(job, data, part);
    }
}

static void feed(struct bp_job *job, struct data *data)
{
    struct part *part = bp_job_part(job, data->node);
    struct bp_error err = {0};
    if (job->sending == NULL || part == NULL || !part->wants_image)
        return;
    int r = bp_sending_feed(job->sending, data->stream, job->map->first, &part->image_offset, &err);
    if (r != 0)
        part->wants_image = 0;
    send_all_digests(job);
    if (r < 0)
        bp_sending_end(job->sending, &err);
    if (r > 0 && !job->relay) {
        part->sent = 1;
        bp_job_check_sent(job);
    }
}

static void on_drained(void *arg)
{
    struct data *data = arg;
    struct bp_job *guest;
    feed(data->job, data);
    bp_job_stays_look(data->job, data->node);
    DL_FOREACH(data->job->guests, guest)
        feed(guest, data);
}

/* It belongs to the map, as if it had come with it. */
static void add_node(struct bp_job *job, int number, const char *name)
{
    size_t count = job->map->n_nodes;
    Bpmix__Node *node = bp_calloc(1, sizeof *node);
    bpmix__node__init(node);
    node->number = number;
    node->name = bp_strdup(name);
    job->map->nodes = bp_realloc(job->map->nodes, count + 1, sizeof *job->map->nodes);
    job->map->nodes[count] = node;
    job->map->n_nodes++;
    job->parts = bp_realloc(job->parts, count + 1, sizeof *job->parts);
    job->parts[count] = (struct part){.sent = 1, .whole = 1}; /* until it has a connection */
}

void bp_job_keep_want(struct bp_job *host, int node, uint32_t number)
{
    struct want *want = host->wants;
    if (host->want_count == WANTS_MAX)
        DL_DELETE(host->wants, want);
    else
        want = bp_calloc(1, sizeof *want);
    host->want_count += host->want_count < WANTS_MAX;
    want->node = node;
    want->first = number;
    DL_APPEND(host->wants, want);
}

static int take_want(struct bp_job *host, int node, uint32_t number)
{
    struct want *want;
    DL_FOREACH(host->wants, want)
        if (want->node == node && want->first == number)
            break;
    if (want == NULL)
        return 0;
    DL_DELETE(host->wants, want);
    host->want_count--;
    free(want);
    return 1;
}

void bp_job_data_moving(struct bp_job *job, const Bpmix__JobEvent *event)
{
    struct bp_job *host = job->host != NULL ? job->host : job;
    if (bp_job_part(job, event->node) == NULL)
        add_node(job, event->node, event->text);
    if (job->moved == NULL)
        job->moved = bp_calloc(job->map->n_ranks, 1);
    job->moved[event->rank] |= BP_MOVED_SETS_OUT;
    bp_job_stay_open(job, event, take_want(host, event->node, event->number));
}

void bp_job_data_fetch(struct bp_job *job, const Bpmix__JobEvent *event)
{
    if (event->text[0] == '\0') {
        bp_job_stay_failed(job, event->number);
        job->events.not_coming(job->arg, event->number);
        return;
    }
    if (bp_job_part(job, event->status) == NULL)
        add_node(job, event->status, event->text);
    job->events.coming(job->arg, event);
    if (event->image != 0) /* else it becomes a program here */
        bp_job_stay_open(job, event, 1);
}

void bp_job_data_moved(struct bp_job *job, const Bpmix__JobEvent *event)
{
    struct data *data = bp_job_data_find(job, event->node);
    Bpmix__Rank *rank = job->map->ranks[event->rank];
    if (rank->node == event->node) {
        bp_job_stay_failed(job, event->number);
        return;
    }
    if (job->moved == NULL)
        job->moved = bp_calloc(job->map->n_ranks, 1);
    job->moved[event->rank] |= BP_MOVED_SETS_OUT | BP_MOVED_WENT;
    if (event->node < 0) {
        bp_job_dry_home(job, event->rank);
        return;
    }
    bp_job_dry_moved(job, event->rank, event->node);
    rank->node = event->node;
    if (data != NULL)
        tell_stopped(job, data);
}

/* What nodes say that pass an image on, or have guests: those must be open there first. */
static int image_said(struct bp_job *job, struct data *data, const struct bp_stream_head *head,
                      const uint8_t *body, struct bp_error *err)
{
    struct part *part = bp_job_part(job, data->node);
    if ((!job->relay && job->host == NULL) || part == NULL)
        return bp_error_set(err, -EPROTO, "node %d speaks of an image", data->node);
    if (head->kind == BP_STREAM_HAVE) {
        part->wants_image = 0;
        part->sent = 1;
        bp_job_check_sent(job);
        return 0;
    }
    memcpy(&part->image_offset, body, sizeof part->image_offset);
    part->wants_image = 1;
    feed(job, data);
    return 0;
}

void bp_job_data_welcome(struct bp_job *guest)
{
    struct bp_job *host = guest->host;
    struct want *want, *next;
    DL_FOREACH_SAFE(host->wants, want, next) {
        struct part *part = bp_job_part(guest, want->node);
        if (want->first != guest->map->first)
            continue;
        if (part != NULL)
            part->wants_image = 1;
        DL_DELETE(host->wants, want);
        host->want_count--;
        free(want);
    }
}

void bp_job_send_image(struct bp_job *job, const struct bp_image_source *source)
{
    job->sending = bp_sending_new(source);
    job->relay = source->relay;
    for (size_t i = 0; i < job->map->n_nodes; i++) {
        struct data *data = bp_job_data_find(job, job->map->nodes[i]->number);
        if (!job->relay && job->host == NULL)
            job->parts[i].wants_image = 1;
        if (data != NULL)
            feed(job, data);
    }
}

/* ---- what a node says ---- */

static int heard(struct bp_job *job, uint32_t rank, int node, const struct bp_stream_head *head,
                 const uint8_t *body, struct bp_error *err)
{
    switch (head->kind) {
    case BP_STREAM_DATA:
    case BP_STREAM_EOF:
        if (head->channel == 0)
            return bp_error_set(err, -EPROTO, "stdin from a node");
        if (!job->stopped[head->channel])
            job->events.output(job->arg, rank, head->channel, body, head->length);
        return 0;
    case BP_STREAM_CREDIT:
        job->events.credit(job->arg, rank, number_of(body));
        return 0;
    case BP_STREAM_LEFT:
        job->events.left(job->arg, rank, number_of(body));
        return 0;
    case BP_STREAM_DRY:
        bp_job_dry_heard(job, rank, node);
        return 0;
    default:
        return bp_error_set(err, -EPROTO, "unexpected data");
    }
}

/* Whose rank has this number on the data connections? NULL = nobody's any more. */
static struct bp_job *job_of(struct bp_job *host, uint32_t rank)
{
    struct bp_job *guest;
    if (rank < host->map->n_ranks)
        return host;
    DL_FOREACH(host->guests, guest)
        if (rank >= guest->map->first && rank - guest->map->first < guest->map->n_ranks)
            return guest;
    return NULL;
}

static int on_end(struct bp_job *job, const struct data *data, struct bp_error *err)
{
    struct part *part = bp_job_part(job, data->node);
    if (job->host == NULL)
        return bp_error_set(err, -ENODATA, "at its end");
    if (part != NULL)
        part->whole = 1;
    job->events.progress(job->arg);
    return 0;
}

static int is_foreign(const struct bp_job *job, uint32_t rank, int node)
{
    return !has_moved(job, rank, BP_MOVED_SETS_OUT) && job->map->ranks[rank]->node != node;
}

/* A node may speak for its own ranks only. */
static int on_data(void *arg, const struct bp_stream_head *head, const uint8_t *body,
                   struct bp_error *err)
{
    struct data *data = arg;
    if (head->rank >= BP_STREAM_STAYS)
        return bp_job_stay_heard(data->job, data, head, body, err);
    struct bp_job *job = job_of(data->job, head->rank);
    if (job == NULL && head->kind == BP_STREAM_WANT)
        bp_job_keep_want(data->job, data->node, head->rank);
    if (job == NULL)
        return head->rank == 0 ? bp_error_set(err, -EPROTO, "unexpected data") : 0;
    if (head->kind == BP_STREAM_END)
        return on_end(job, data, err);
    if (head->kind == BP_STREAM_WANT || head->kind == BP_STREAM_HAVE)
        return image_said(job, data, head, body, err);
    if (head->kind == BP_STREAM_LACK || head->kind == BP_STREAM_FED) {
        int r = bp_job_input_said(job, data, head, body);
        return r == 0 ? 0 : bp_error_set(err, r, "node %d speaks of stdin", data->node);
    }
    uint32_t rank = head->rank - job->map->first;
    if (is_foreign(job, rank, data->node))
        bp_job_hear(job); /* it has gone there, of which bpmaster's word is still to be read */
    if (is_foreign(job, rank, data->node))
        return bp_error_set(err, -EPROTO, "data of rank %u from node %d", rank, data->node);
    return heard(job, rank, data->node, head, body, err);
}

static void part_closed(struct bp_job *job, int node, const struct bp_error *why)
{
    struct part *part = bp_job_part(job, node);
    if (why->code != -ENODATA)
        snprintf(job->broken, sizeof job->broken, "%.150s",
                 why->code != 0 ? why->text : "closed before its end");
    bp_job_dry_closed(job, node);
    if (part == NULL)
        return;
    part->whole |= why->code == -ENODATA;
    part->sent = part->gone = 1;
    bp_job_check_sent(job);
}

static void on_closed(void *arg, const struct bp_error *why)
{
    struct data *data = arg;
    struct bp_job *job = data->job, *guest, *next;
    int node = data->node;
    if (why->code == -EPROTO)
        job->events.lost(job->arg, why->text);
    data_free(data);
    bp_job_stays_node_gone(job, node);
    part_closed(job, node, why);
    DL_FOREACH_SAFE(job->guests, guest, next) {
        part_closed(guest, node, &(struct bp_error){.code = -ECONNRESET, .text = "its host's end"});
        guest->events.progress(guest->arg);
    }
    job->events.progress(job->arg);
}

void bp_job_data_lost(struct bp_job *job)
{
    struct data *data, *next;
    DL_FOREACH_SAFE(job->data, data, next) {
        const struct part *part = bp_job_part(job, data->node);
        if (part == NULL || part->lost)
            data_free(data);
    }
}

void bp_job_data_add(struct bp_job *job, int node, int take_fd)
{
    static const struct bp_stream_events events = {
        .data = on_data, .drained = on_drained, .closed = on_closed};
    struct part *part = bp_job_part(job, node);
    struct data *data = bp_calloc(1, sizeof *data);
    struct bp_job *guest;
    data->job = job;
    data->node = node;
    data->stream = bp_stream_new(job->base, take_fd, job->map->plain ? NULL : job->tls, 0, &events,
                                 data);
    DL_APPEND(job->data, data);
    if (data->stream == NULL) {
        data_free(data);
        return;
    }
    bp_stream_pause(data->stream, bp_job_is_paused(job));
    tell_stopped(job, data);
    DL_FOREACH(job->guests, guest)
        tell_stopped(guest, data);
    if (part != NULL && part < job->parts + job->map_nodes) {
        part->wants_image = !job->relay;
        if (job->sending != NULL)
            send_digests(job, data, part);
    } else if (part != NULL) {
        part->whole = 0; /* a process went there: it has an image of its own */
    }
    on_drained(data);
    job->events.progress(job->arg);
}

/* ---- what the launcher wants ---- */

int bp_job_has_data(const struct bp_job *job, uint32_t rank)
{
    return bp_job_data_find(job, job->map->ranks[rank]->node) != NULL;
}

void bp_job_input(struct bp_job *job, uint32_t rank, const void *bytes, size_t length)
{
    struct data *data = bp_job_data_find(job, job->map->ranks[rank]->node);
    if (data == NULL || has_moved(job, rank, BP_MOVED_WENT)) /* it has no stdin there */
        return;
    bp_stream_send(data->stream, &(struct bp_stream_head){
        .kind = length > 0 ? BP_STREAM_DATA : BP_STREAM_EOF, .rank = job->map->first + rank,
        .length = (uint32_t)length}, bytes);
}

int bp_job_resize(struct bp_job *job, uint32_t rank, const struct winsize *size)
{
    struct data *data = bp_job_data_find(job, job->map->ranks[rank]->node);
    if (data == NULL)
        return -ENOTCONN;
    _Static_assert(sizeof *size == BP_STREAM_SIZE_BYTES, "the kernel's own order");
    bp_stream_send(data->stream, &(struct bp_stream_head){
        .kind = BP_STREAM_SIZE, .rank = job->map->first + rank, .length = BP_STREAM_SIZE_BYTES},
        size);
    return 0;
}

void bp_job_stop_output(struct bp_job *job, unsigned channel)
{
    struct data *data;
    if (job->stopped[channel])
        return;
    job->stopped[channel] = 1;
    DL_FOREACH(job->host != NULL ? job->host->data : job->data, data)
        say(job, data, BP_STREAM_STOP, channel, NULL, 0);
}

/* Guests and host share connections: they wait for each other. */
int bp_job_is_paused(const struct bp_job *job)
{
    const struct bp_job *host = job->host != NULL ? job->host : job, *guest;
    int paused = host->paused;
    DL_FOREACH(host->guests, guest)
        paused |= guest->paused;
    return paused;
}

void bp_job_pause(struct bp_job *job, int paused)
{
    struct data *data;
    job->paused = paused;
    DL_FOREACH(job->host != NULL ? job->host->data : job->data, data)
        bp_job_stays_read(data->job, data->node);
}
