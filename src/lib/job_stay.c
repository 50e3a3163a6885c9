/* SPDX-License-Identifier: BSD-3-Clause */
/* job_stay.c - processes of a job that go on from node to node: their images pass through here, and
 * what each writes on its new node is the job's. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "lib/job_inner.h"

struct stay { /* of a process on a node, until nothing more can come of it from there */
    uint32_t number;
    struct bp_job *job;
    int from, to; /* to: -1 = home */
    uint64_t image;  /* by which `from` knows it; 0 = there is none */
    uint8_t wanted;  /* `to` has its space ready */
    uint8_t begun;   /* `from` has been asked for the image, and has not sent all of it */
    uint8_t held;    /* `from` is not read until `to` has taken more */
    uint8_t broken;  /* the connection of `from` */
    struct stay *prev, *next;
};

static struct bp_job *host_of(struct bp_job *job)
{
    return job->host != NULL ? job->host : job;
}

static struct stay *find(const struct bp_job *host, uint32_t number)
{
    struct stay *stay;
    DL_FOREACH(host->stays, stay)
        if (stay->number == number)
            return stay;
    return NULL;
}

void bp_job_stays_read(struct bp_job *host, int node)
{
    const struct stay *stay;
    struct data *data = bp_job_data_find(host, node);
    int paused = bp_job_is_paused(host);
    DL_FOREACH(host->stays, stay)
        paused |= stay->held && stay->from == node;
    if (data != NULL)
        bp_stream_pause(data->stream, paused);
}

static void stay_free(struct bp_job *host, struct stay *stay)
{
    int from = stay->held ? stay->from : -1;
    DL_DELETE(host->stays, stay);
    free(stay);
    if (from >= 0)
        bp_job_stays_read(host, from);
}

/* Ask the one when the other is ready. */
static void begin(struct bp_job *host, struct stay *stay)
{
    struct data *from = bp_job_data_find(host, stay->from);
    struct data *to = bp_job_data_find(host, stay->to);
    if (stay->wanted && stay->broken && to != NULL) { /* the end, where there should be more */
        bp_stream_send(to->stream, &(struct bp_stream_head){
            .kind = BP_STREAM_IMAGE, .rank = stay->number}, NULL);
        stay->broken = 0;
    }
    if (!stay->wanted || stay->image == 0 || from == NULL)
        return;
    bp_stream_send(from->stream, &(struct bp_stream_head){
        .kind = BP_STREAM_WANT, .rank = stay->number, .length = sizeof stay->image}, &stay->image);
    stay->image = 0;
    stay->begun = 1;
}

void bp_job_stay_open(struct bp_job *job, const Bpmix__JobEvent *event, int is_wanted)
{
    struct bp_job *host = host_of(job);
    struct stay *stay = bp_calloc(1, sizeof *stay);
    *stay = (struct stay){.number = event->number, .job = job, .from = event->status,
                          .to = event->node, .image = event->image,
                          .wanted = (uint8_t)is_wanted};
    DL_APPEND(host->stays, stay);
    begin(host, stay);
}

void bp_job_stay_failed(struct bp_job *job, uint32_t number)
{
    struct stay *stay = find(host_of(job), number);
    if (stay != NULL && stay->job == job)
        stay_free(host_of(job), stay);
}

static int pass_on(struct bp_job *host, struct data *data, struct stay *stay,
                   const struct bp_stream_head *head, const uint8_t *body, struct bp_error *err)
{
    struct data *to = bp_job_data_find(host, stay->to);
    if (!stay->begun || data->node != stay->from)
        return bp_error_set(err, -EPROTO, "node %d sends an image", data->node);
    if (head->length == 0)
        stay->begun = 0;
    if (stay->to < 0) { /* home */
        stay->job->events.image(stay->job->arg, stay->number, body, head->length);
        if (head->length == 0)
            stay_free(host, stay);
        return 0;
    }
    if (to == NULL)
        return 0; /* lost: bpmaster says so, too */
    bp_stream_send(to->stream, head, body);
    if (bp_stream_backlog(to->stream) <= BP_STREAM_HIGH || stay->held)
        return 0;
    stay->held = 1;
    bp_job_stays_read(host, stay->from);
    return 0;
}

int bp_job_stay_heard(struct bp_job *host, struct data *data, const struct bp_stream_head *head,
                      const uint8_t *body, struct bp_error *err)
{
    struct stay *stay = find(host, head->rank);
    if (stay == NULL && head->kind == BP_STREAM_WANT)
        bp_job_keep_want(host, data->node, head->rank);
    if (stay == NULL)
        return 0; /* early, or late */
    if (head->kind == BP_STREAM_IMAGE)
        return pass_on(host, data, stay, head, body, err);
    if (data->node != stay->to || (head->kind != BP_STREAM_WANT && head->kind != BP_STREAM_END))
        return bp_error_set(err, -EPROTO, "node %d speaks of a stay", data->node);
    if (head->kind == BP_STREAM_WANT) {
        stay->wanted = 1;
        begin(host, stay);
        return 0;
    }
    struct bp_job *job = stay->job;
    stay_free(host, stay);
    job->events.progress(job->arg);
    return 0;
}

void bp_job_stays_look(struct bp_job *host, int node)
{
    struct stay *stay;
    DL_FOREACH(host->stays, stay) {
        if (stay->from == node)
            begin(host, stay);
        if (stay->to != node || !stay->held)
            continue;
        stay->held = 0;
        bp_job_stays_read(host, stay->from);
    }
}

void bp_job_stays_node_gone(struct bp_job *host, int node)
{
    struct stay *stay, *next;
    DL_FOREACH_SAFE(host->stays, stay, next)
        if (stay->to == node || (stay->to < 0 && stay->from == node)) {
            stay_free(host, stay);
        } else if (stay->from == node && (stay->begun || stay->image != 0)) {
            stay->broken = 1;
            stay->begun = stay->held = 0;
            stay->image = 0;
            begin(host, stay);
        }
}

int bp_job_has_stays(const struct bp_job *job)
{
    const struct stay *stay;
    DL_FOREACH(job->host != NULL ? job->host->stays : job->stays, stay)
        if (stay->job == job)
            return 1;
    return 0;
}

void bp_job_stays_done(struct bp_job *job)
{
    struct stay *stay, *next;
    DL_FOREACH_SAFE(host_of(job)->stays, stay, next)
        if (stay->job == job || job->host == NULL)
            stay_free(host_of(job), stay);
}
