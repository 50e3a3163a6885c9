/* SPDX-License-Identifier: BSD-3-Clause */
/* job.c - a job as its launcher sees it. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utlist.h>

#include "common/mem.h"
#include "lib/job.h"
#include "proto/key.h"
#include "proto/tls.h"

struct data { /* the data connection of one node */
    struct bp_job *job;
    int node;
    struct bp_stream *stream;
    uint64_t image_offset; /* so much of the image is on its way */
    int wants_image;       /* it has asked, or need not ask, and the end is not yet on its way */
    size_t digest_bytes;   /* so much of its pieces' digests is */
    struct data *prev, *next;
};

struct bp_job {
    struct event_base *base;
    struct bp_job_events events;
    void *arg;
    int fd;
    struct event *event;
    uint64_t id;
    Bpmix__JobMap *map;
    struct bp_key key;
    SSL_CTX *tls;
    struct data *data;
    int paused, ended;
    int stopped[3];
    uint8_t *whole;   /* by node of the map: its data connection came to its proper end */
    uint8_t *lost;    /* by node of the map: it is lost, its data connection may never end */
    struct bp_sending *sending; /* the image, or NULL */
    int relay;        /* the nodes pass it on, and ask for it where they need it */
    uint8_t *sent;    /* by node of the map: it has the image, or will take no more of it */
    char broken[160]; /* why the last one that broke did */
};

static int find_key(void *arg, const char *identity, struct bp_key *ret_key)
{
    const struct bp_job *job = arg;
    if (strcmp(identity, "job") != 0)
        return -ENOENT;
    *ret_key = job->key;
    return 0;
}

/* ---- data connections ---- */

static void data_free(struct data *data)
{
    DL_DELETE(data->job->data, data);
    bp_stream_free(data->stream);
    free(data);
}

static uint32_t number_of(const uint8_t *body)
{
    uint32_t value;
    memcpy(&value, body, sizeof value);
    return value;
}

static size_t node_index(const struct bp_job *job, int node)
{
    size_t i = 0;
    while (i < job->map->n_nodes && job->map->nodes[i]->number != node)
        i++;
    return i;
}

/* ---- the image ---- */

static void check_sent(struct bp_job *job)
{
    if (job->sending == NULL)
        return;
    for (size_t i = 0; i < job->map->n_nodes; i++)
        if (!job->sent[i] && !job->lost[i])
            return;
    bp_sending_end(job->sending, &(struct bp_error){0});
}

static void send_digests(struct data *data)
{
    size_t bytes;
    const uint8_t *digests = bp_sending_digests(data->job->sending, &bytes);
    while (data->digest_bytes < bytes) {
        size_t length = bytes - data->digest_bytes;
        if (length > BP_STREAM_DATA_MAX)
            length = BP_STREAM_DATA_MAX;
        bp_stream_send(data->stream, &(struct bp_stream_head){.kind = BP_STREAM_DIGESTS,
                                                              .length = (uint32_t)length},
                       digests + data->digest_bytes);
        data->digest_bytes += length;
    }
}

static void on_data_drained(void *arg)
{
    struct data *data = arg, *other;
    struct bp_job *job = data->job;
    struct bp_error err = {0};
    if (job->sending == NULL || !data->wants_image)
        return;
    int r = bp_sending_feed(job->sending, data->stream, &data->image_offset, &err);
    if (r != 0)
        data->wants_image = 0;
    DL_FOREACH(job->data, other)
        send_digests(other);
    if (r < 0)
        bp_sending_end(job->sending, &err);
    if (r > 0 && !job->relay) {
        job->sent[node_index(job, data->node)] = 1;
        check_sent(job);
    }
}

