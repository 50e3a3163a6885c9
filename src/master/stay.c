/* SPDX-License-Identifier: BSD-3-Clause */
/* stay.c - a process on a node that it has gone on to. For that node it is a guest with one
 * process, in the space of its job or of its job's host there; here it stays what it was. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/bproc_common.h>

#include "common/mem.h"
#include "master/master.h"
#include "proto/stream.h"

#define SERIAL 1 /* of the one process */

struct stay *stay_find(const struct master *master, uint64_t id)
{
    struct stay *stay;
    HASH_FIND(hh, master->stays, &id, sizeof id, stay);
    return stay;
}

static void tell(const struct stay *stay, unsigned type, uint64_t tag, const void *message)
{
    node_send(stay->node, &(struct bp_frame){.type = (uint16_t)type, .job = stay->id, .tag = tag,
                                             .node = stay->node->number}, message);
}

struct node *proc_node(const struct job *job, const struct proc *proc)
{
    return proc->stay != NULL ? proc->stay->node : job->places[proc->place].node;
}

int proc_where(const struct job *job, const struct proc *proc)
{
    return proc->resident != NULL ? BPROC_NODE_MASTER : proc_node(job, proc)->number;
}

void proc_signal(const struct job *job, const struct proc *proc, const Bpmix__ProcSignal *signal)
{
    const struct place *place = &job->places[proc->place];
    if (proc->resident != NULL)
        resident_signal(proc, signal);
    else if (proc->stay != NULL)
        tell(proc->stay, BP_PROC_SIGNAL, SERIAL, signal);
    else if (!place->ended)
        node_send(place->node, &(struct bp_frame){.type = BP_PROC_SIGNAL, .job = job->id,
                                                  .node = place->node->number,
                                                  .tag = (uint64_t)proc->rank + 1}, signal);
}

void stays_signal(const struct job *job, const Bpmix__ProcSignal *signal)
{
    const struct stay *stay;
    DL_FOREACH(job->stays, stay)
        if (stay->proc->stay == stay && stay->proc->state != PROC_GONE)
            tell(stay, BP_PROC_SIGNAL, SERIAL, signal);
}

int stay_open_host(struct job *host, struct node *node, struct bp_error *err)
{
    const struct place *place = job_place(host, node);
    if (place != NULL && place->ended)
        return bp_error_set(err, -BE_SLAVEDIED, "the job's space on node %d has ended",
                            node->number);
    if (place == NULL) {
        place_add(host, node);
        spaces_open_one(host, host->place_count - 1);
    }
    return 0;
}

static void create(const struct stay *stay)
{
    Bpmix__ProcCreate list = BPMIX__PROC_CREATE__INIT;
    Bpmix__Proc row = BPMIX__PROC__INIT, *rows = &row;
    row.serial = SERIAL;
    row.pid = stay->proc->pid;
    row.rank = stay->proc->rank;
    list.procs = &rows;
    list.n_procs = 1;
    tell(stay, BP_PROC_CREATE, 0, &list);
}

struct stay *stay_open(struct job *job, struct proc *proc, struct node *node,
                       const Bpmix__JobMove *move, struct bp_error *err)
{
    struct master *master = job->master;
    if (stay_open_host(job->host != NULL ? job->host : job, node, err) < 0)
        return NULL;
    struct stay *stay = bp_calloc(1, sizeof *stay);
    *stay = (struct stay){.id = master->next_job++, .job = job, .proc = proc, .node = node,
                          .number = BP_STREAM_STAYS | (uint32_t)master->last_stay++};
    HASH_ADD(hh, master->stays, id, sizeof stay->id, stay);
    DL_APPEND(job->stays, stay);
    space_open_stay(stay, move);
    create(stay);
    return stay;
}

void stay_close(struct stay *stay)
{
    if (!stay->closing)
        tell(stay, BP_SPACE_END, 0, NULL);
    stay->closing = 1;
}

void stays_close(struct job *job)
{
    struct stay *stay;
    DL_FOREACH(job->stays, stay)
        stay_close(stay);
}

static int is_coming(const struct stay *stay)
{
    return stay->proc->trip != NULL && stay->proc->trip->to == stay;
}

