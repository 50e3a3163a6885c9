/* SPDX-License-Identifier: BSD-3-Clause */
/* onward.c - the one process of a job goes on from its node to another one. Its ghost, its PID and
 * its rank stay. It is made there while it waits here; when it runs there it changes its place, and
 * what is left here is killed. Signals in between wait, and go to where it is then. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/bproc_common.h>

#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"
#include "proto/relay.h"

#define RANK_BITS    17 /* a serial is a rank and, above it, which of its incarnations */
#define INCARNATIONS (1u << 15) /* then they begin anew: the old ones are long gone */

static uint64_t make_serial(const struct proc *proc, unsigned incarnation)
{
    return (proc->rank + 1) | (uint64_t)incarnation << RANK_BITS;
}

uint64_t job_serial(const struct job *job, const struct proc *proc)
{
    return make_serial(proc, job->onward.incarnation);
}

struct proc *job_proc(struct job *job, uint64_t serial)
{
    uint64_t number = serial & ((1u << RANK_BITS) - 1);
    if (number == 0 || number > job->proc_count || serial >> RANK_BITS != job->onward.incarnation)
        return NULL;
    return &job->procs[number - 1];
}

static unsigned next_incarnation(const struct job *job)
{
    return (job->onward.incarnation + 1) % INCARNATIONS;
}

static void tell_launcher(struct job *job, int kind, const struct node *to)
{
    const struct proc *proc = &job->procs[0];
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = (Bpmix__JobEvent__Kind)kind;
    event.node = to->number;
    event.status = job->places[proc->place].node->number;
    event.text = (char *)to->name;
    job_tell(job, &event);
}

static void create(struct job *job, struct place *place)
{
    const struct proc *proc = &job->procs[0];
    Bpmix__ProcCreate create = BPMIX__PROC_CREATE__INIT;
    Bpmix__Proc row = BPMIX__PROC__INIT, *rows = &row;
    row.serial = make_serial(proc, next_incarnation(job));
    row.pid = proc->pid;
    row.rank = proc->rank;
    create.procs = &rows;
    create.n_procs = 1;
    node_send(place->node, &(struct bp_frame){.type = BP_PROC_CREATE, .job = job->id,
                                              .node = place->node->number}, &create);
}

static void begin(struct job *job, struct node *node, struct tool *tool, uint64_t tag)
{
    struct place *place = job_place(job, node);
    int again = place != NULL;
    if (!again)
        place_add(job, node);
    place = job_place(job, node);
    job->onward.tool = tool;
    job->onward.tag = tag;
    job->onward.place = (unsigned)(place - job->places);
    job->onward.on = 1;
    tell_launcher(job, BPMIX__JOB_EVENT__KIND__MOVING, node);
    spaces_open_carried(job, job->onward.place, again);
    create(job, place);
}

static int check(const struct job *job, const struct proc *proc, const struct node *node,
                 struct bp_error *err)
{
    struct place *place = job_place((struct job *)job, node);
    if (proc != job->procs || job->in_place == 0 || job->host != NULL || job->parent != 0 ||
        job->proc_count != 1 ||
        job->tool == NULL || proc->state != PROC_RUNNING)
        return bp_error_set(err, -EOPNOTSUPP, "only a process that came to its node itself can go "
                            "on from there");
    if (job->onward.on || job->onward.next != NULL || proc->homing != NULL)
        return bp_error_set(err, -EBUSY, "it is on its way already");
    if (place == &job->places[proc->place])
        return bp_error_set(err, -BE_SAMENODE, "it is on node %d", node->number);
    if (place != NULL && place->ended)
        return bp_error_set(err, -BE_SLAVEDIED, "its space on node %d has ended", node->number);
    return 0;
}

int onward_frame(struct tool *tool, const struct bp_frame *frame, struct bp_error *err)
{
    if (tool->via == NULL)
        return bp_error_set(err, -EPERM, "only a process on a node goes on from there");
    struct proc *proc = nested_asker(tool, (int32_t)frame->job, err);
    struct job *job = tool->via_job;
    struct bp_person person = tool_person(tool);
    if (proc != NULL && frame->node == BPROC_NODE_MASTER)
        return home_ask(tool, frame->tag, job, proc, err);
    int r = proc == NULL ? err->code : place_check_node(job->master, frame->node, &person, err);
    struct node *node = node_get(job->master, frame->node);
    if (r == 0)
        r = check(job, proc, node, err);
    if (r < 0)
        return r;
    if (!job->onward.leaving) {
        begin(job, node, tool, frame->tag);
        return 0;
    }
    job->onward.next = tool; /* its PID may still be in use where it goes to */
    job->onward.next_tag = frame->tag;
    job->onward.next_node = frame->node;
    return 0;
}