/* What nodes that pass an image on say. */
static int image_said(struct data *data, const struct bp_stream_head *head, const uint8_t *body,
                      struct bp_error *err)
{
    struct bp_job *job = data->job;
    if (!job->relay)
        return bp_error_set(err, -EPROTO, "node %d speaks of an image", data->node);
    if (head->kind == BP_STREAM_HAVE) {
        data->wants_image = 0;
        job->sent[node_index(job, data->node)] = 1;
        check_sent(job);
        return 0;
    }
    memcpy(&data->image_offset, body, sizeof data->image_offset);
    data->wants_image = 1;
    on_data_drained(data);
    return 0;
}

/* A node may speak for its own ranks only. */
static int on_data(void *arg, const struct bp_stream_head *head, const uint8_t *body,
                   struct bp_error *err)
{
    struct data *data = arg;
    struct bp_job *job = data->job;
    if (head->kind == BP_STREAM_END)
        return bp_error_set(err, -ENODATA, "at its end");
    if (head->kind == BP_STREAM_WANT || head->kind == BP_STREAM_HAVE)
        return image_said(data, head, body, err);
    if (head->rank >= job->map->n_ranks || job->map->ranks[head->rank]->node != data->node)
        return bp_error_set(err, -EPROTO, "data of rank %u from node %d", head->rank, data->node);
    switch (head->kind) {
    case BP_STREAM_DATA:
    case BP_STREAM_EOF:
        if (head->channel == 0)
            return bp_error_set(err, -EPROTO, "stdin from a node");
        if (!job->stopped[head->channel])
            job->events.output(job->arg, head->rank, head->channel, body, head->length);
        return 0;
    case BP_STREAM_CREDIT:
        job->events.credit(job->arg, head->rank, number_of(body));
        return 0;
    case BP_STREAM_LEFT:
        job->events.left(job->arg, head->rank, number_of(body));
        return 0;
    default:
        return bp_error_set(err, -EPROTO, "unexpected data from node %d", data->node);
    }
}

static void on_data_closed(void *arg, const struct bp_error *why)
{
    struct data *data = arg;
    struct bp_job *job = data->job;
    if (why->code == -EPROTO)
        job->events.lost(job->arg, why->text);
    if (why->code == -ENODATA)
        job->whole[node_index(job, data->node)] = 1;
    else
        snprintf(job->broken, sizeof job->broken, "%.150s",
                 why->code != 0 ? why->text : "closed before its end");
    if (job->sent != NULL)
        job->sent[node_index(job, data->node)] = 1;
    data_free(data);
    check_sent(job);
    job->events.progress(job->arg);
}

void bp_job_send_image(struct bp_job *job, const struct bp_image_source *source)
{
    struct data *data;
    job->sending = bp_sending_new(source);
    job->sent = bp_calloc(job->map->n_nodes, sizeof *job->sent);
    job->relay = source->relay;
    DL_FOREACH(job->data, data) {
        data->wants_image = !job->relay;
        on_data_drained(data);
    }
}

static void add_data(struct bp_job *job, int node, int fd)
{
    static const struct bp_stream_events events = {
        .data = on_data, .drained = on_data_drained, .closed = on_data_closed};
    if (node_index(job, node) == job->map->n_nodes) {
        close(fd);
        return;
    }
    struct data *data = bp_calloc(1, sizeof *data);
    data->job = job;
    data->node = node;
    data->stream = bp_stream_new(job->base, fd, job->tls, 0, &events, data);
    DL_APPEND(job->data, data);
    if (data->stream == NULL) {
        data_free(data);
        return;
    }
    bp_stream_pause(data->stream, job->paused);
    for (unsigned channel = 1; channel <= 2; channel++)
        if (job->stopped[channel])
            bp_stream_send(data->stream, &(struct bp_stream_head){
                .kind = BP_STREAM_STOP, .channel = (uint8_t)channel}, NULL);
    data->wants_image = !job->relay;
    if (job->sending != NULL)
        send_digests(data);
    on_data_drained(data);
    job->events.progress(job->arg);
}

static struct data *data_of_rank(const struct bp_job *job, uint32_t rank)
{
    struct data *data;
    DL_FOREACH(job->data, data)
        if (data->node == job->map->ranks[rank]->node)
            return data;
    return NULL;
}