void stay_ended(struct stay *stay, int kind, const char *text)
{
    struct job *job = stay->job;
    struct proc *proc = stay->proc;
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = (Bpmix__JobEvent__Kind)kind;
    event.node = stay->node->number;
    event.text = (char *)text;
    stay->gone = stay->closing = 1;
    if (is_coming(stay))
        onward_fail(proc, job, -BE_SLAVEDIED, text[0] != '\0' ? text : "its space there ended");
    if (proc->stay == stay && proc->state != PROC_GONE && !job->closing && job->host != NULL)
        job_tell(job, &event); /* of its own spaces a job is told anyway */
    if (proc->stay == stay)
        job_proc_event(job, proc, PROC_EXIT, SIGKILL, NULL);
    else
        onward_has_left(job, proc);
    if (proc->stay == stay)
        proc->stay = NULL; /* nothing of it is anywhere */
    HASH_DEL(job->master->stays, stay);
    DL_DELETE(job->stays, stay);
    free(stay);
    job_check_end(job);
}

int stays_are_on(const struct job *job, const struct node *node)
{
    const struct stay *stay;
    DL_FOREACH(job->stays, stay)
        if (stay->node == node)
            return 1;
    return 0;
}

void stays_node_gone(struct master *master, const struct node *node, const char *text)
{
    struct stay *stay, *next;
    HASH_ITER(hh, master->stays, stay, next)
        if (stay->node == node)
            stay_ended(stay, BPMIX__JOB_EVENT__KIND__NODE_LOST, text);
}

/* ---- what its node says ---- */

static void did_not_start(struct stay *stay, const struct bp_frame *frame, const uint8_t *body)
{
    struct bp_error err = {0};
    auto_unpack Bpmix__ProcFailed *failed =
        BP_UNPACK(ProcFailed, proc_failed, body, frame->length, &err);
    int code = failed != NULL && failed->errnum > 0 ? -failed->errnum : -EIO;
    if (is_coming(stay))
        onward_fail(stay->proc, stay->job, code, failed != NULL ? failed->text : err.text);
    stay_close(stay);
}

/* It is not yet, or not any more, where the process is. */
static int said_aside(struct stay *stay, const struct bp_frame *frame, const uint8_t *body,
                      struct bp_error *err)
{
    switch (frame->type) {
    case BP_PROC_CREATED:
        if (is_coming(stay))
            onward_arrive(stay);
        break;
    case BP_PROC_FAILED:
        did_not_start(stay, frame, body);
        break;
    case BP_PROC_EXIT:
        stay->gone = 1;
        if (is_coming(stay))
            onward_fail(stay->proc, stay->job, -BE_SLAVEDIED, "it was killed on its way");
        stay_close(stay);
        onward_has_left(stay->job, stay->proc);
        break;
    default:
        if (!is_coming(stay) && !stay->gone)
            return onward_stopped_behind(stay->job, stay->proc, stay->node, frame, body, err);
        break;
    }
    return 0;
}

static int said(struct stay *stay, const struct bp_frame *frame, const uint8_t *body,
                struct bp_error *err)
{
    if (frame->tag != SERIAL)
        return bp_error_set(err, -EPERM, "a frame about process %llu, which is not there",
                            (unsigned long long)frame->tag);
    if (stay->proc->stay != stay)
        return said_aside(stay, frame, body, err);
    if (frame->type == BP_PROC_CREATED)
        return 0; /* it was faster, and has asked */
    int r = job_proc_frame(stay->job, stay->proc, frame, body, err);
    if (stay->proc->state == PROC_GONE)
        stay_close(stay);
    return r;
}

int stay_frame(struct stay *stay, const struct bp_frame *frame, const uint8_t *body,
               struct bp_error *err)
{
    switch (frame->type) {
    case BP_PROC_CREATED:
    case BP_PROC_EXIT:
    case BP_PROC_FAILED:
    case BP_PROC_STOPPED:
        return said(stay, frame, body, err);
    case BP_SPACE_ENDED:
        break;
    default:
        return bp_error_set(err, -EPROTO, "unexpected frame type %u", frame->type);
    }
    auto_unpack Bpmix__SpaceEnded *ended =
        BP_UNPACK(SpaceEnded, space_ended, body, frame->length, err);
    if (ended == NULL)
        return err->code;
    stay_ended(stay, BPMIX__JOB_EVENT__KIND__SPACE_LOST, ended->cause != 0 ? ended->text : "");
    return 0;
}
