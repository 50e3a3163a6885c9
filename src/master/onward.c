/* SPDX-License-Identifier: BSD-3-Clause */
/* onward.c - a process that runs on a node goes on to another one. Its ghost, its PID and its rank
 * stay. It is made there while it waits where it is; when it runs there, what is left behind is
 * killed. Signals in between wait, and go to where it is then. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/bproc_common.h>

#include "common/mem.h"
#include "master/master.h"
#include "proto/relay.h"

static void tell_launcher(struct job *job, const struct proc *proc, int kind,
                          const struct node *node, const struct stay *stay)
{
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = (Bpmix__JobEvent__Kind)kind;
    event.rank = proc->rank;
    event.node = node->number;
    event.number = stay != NULL ? stay->number : 0;
    if (kind == BPMIX__JOB_EVENT__KIND__MOVING) {
        event.status = proc_node(job, proc)->number;
        event.text = (char *)node->name;
        event.image = proc->trip->move->start != BPMIX__START__EXEC ? proc->trip->tool->via_number
                                                                     : 0;
    }
    job_tell(job, &event);
}

/* ---- beginning ---- */

/* What it was there before has its PID, as long as it is there. */
static int is_left_on(const struct job *job, const struct proc *proc, const struct node *node)
{
    const struct stay *stay;
    if (proc->leaving && job->places[proc->place].node == node)
        return 1;
    DL_FOREACH(job->stays, stay)
        if (stay->proc == proc && stay->node == node && !stay->gone && stay != proc->stay)
            return 1;
    return 0;
}

static int check(const struct job *job, const struct proc *proc, int number,
                 const struct bp_person *person, struct bp_error *err)
{
    int r = place_check_node(job->master, number, person, err);
    if (r < 0)
        return r;
    if (job->closing || proc->state == PROC_GONE || proc->state == PROC_HELD)
        return bp_error_set(err, -ESRCH, "it is ending");
    if (job->request->mpi)
        return bp_error_set(err, -EOPNOTSUPP, "a rank of an MPI job stays where the others know "
                            "it (bprun --mpi=none starts ranks that may go)");
    if (job->request->pty != NULL && proc->rank == 0)
        return bp_error_set(err, -EOPNOTSUPP, "a process with a terminal stays at it");
    if (job->tool == NULL)
        return bp_error_set(err, -ESRCH, "its launcher has gone");
    if (proc_node(job, proc)->number == number)
        return bp_error_set(err, -BE_SAMENODE, "it is on node %d", number);
    return 0;
}

static void trip_free(struct proc *proc)
{
    bp_unpack_free(proc->trip->move);
    free(bp_take_ptr(proc->trip));
}

void trips_free(struct job *job)
{
    for (unsigned i = 0; i < job->proc_count; i++)
        if (job->procs[i].trip != NULL)
            trip_free(&job->procs[i]);
}

/* 0, or why not. */
static int begin(struct job *job, struct proc *proc, struct bp_error *err)
{
    struct trip *trip = proc->trip;
    struct node *node = node_get(job->master, trip->node);
    if (is_left_on(job, proc, node))
        return 0;
    trip->to = stay_open(job, proc, node, trip->move, err);
    if (trip->to == NULL)
        return err->code;
    tell_launcher(job, proc, BPMIX__JOB_EVENT__KIND__MOVING, node, trip->to);
    bp_unpack_free(bp_take_ptr(trip->move)); /* it can be big, and the way long */
    return 0;
}