int bp_job_has_data(const struct bp_job *job, uint32_t rank)
{
    return data_of_rank(job, rank) != NULL;
}

void bp_job_input(struct bp_job *job, uint32_t rank, const void *bytes, size_t length)
{
    struct data *data = data_of_rank(job, rank);
    if (data == NULL)
        return;
    bp_stream_send(data->stream, &(struct bp_stream_head){
        .kind = length > 0 ? BP_STREAM_DATA : BP_STREAM_EOF, .rank = rank,
        .length = (uint32_t)length}, bytes);
}

int bp_job_resize(struct bp_job *job, uint32_t rank, const struct winsize *size)
{
    struct data *data = data_of_rank(job, rank);
    if (data == NULL)
        return -ENOTCONN;
    _Static_assert(sizeof *size == BP_STREAM_SIZE_BYTES, "the kernel's own order");
    bp_stream_send(data->stream, &(struct bp_stream_head){
        .kind = BP_STREAM_SIZE, .rank = rank, .length = BP_STREAM_SIZE_BYTES}, size);
    return 0;
}

void bp_job_stop_output(struct bp_job *job, unsigned channel)
{
    struct data *data;
    if (job->stopped[channel])
        return;
    job->stopped[channel] = 1;
    DL_FOREACH(job->data, data)
        bp_stream_send(data->stream, &(struct bp_stream_head){
            .kind = BP_STREAM_STOP, .channel = (uint8_t)channel}, NULL);
}

void bp_job_pause(struct bp_job *job, int paused)
{
    struct data *data;
    job->paused = paused;
    DL_FOREACH(job->data, data)
        bp_stream_pause(data->stream, paused);
}

/* ---- bpmaster ---- */

static void lose_master(struct bp_job *job, const char *why)
{
    if (job->ended)
        return;
    job->ended = 1;
    event_del(job->event);
    job->events.lost(job->arg, why);
    job->events.progress(job->arg);
}

static void on_event_frame(struct bp_job *job, const struct bp_local_message *message)
{
    struct bp_error err;
    auto_unpack Bpmix__JobEvent *event =
        BP_UNPACK(JobEvent, job_event, message->body, message->frame.length, &err);
    if (event == NULL || event->rank >= job->map->n_ranks) {
        lose_master(job, "bpmaster talks nonsense");
        return;
    }
    size_t node = node_index(job, event->node);
    if (event->kind == BPMIX__JOB_EVENT__KIND__NODE_LOST && node < job->map->n_nodes)
        job->lost[node] = 1;
    check_sent(job);
    job->events.event(job->arg, event);
}

/* All is over: what a lost node sent before has long been read, and no more will come. */
static void on_end_frame(struct bp_job *job)
{
    struct data *data, *next;
    job->ended = 1;
    event_del(job->event);
    DL_FOREACH_SAFE(job->data, data, next)
        if (job->lost[node_index(job, data->node)])
            data_free(data);
    job->events.progress(job->arg);
}

static void on_message(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct bp_job *job = arg;
    struct bp_local_message message;
    struct bp_error err = {0};
    int r = bp_local_receive(fd, BP_PEER_MASTER, BP_PEER_TOOL, &message, &err);
    if (r == -EAGAIN)
        return;
    if (r <= 0) {
        lose_master(job, r == 0 ? "bpmaster has gone" : err.text);
        return;
    }
    if (message.frame.type == BP_JOB_EVENT) {
        on_event_frame(job, &message);
    } else if (message.frame.type == BP_JOB_STREAM && message.fd_count == 1) {
        add_data(job, message.frame.node, bp_take_fd(message.fds[0]));
    } else if (message.frame.type == BP_JOB_END) {
        on_end_frame(job);
    }
    bp_local_done(&message);
}