int onward_signal(struct tool *tool, const Bpmix__JobForward *forward, struct bp_error *err)
{
    struct job *job = tool->via_job;
    Bpmix__ProcSignal signal = BPMIX__PROC_SIGNAL__INIT;
    if (job->in_place == 0 || job->proc_count != 1 || forward->signal < 1 || forward->signal > 64)
        return bp_error_set(err, -EPERM, "no signal of this process");
    signal.signal = forward->signal;
    signal.code = forward->code;
    signal.sender_pid = forward->sender_pid;
    signal.sender_uid = forward->sender_uid;
    signal.value = forward->value;
    job_signal(job, &job->procs[0], &signal);
    return 0;
}

/* It stays where it is. */
static void fail(struct job *job, int code, const char *text)
{
    struct tool *tool = bp_take_ptr(job->onward.tool);
    job->onward.on = 0;
    if (tool != NULL)
        tool_refuse(tool, job->onward.tag, code, text);
    job_flush_signals(job);
}

static void last_signal(struct job *job, const struct proc *proc, uint32_t signal)
{
    const struct place *place = &job->places[proc->place];
    Bpmix__ProcSignal last = BPMIX__PROC_SIGNAL__INIT;
    last.signal = signal;
    last.code = SI_QUEUE;
    last.value = BP_LEAVE_VALUE;
    node_send(place->node, &(struct bp_frame){.type = BP_PROC_SIGNAL, .job = job->id,
                                              .node = place->node->number,
                                              .tag = job_serial(job, proc)}, &last);
}

void onward_tell_old(struct job *job, const struct proc *proc)
{
    last_signal(job, proc, SIGCONT); /* it may have been stopped */
    last_signal(job, proc, BP_LEAVE_SIGNAL);
}

static void arrive(struct job *job)
{
    struct proc *proc = &job->procs[0];
    const struct place *before = &job->places[proc->place];
    onward_tell_old(job, proc);
    proc->place = job->onward.place;
    job->onward.incarnation = next_incarnation(job);
    job->onward.tool = NULL;
    job->onward.on = 0;
    job->onward.leaving = !before->ended;
    tell_launcher(job, BPMIX__JOB_EVENT__KIND__MOVED, job->places[proc->place].node);
    job_flush_signals(job);
}

/* A process that asks runs, also when its node has not said so yet. */
void onward_asks(struct job *job, const struct node *node, int32_t pid)
{
    if (job->onward.on && job->places[job->onward.place].node == node && job->procs[0].pid == pid)
        arrive(job);
}

/* The PID is free where it was. */
static void has_left(struct job *job)
{
    struct bp_error err = {0};
    struct tool *tool = bp_take_ptr(job->onward.next);
    struct node *node = node_get(job->master, job->onward.next_node);
    job->onward.leaving = 0;
    if (tool == NULL || job->closing)
        return;
    struct bp_person person = tool_person(tool);
    int r = place_check_node(job->master, job->onward.next_node, &person, &err);
    if (r == 0)
        r = check(job, &job->procs[0], node, &err);
    if (r == 0)
        begin(job, node, tool, job->onward.next_tag);
    else
        tool_refuse(tool, job->onward.next_tag, r, err.text);
}

static void heard_there(struct job *job, const struct bp_frame *frame, const uint8_t *body)
{
    struct bp_error err = {0};
    if (frame->type == BP_PROC_CREATED) {
        arrive(job);
    } else if (frame->type == BP_PROC_FAILED) {
        auto_unpack Bpmix__ProcFailed *failed =
            BP_UNPACK(ProcFailed, proc_failed, body, frame->length, &err);
        int code = failed != NULL && failed->errnum > 0 ? -failed->errnum : -EIO;
        fail(job, code, failed != NULL ? failed->text : err.text);
    } else if (frame->type == BP_PROC_EXIT) {
        fail(job, -BE_SLAVEDIED, "it was killed on its way");
    }
}

int onward_heard(struct job *job, const struct place *place, const struct bp_frame *frame,
                 const uint8_t *body)
{
    unsigned incarnation = (unsigned)(frame->tag >> RANK_BITS);
    unsigned index = (unsigned)(place - job->places);
    if (job->in_place == 0)
        return 0;
    if (incarnation == job->onward.incarnation) /* CREATED: it was faster, and has asked */
        return incarnation != 0 && frame->type == BP_PROC_CREATED;
    if (job->onward.on && index == job->onward.place && incarnation == next_incarnation(job))
        heard_there(job, frame, body);
    else if (frame->type == BP_PROC_EXIT && index != job->procs[0].place && job->onward.leaving)
        has_left(job);
    return 1;
}

void onward_place_ended(struct job *job, unsigned index)
{
    if (job->onward.on && index == job->onward.place)
        fail(job, -BE_SLAVEDIED, "the node was lost");
    else if (job->onward.leaving && index != job->procs[0].place)
        has_left(job);
}

void onward_tool_gone(struct tool *tool)
{
    struct job *job = tool->via_job;
    if (tool->via == NULL)
        return;
    if (job->onward.tool == tool)
        job->onward.tool = NULL;
    if (job->onward.next == tool)
        job->onward.next = NULL;
}