int onward_frame(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                 struct bp_error *err)
{
    struct job *job;
    if (tool->via == NULL)
        return bp_error_set(err, -EPERM, "only a process on a node goes on from there");
    struct proc *proc = nested_asker(tool, (int32_t)frame->job, &job, err);
    if (proc == NULL)
        return err->code;
    if (proc->trip != NULL || proc->homing != NULL)
        return bp_error_set(err, -EBUSY, "it is on its way already");
    Bpmix__JobMove *move = BP_UNPACK(JobMove, job_move, body, frame->length, err);
    if (move == NULL)
        return err->code;
    if (frame->length == 0)
        move->start = BPMIX__START__SELF;
    int r = job_check_move(move, err);
    if (r == 0 && frame->node == BPROC_NODE_MASTER)
        return home_ask(tool, frame->tag, job, proc, move, err);
    struct bp_person person = tool_person(tool);
    if (r == 0)
        r = check(job, proc, frame->node, &person, err);
    if (r < 0) {
        bp_unpack_free(move);
        return r;
    }
    tool->mover_job = job->id;
    tool->mover_rank = proc->rank;
    proc->trip = bp_calloc(1, sizeof *proc->trip);
    *proc->trip = (struct trip){.tool = tool, .tag = frame->tag, .node = frame->node,
                                .move = move};
    r = begin(job, proc, err);
    if (r < 0)
        trip_free(proc);
    return r;
}

/* ---- on the way ---- */

int onward_is_on(const struct proc *proc)
{
    return proc->trip != NULL;
}

static struct proc *mover(const struct tool *tool, struct job **ret_job)
{
    *ret_job = tool->mover_job != 0 ? job_find(tool->master, tool->mover_job) : NULL;
    return *ret_job != NULL ? &(*ret_job)->procs[tool->mover_rank] : NULL;
}

int onward_signal(struct tool *tool, const Bpmix__JobForward *forward, struct bp_error *err)
{
    struct job *job;
    struct proc *proc = mover(tool, &job);
    Bpmix__ProcSignal signal = BPMIX__PROC_SIGNAL__INIT;
    if (tool->mover_job == 0 || forward->signal < 1 || forward->signal > 64)
        return bp_error_set(err, -EPERM, "no signal of this process");
    signal.signal = forward->signal;
    signal.code = forward->code;
    signal.sender_pid = forward->sender_pid;
    signal.sender_uid = forward->sender_uid;
    signal.value = forward->value;
    if (proc != NULL)
        job_signal(job, proc, &signal);
    return 0;
}

void onward_tool_gone(struct tool *tool)
{
    struct job *job;
    struct proc *proc = mover(tool, &job);
    if (proc == NULL || proc->trip == NULL || proc->trip->tool != tool)
        return;
    proc->trip->tool = NULL;
    if (proc->trip->to == NULL)
        onward_fail(proc, job, -ECONNRESET, "");
}

void onward_fail(struct proc *proc, struct job *job, int code, const char *text)
{
    struct stay *to = proc->trip->to;
    struct tool *tool = proc->trip->tool;
    uint64_t tag = proc->trip->tag;
    trip_free(proc);
    if (to != NULL)
        tell_launcher(job, proc, BPMIX__JOB_EVENT__KIND__MOVED, proc_node(job, proc), to);
    if (tool != NULL)
        tool_refuse(tool, tag, code, text);
    if (proc->state != PROC_GONE)
        job_flush_signals(job, proc);
}

void onward_ended(struct job *job, struct proc *proc)
{
    struct stay *to = proc->trip != NULL ? proc->trip->to : NULL;
    if (proc->trip != NULL)
        onward_fail(proc, job, -ESRCH, "it has ended");
    if (to != NULL)
        stay_close(to);
}

/* ---- arriving ---- */

static void signal_it(const struct job *job, const struct proc *proc, uint32_t number, int is_last)
{
    Bpmix__ProcSignal signal = BPMIX__PROC_SIGNAL__INIT;
    signal.signal = number;
    signal.code = is_last ? SI_QUEUE : SI_USER;
    signal.value = is_last ? BP_LEAVE_VALUE : 0;
    proc_signal(job, proc, &signal);
}

/* The CPUs of a place are free when nobody is there any more for whom they were taken. */
static void leave_place(struct job *job, unsigned index)
{
    for (unsigned i = 0; i < job->proc_count; i++)
        if (job->procs[i].place == index && job->procs[i].stay == NULL &&
            job->procs[i].resident == NULL && job->procs[i].state != PROC_GONE)
            return;
    place_leave(job, &job->places[index]);
}

