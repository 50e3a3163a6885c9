/* SPDX-License-Identifier: BSD-3-Clause */
/* job.c - a job as its launcher sees it: what bpmaster tells. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "lib/job_inner.h"

struct part *bp_job_part(struct bp_job *job, int node)
{
    for (size_t i = 0; i < job->map->n_nodes; i++)
        if (job->map->nodes[i]->number == node)
            return &job->parts[i];
    return NULL;
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
    if (event->kind == BPMIX__JOB_EVENT__KIND__MOVING) {
        bp_job_data_moving(job, event);
        return;
    }
    if (event->kind == BPMIX__JOB_EVENT__KIND__FETCH) {
        bp_job_data_fetch(job, event);
        return;
    }
    if (event->kind == BPMIX__JOB_EVENT__KIND__MOVED)
        bp_job_data_moved(job, event);
    struct part *part = bp_job_part(job, event->node);
    if (event->kind == BPMIX__JOB_EVENT__KIND__NODE_LOST && part != NULL)
        part->lost = 1;
    if (event->kind == BPMIX__JOB_EVENT__KIND__NODE_LOST)
        bp_job_dry_closed(job, event->node);
    bp_job_check_sent(job);
    job->events.event(job->arg, event);
}

/* All is over: what a lost node sent before has long been read, and no more will come. */
static void on_end_frame(struct bp_job *job)
{
    job->ended = 1;
    event_del(job->event);
    bp_job_data_lost(job);
    job->events.progress(job->arg);
}

/* 1 = there was something, and there may be more. */
static int take_message(struct bp_job *job)
{
    struct bp_local_message message;
    struct bp_error err = {0};
    int r = bp_local_receive(job->fd, BP_PEER_MASTER, BP_PEER_TOOL, &message, &err);
    if (r == -EAGAIN)
        return 0;
    if (r <= 0) {
        lose_master(job, r == 0 ? "bpmaster has gone" : err.text);
        return 0;
    }
    if (message.frame.type == BP_JOB_EVENT) {
        on_event_frame(job, &message);
    } else if (message.frame.type == BP_JOB_STREAM && message.fd_count == 1) {
        bp_job_data_add(job, message.frame.node, bp_take_fd(message.fds[0]));
    } else if (message.frame.type == BP_JOB_END) {
        job->end_due = 1; /* not in the middle of what a node says */
        event_active(job->event, EV_READ, 0);
    }
    bp_local_done(&message);
    return !job->end_due;
}

static void on_message(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct bp_job *job = arg;
    if (job->end_due)
        on_end_frame(job);
    else
        take_message(job);
}

void bp_job_hear(struct bp_job *job)
{
    while (!job->ended && !job->end_due && take_message(job))
        ;
}

/* Frames to bpmaster are few and small: waiting for room is right, and short. */
static void send_with(struct bp_job *job, unsigned type, const void *message, const int *fds,
                      unsigned fd_count)
{
    size_t length = 0;
    auto_free uint8_t *body = message != NULL ? bp_pack(message, &length) : NULL;
    struct bp_frame frame = {.type = (uint16_t)type, .job = job->id, .length = (uint32_t)length};
    if (job->ended)
        return;
    while (bp_local_send(job->fd, &frame, body, fds, fd_count) == -EAGAIN) {
        struct pollfd writable = {.fd = job->fd, .events = POLLOUT};
        if (poll(&writable, 1, 1000) <= 0)
            return;
    }
}

static void send_frame(struct bp_job *job, unsigned type, const void *message)
{
    send_with(job, type, message, NULL, 0);
}

void bp_job_home(struct bp_job *job, uint32_t number, int reaps, const int *fds, unsigned files)
{
    Bpmix__JobHome home = BPMIX__JOB_HOME__INIT;
    home.number = number;
    home.reaps = reaps;
    send_with(job, BP_JOB_HOME, &home, fds, BP_JOB_HOME_FDS + files);
}

void bp_job_not_home(struct bp_job *job, uint32_t number, const struct bp_error *why)
{
    Bpmix__JobHome home = BPMIX__JOB_HOME__INIT;
    home.number = number;
    home.code = why->code < 0 ? -why->code : EIO;
    home.text = (char *)why->text;
    send_frame(job, BP_JOB_HOME, &home);
}

void bp_job_reaped(struct bp_job *job, uint32_t rank, int status, const struct rusage *usage)
{
    Bpmix__JobReaped how = BPMIX__JOB_REAPED__INIT;
    how.rank = rank;
    how.status = status;
    how.cpu_us = (uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000 +
                 (uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
    how.maxrss_kib = (uint32_t)usage->ru_maxrss;
    send_frame(job, BP_JOB_REAPED, &how);
}

/* What that rank wrote on its nodes has been written. */
void bp_job_drained(struct bp_job *job, uint32_t rank)
{
    Bpmix__JobHome home = BPMIX__JOB_HOME__INIT;
    home.rank = rank;
    send_frame(job, BP_JOB_DRAINED, &home);
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

static struct bp_job *attach(struct event_base *base, struct bp_launch *launch,
                             const struct bp_job_events *events, void *arg)
{
    struct bp_job *job = bp_calloc(1, sizeof *job);
    *job = (struct bp_job){.base = base, .events = *events, .arg = arg,
                           .fd = bp_take_fd(launch->fd), .map = launch->map,
                           .id = launch->map->job};
    launch->map = NULL;
    job->map_nodes = job->map->n_nodes;
    job->parts = bp_calloc(job->map->n_nodes, sizeof *job->parts);
    evutil_make_socket_nonblocking(job->fd);
    job->event = event_new(base, job->fd, EV_READ | EV_PERSIST, on_message, job);
    event_add(job->event, NULL);
    return job;
}

struct bp_job *bp_job_attach(struct event_base *base, struct bp_launch *launch,
                             const struct bp_job_events *events, void *arg, struct bp_error *err)
{
    struct bp_job *job = attach(base, launch, events, arg);
    if (bp_job_data_init(job, err) == 0)
        return job;
    bp_job_free(job);
    return NULL;
}

struct bp_job *bp_job_attach_guest(struct bp_job *host, struct bp_launch *launch,
                                   const struct bp_job_events *events, void *arg)
{
    struct bp_job *job = attach(host->base, launch, events, arg);
    job->host = host;
    DL_APPEND(host->guests, job);
    bp_job_data_welcome(job);
    return job;
}

void bp_job_release(struct bp_job *job)
{
    send_frame(job, BP_JOB_RELEASE, NULL);
}

void bp_job_free(struct bp_job *job)
{
    if (job == NULL)
        return;
    if (job->host != NULL)
        DL_DELETE(job->host->guests, job);
    bp_job_data_done(job);
    bp_job_input_free(job);
    if (job->event != NULL)
        event_free(job->event);
    if (job->fd >= 0)
        close(job->fd);
    bp_sending_free(job->sending);
    free(job->parts);
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
    return node == -1 ? "master" : "?";
}

int bp_job_incomplete(const struct bp_job *job, struct bp_error *err)
{
    for (size_t i = 0; i < job->map->n_nodes; i++)
        if (!job->parts[i].whole)
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

/* A guest's data end by a word on connections that last. */
static int is_heard(const struct bp_job *job)
{
    for (size_t i = 0; job->host != NULL && i < job->map->n_nodes; i++)
        if (!job->parts[i].whole && !job->parts[i].lost && !job->parts[i].gone)
            return 0;
    return job->data == NULL && (job->host == NULL || !bp_job_has_stays(job));
}

int bp_job_is_over(const struct bp_job *job)
{
    return job->ended && is_heard(job);
}