/* Frames to bpmaster are few and small: waiting for room is right, and short. */
static void send_frame(struct bp_job *job, unsigned type, const void *message)
{
    size_t length;
    auto_free uint8_t *body = bp_pack(message, &length);
    struct bp_frame frame = {.type = (uint16_t)type, .job = job->id, .length = (uint32_t)length};
    if (job->ended)
        return;
    while (bp_local_send(job->fd, &frame, body, NULL, 0) == -EAGAIN) {
        struct pollfd writable = {.fd = job->fd, .events = POLLOUT};
        if (poll(&writable, 1, 1000) <= 0)
            return;
    }
}

void bp_job_kill(struct bp_job *job, unsigned signal)
{
    Bpmix__JobKill kill = BPMIX__JOB_KILL__INIT;
    kill.signal = signal;
    send_frame(job, BP_JOB_KILL, &kill);
}

void bp_job_forward(struct bp_job *job, unsigned signal, int code, int sender_pid,
                    unsigned sender_uid, uint64_t value)
{
    Bpmix__JobForward forward = BPMIX__JOB_FORWARD__INIT;
    forward.signal = signal;
    forward.code = code;
    forward.sender_pid = sender_pid;
    forward.sender_uid = sender_uid;
    forward.value = value;
    send_frame(job, BP_JOB_FORWARD, &forward);
}

/* ---- opening ---- */

struct bp_job *bp_job_attach(struct event_base *base, struct bp_launch *launch,
                             const struct bp_job_events *events, void *arg, struct bp_error *err)
{
    struct bp_job *job = bp_calloc(1, sizeof *job);
    *job = (struct bp_job){.base = base, .events = *events, .arg = arg,
                           .fd = bp_take_fd(launch->fd), .map = launch->map,
                           .id = launch->map->job};
    launch->map = NULL;
    job->whole = bp_calloc(job->map->n_nodes, sizeof *job->whole);
    job->lost = bp_calloc(job->map->n_nodes, sizeof *job->lost);
    memcpy(job->key.bytes, job->map->key.data, BP_KEY_BYTES);
    job->tls = bp_tls_server_new(find_key, job, err);
    if (job->tls == NULL) {
        bp_job_free(job);
        return NULL;
    }
    evutil_make_socket_nonblocking(job->fd);
    job->event = event_new(base, job->fd, EV_READ | EV_PERSIST, on_message, job);
    event_add(job->event, NULL);
    return job;
}

void bp_job_free(struct bp_job *job)
{
    struct data *data, *next;
    if (job == NULL)
        return;
    DL_FOREACH_SAFE(job->data, data, next)
        data_free(data);
    if (job->event != NULL)
        event_free(job->event);
    if (job->fd >= 0)
        close(job->fd);
    SSL_CTX_free(job->tls);
    bp_sending_free(job->sending);
    free(job->sent);
    free(job->whole);
    free(job->lost);
    bp_unpack_free(job->map);
    explicit_bzero(&job->key, sizeof job->key);
    free(job);
}

const Bpmix__JobMap *bp_job_map(const struct bp_job *job)
{
    return job->map;
}

const char *bp_job_node_name(const struct bp_job *job, int node)
{
    for (size_t i = 0; i < job->map->n_nodes; i++)
        if (job->map->nodes[i]->number == node)
            return job->map->nodes[i]->name;
    return "?";
}

int bp_job_incomplete(const struct bp_job *job, struct bp_error *err)
{
    for (size_t i = 0; i < job->map->n_nodes; i++)
        if (!job->whole[i])
            return bp_error_set(err, -ENODATA,
                                "%s: part of the output may be lost: its data connection %s%s",
                                job->map->nodes[i]->name,
                                job->broken[0] != '\0' ? "broke: " : "has not come to its end",
                                job->broken);
    return 0;
}

int bp_job_has_ended(const struct bp_job *job)
{
    return job->ended;
}

int bp_job_is_paused(const struct bp_job *job)
{
    return job->paused;
}

int bp_job_is_over(const struct bp_job *job)
{
    return job->ended && job->data == NULL;
}