void onward_tell_old(const struct job *job, const struct proc *proc)
{
    signal_it(job, proc, SIGCONT, 1); /* it may have been stopped */
    signal_it(job, proc, BP_LEAVE_SIGNAL, 1);
}

/* SIGSTOP cannot wait, nor be passed back: it stopped, or will have stopped, what it was there.
 * That may be over by now, or the SIGCONT for it waits. */
static void stop_again(struct job *job, struct proc *proc)
{
    if ((proc->waiting & UINT64_C(1) << (SIGCONT - 1)) == 0) {
        if (proc->state == PROC_STOPPED || proc->stop_due)
            signal_it(job, proc, SIGSTOP, 0);
        return;
    }
    proc->stop_due = 0;
    if (proc->state == PROC_STOPPED)
        job_proc_event(job, proc, PROC_CONT, 0, NULL);
}

void onward_leave(struct job *job, struct proc *proc)
{
    if (bp_take_ptr(proc->stay) != NULL)
        return;
    proc->leaving |= !job->places[proc->place].ended;
    leave_place(job, proc->place);
}

/* What was stopped there is stopped here, and what was to be killed there is killed here, too. */
void onward_arrive(struct stay *stay)
{
    struct proc *proc = stay->proc;
    struct job *job = stay->job;
    int is_first = proc->stay == NULL;
    onward_tell_old(job, proc);
    proc->leaving |= is_first && !job->places[proc->place].ended;
    proc->stay = stay;
    proc->cont_sent = proc->cont_had = 0;
    trip_free(proc);
    if (is_first)
        leave_place(job, proc->place);
    tell_launcher(job, proc, BPMIX__JOB_EVENT__KIND__MOVED, stay->node, stay);
    if (proc->state == PROC_HELD)
        signal_it(job, proc, SIGKILL, 0);
    stop_again(job, proc);
    job_flush_signals(job, proc);
}

void onward_asks(struct job *host, const struct node *node, int32_t pid)
{
    struct stay *stay;
    for (stay = host->master->stays; stay != NULL; stay = stay->hh.next)
        if (stay->node == node && stay->proc->pid == pid && stay->proc->trip != NULL &&
            stay->proc->trip->to == stay &&
            (stay->job == host || stay->job->host == host)) {
            onward_arrive(stay);
            return;
        }
}

/* ---- what is left behind ---- */

/* Somebody there meant the process, and is right but for the place: it is stopped where it is,
 * unless it was told to go on since it came. What is behind has to go on, and end. */
int onward_stopped_behind(struct job *job, struct proc *proc, struct node *node,
                          const struct bp_frame *frame, const uint8_t *body,
                          struct bp_error *err)
{
    auto_unpack Bpmix__ProcStopped *stopped =
        BP_UNPACK(ProcStopped, proc_stopped, body, frame->length, err);
    Bpmix__ProcSignal go = BPMIX__PROC_SIGNAL__INIT;
    if (stopped == NULL)
        return err->code;
    if (stopped->signal == 0)
        return 0;
    go.signal = SIGCONT;
    go.code = SI_QUEUE;
    go.value = BP_LEAVE_VALUE;
    node_send(node, &(struct bp_frame){.type = BP_PROC_SIGNAL, .job = frame->job,
                                       .node = node->number, .tag = frame->tag}, &go);
    if (proc->cont_sent == 0 && proc->state != PROC_GONE && proc->state != PROC_HELD)
        signal_it(job, proc, SIGSTOP, 0);
    return 0;
}

void onward_has_left(struct job *job, struct proc *proc)
{
    struct bp_error err = {0};
    struct trip *trip = proc->trip;
    if (trip == NULL || trip->to != NULL)
        return;
    struct bp_person person = tool_person(trip->tool);
    int r = check(job, proc, trip->node, &person, &err);
    if (r == 0)
        r = begin(job, proc, &err);
    if (r < 0)
        onward_fail(proc, job, r, err.text);
}
