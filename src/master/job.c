/* SPDX-License-Identifier: BSD-3-Clause */
/* job.c - a job from its start to its end: spaces on nodes, processes, the launcher's news. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/cpuset.h"
#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"

#define TEXT_MAX  1000 /* bytes of what a launcher is told */
#define QUEUE_MAX 4096 /* real-time signals that wait for a job's processes */
#define STREAM_MS 5000 /* a dialled data connection arrives sooner, or its node is in trouble */

struct job *job_find(struct master *master, uint64_t id)
{
    struct job *job;
    HASH_FIND(hh, master->jobs, &id, sizeof id, job);
    return job;
}

struct place *job_place(struct job *job, const struct node *node)
{
    for (unsigned i = 0; i < job->place_count; i++)
        if (job->places[i].node == node)
            return &job->places[i];
    return NULL;
}

void job_tell(struct job *job, const Bpmix__JobEvent *event)
{
    Bpmix__JobEvent told = *event;
    char text[TEXT_MAX + 1];
    if (job->tool == NULL)
        return;
    snprintf(text, sizeof text, "%s", event->text);
    told.text = text;
    tool_send(job->tool, (struct bp_frame){.type = BP_JOB_EVENT, .job = job->id}, &told, NULL, 0);
}

static void proc_done(struct proc *proc)
{
    free(proc->cpus);
    free(proc->mems);
    free(proc->gpus);
}

void job_free(struct job *job)
{
    struct master *master = job->master;
    HASH_DEL(master->jobs, job);
    ticket_drop(master, job);
    home_launcher_gone(job);
    nested_gone(job);
    publish_job_gone(job);
    relay_gone(master, NULL, job);
    if (job->tool != NULL)
        job->tool->job = NULL;
    trips_free(job);
    breed_forget(job);
    mirror_free(job);
    nested_free(job);
    splice_job_gone(job);
    herds_free(job);
    place_release(job);
    inside_gone(job);
    for (unsigned i = 0; i < job->proc_count; i++)
        proc_done(&job->procs[i]);
    struct waiting_signal *signal, *next;
    DL_FOREACH_SAFE(job->signals, signal, next)
        free(signal);
    free(job->procs);
    free(job->places);
    free(job->groups);
    bp_unpack_free(job->request);
    explicit_bzero(&job->key, sizeof job->key);
    free(job);
}

/* ---- processes ---- */

static void note_stop(struct proc *proc, const Bpmix__ProcSignal *signal)
{
    if (signal->signal == SIGSTOP)
        proc->stop_due = 1;
    if (signal->signal != SIGCONT)
        return;
    proc->stop_due = 0;
    proc->cont_sent = signal->number;
}

static void mirror_state(struct job *job, const struct proc *proc, int signal)
{
    herd_mirror(proc, signal);
    mirror_stop(job, proc, signal);
}

/* A SIGCONT that its ghost did not get: that goes on at once, as it would by one of its own. */
static void signal_all(struct job *job, const Bpmix__ProcSignal *signal)
{
    for (unsigned i = 0; i < job->proc_count; i++) {
        note_stop(&job->procs[i], signal);
        if (signal->signal == SIGCONT && job->procs[i].state == PROC_STOPPED)
            mirror_state(job, &job->procs[i], 0);
    }
    for (unsigned i = 0; i < job->place_count; i++)
        if (!job->places[i].ended)
            node_send(job->places[i].node,
                      &(struct bp_frame){.type = BP_PROC_SIGNAL, .job = job->id,
                                         .node = job->places[i].node->number}, signal);
    stays_signal(job, signal);
    home_signal_all(job, signal);
}

static void signal_now(struct job *job, struct proc *proc, const Bpmix__ProcSignal *signal)
{
    Bpmix__ProcSignal numbered = *signal;
    if (signal->signal == SIGCONT)
        numbered.number = ++job->last_cont;
    if (proc == NULL) {
        signal_all(job, &numbered);
        return;
    }
    note_stop(proc, &numbered);
    if (proc->state != PROC_GONE)
        proc_signal(job, proc, &numbered);
}

/* As in the kernel: one that stops undoes a SIGCONT that waits, and that undoes those. */
static void forget_opposite(struct job *job, uint64_t serial, uint64_t *mask, uint32_t signal)
{
    const uint64_t stops = UINT64_C(1) << (SIGSTOP - 1) | UINT64_C(1) << (SIGTSTP - 1) |
                           UINT64_C(1) << (SIGTTIN - 1) | UINT64_C(1) << (SIGTTOU - 1);
    const uint64_t goes_on = UINT64_C(1) << (SIGCONT - 1), bit = UINT64_C(1) << (signal - 1);
    uint64_t undone = (bit & stops) != 0 ? goes_on : bit == goes_on ? stops : 0;
    struct waiting_signal *waiting, *next;
    if ((*mask & undone) == 0)
        return;
    *mask &= ~undone;
    DL_FOREACH_SAFE(job->signals, waiting, next)
        if (waiting->serial == serial &&
            (undone & UINT64_C(1) << (waiting->signal.signal - 1)) != 0) {
            DL_DELETE(job->signals, waiting);
            free(waiting);
        }
}

/* Keep a signal until the processes are created, or have come to where they go. As in the kernel
 * one of the classic signals that is pending already is not queued again, and there are not many of
 * the others. */
static void keep_signal(struct job *job, struct proc *proc, const Bpmix__ProcSignal *signal)
{
    uint64_t *mask = proc != NULL ? &proc->waiting : &job->waiting;
    uint64_t bit = UINT64_C(1) << (signal->signal - 1);
    int classic = signal->signal < 32;
    if (classic ? (*mask & bit) != 0 : job->queued == QUEUE_MAX)
        return;
    forget_opposite(job, proc != NULL ? proc->rank + 1 : 0, mask, signal->signal);
    *mask |= bit;
    job->queued += !classic;
    struct waiting_signal *waiting = bp_calloc(1, sizeof *waiting);
    waiting->serial = proc != NULL ? proc->rank + 1 : 0;
    waiting->signal = *signal;
    DL_APPEND(job->signals, waiting);
}

void job_signal(struct job *job, struct proc *proc, const Bpmix__ProcSignal *signal)
{
    if (proc != NULL && signal->signal == SIGKILL) {
        job_proc_event(job, proc, PROC_KILL, SIGKILL, NULL);
        return;
    }
    if (proc != NULL && proc->homing != NULL)
        home_signal(proc, signal);
    else if (job->created && (proc == NULL || !onward_is_on(proc)))
        signal_now(job, proc, signal);
    else
        keep_signal(job, proc, signal);
}

void job_flush_signals(struct job *job, const struct proc *proc)
{
    struct waiting_signal *waiting, *next;
    DL_FOREACH_SAFE(job->signals, waiting, next) {
        struct proc *to = waiting->serial != 0 ? &job->procs[waiting->serial - 1] : NULL;
        if (proc != NULL && to != proc)
            continue;
        signal_now(job, to, &waiting->signal);
        *(to != NULL ? &to->waiting : &job->waiting) = 0;
        job->queued -= waiting->signal.signal >= 32;
        DL_DELETE(job->signals, waiting);
        free(waiting);
    }
}

/* A rank that is not bound stays on what its job has of the node, if that is anything. */
static ProtobufCBinaryData proc_cpus(const struct proc *proc, const struct place *place)
{
    if (proc->cpu_bytes == 0 && bp_cpuset_count(place->taken, place->taken_bytes) > 0)
        return (ProtobufCBinaryData){.data = place->taken, .len = place->taken_bytes};
    return (ProtobufCBinaryData){.data = proc->cpus, .len = proc->cpu_bytes};
}

void job_create(struct job *job)
{
    if (job->closing || job->created)
        return;
    for (unsigned i = 0; i < job->place_count; i++) {
        struct place *place = &job->places[i];
        Bpmix__ProcCreate create = BPMIX__PROC_CREATE__INIT;
        auto_free Bpmix__Proc *rows = bp_calloc(place->ranks, sizeof *rows);
        auto_free Bpmix__Proc **list = bp_calloc(place->ranks, sizeof *list);
        create.procs = list;
        for (unsigned r = 0; r < job->proc_count; r++) {
            struct proc *proc = &job->procs[r];
            if (proc->place != i || proc->state != PROC_RESERVED)
                continue;
            Bpmix__Proc *row = &rows[create.n_procs];
            bpmix__proc__init(row);
            row->serial = r + 1;
            row->pid = proc->pid;
            row->rank = r;
            row->cpus = proc_cpus(proc, place);
            row->mems = (ProtobufCBinaryData){.data = proc->mems, .len = proc->mem_bytes};
            row->gpus = proc->gpus;
            row->n_gpus = proc->gpu_count;
            list[create.n_procs++] = row;
            job_proc_event(job, proc, PROC_CREATE, 0, NULL);
        }
        node_send(place->node, &(struct bp_frame){.type = BP_PROC_CREATE, .job = job->id,
                                                  .node = place->node->number}, &create);
    }
    job->created = 1;
    job_flush_signals(job, NULL);
}

static void tell_shepherds(struct job *job, uint32_t *ranks, size_t count, int32_t status)
{
    Bpmix__PmixGone gone = BPMIX__PMIX_GONE__INIT;
    gone.ranks = ranks;
    gone.n_ranks = count;
    gone.status = status;
    for (unsigned i = 0; i < job->place_count; i++)
        if (!job->places[i].ended)
            node_send(job->places[i].node,
                      &(struct bp_frame){.type = BP_PMIX_GONE, .job = job->id,
                                         .node = job->places[i].node->number}, &gone);
}

/* A rank has ended before its PMIx_Finalize: the others must not wait for it. Where none of them
 * has called PMIx_Init this is no job that could. */
static void tell_gone(struct job *job, const struct proc *proc)
{
    uint32_t rank = proc->rank;
    if (!job->request->mpi || job->closing || proc->finalized ||
        (proc->status == 0 && !job->connected))
        return;
    tell_shepherds(job, &rank, 1, proc->status);
}

void job_connected(struct job *job)
{
    if (job->connected)
        return;
    job->connected = 1;
    auto_free uint32_t *ranks = bp_calloc(job->proc_count, sizeof *ranks);
    size_t count = 0;
    for (unsigned i = 0; i < job->proc_count; i++)
        if (job->procs[i].state == PROC_GONE && job->procs[i].status == 0)
            ranks[count++] = job->procs[i].rank;
    if (count > 0 && !job->closing)
        tell_shepherds(job, ranks, count, 0);
}

static void proc_ended(struct job *job, struct proc *proc, int32_t status,
                       const Bpmix__JobEvent *more)
{
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    if (more != NULL)
        event = *more;
    else
        event.kind = BPMIX__JOB_EVENT__KIND__EXIT;
    proc->status = status;
    event.rank = proc->rank;
    event.node = proc_where(job, proc);
    event.pid = proc->pid;
    if (event.kind == BPMIX__JOB_EVENT__KIND__EXIT)
        event.status = status;
    job_tell(job, &event);
    herd_end_ghost(proc, status);
    mirror_end(job, proc, status);
    tell_gone(job, proc);
    onward_ended(job, proc);
    --job->live;
    job_check_idle(job);
}

void job_proc_event(struct job *job, struct proc *proc, enum proc_event event, int32_t status,
                    const Bpmix__JobEvent *more)
{
    if (home_event(job, proc, event, status))
        return;
    enum proc_state before = proc->state;
    struct proc_step step = proc_step(before, event);
    Bpmix__ProcSignal kill = BPMIX__PROC_SIGNAL__INIT;
    proc->state = step.next;
    if (event == PROC_STOP)
        proc->stop_due = 0;
    switch ((enum proc_action)step.action) {
    case ACT_NONE:
    case ACT_CREATE:
        break;
    case ACT_KILL:
        kill.signal = SIGKILL;
        proc_signal(job, proc, &kill);
        break;
    case ACT_MIRROR:
        if (event == PROC_CONT || !proc_goes_on(proc))
            mirror_state(job, proc, event == PROC_STOP ? status : 0);
        break;
    case ACT_END:
        proc_ended(job, proc, status, more);
        break;
    case ACT_REFUSE:
        bp_log_warning("event-refused job=%" PRIx64 " rank=%u state=%s event=%d", job->id,
                       proc->rank, proc_state_name(before), event);
        break;
    }
}

/* ---- the end ---- */

/* Lasting jobs go on as long as what was made inside of them, those of bprun and bpsh do not. */
void job_check_idle(struct job *job)
{
    if (job->homed && nested_count(job) > 0)
        return; /* what its process has made from its node goes on: their keepers are there */
    if (job->live == 0 && !job->kept && (job->guests == 0 || !job->request->lasting))
        job_close(job);
}

void job_close(struct job *job)
{
    if (job->waiter != NULL) {
        queue_drop(job, -ECANCELED, "the job was ended while it waited");
        return;
    }
    if (job->closing)
        return;
    job->closing = 1;
    inside_close(job);
    stays_close(job);
    residents_kill(job);
    for (unsigned i = 0; i < job->place_count; i++) {
        struct place *place = &job->places[i];
        if (place->opened && !place->ended)
            node_send(place->node, &(struct bp_frame){.type = BP_SPACE_END, .job = job->id,
                                                      .node = place->node->number}, NULL);
    }
}

/* A node that dialled its data connection is heard: its output is in it. */
static int stream_is_due(const struct job *job)
{
    uint64_t now = bp_clock_ms();
    for (unsigned i = 0; i < job->place_count && job->tool != NULL; i++) {
        const struct place *place = &job->places[i];
        if (place->streamed && !place->passed && now - place->ended_ms < STREAM_MS)
            return 1;
    }
    return 0;
}

void job_check_end(struct job *job)
{
    if (job->waiter != NULL || job->open_places > 0 || job->live > 0 || job->guests > 0 ||
        job->stays != NULL || stream_is_due(job))
        return;
    if (!job->closing && job->kept)
        return; /* its spaces are gone, its launcher may want new ones */
    if (!job->ended) {
        job->ended = 1;
        job->ended_ms = bp_clock_ms();
        place_vacate(job);
        if (job->tool != NULL)
            tool_send(job->tool, (struct bp_frame){.type = BP_JOB_END, .job = job->id}, NULL, NULL,
                      0);
        bp_log_info("job-end job=%" PRIx64 " ms=%" PRIu64, job->id, bp_clock_ms() - job->start_ms);
    }
    if (job->herds_open == 0 && job->bred == 0 && !mirror_is_open(job))
        job_free(job);
}

void job_tool_gone(struct job *job)
{
    if (job->waiter != NULL) {
        queue_drop(job, 0, NULL);
        return;
    }
    job->tool = NULL;
    home_launcher_gone(job);
    residents_launcher_gone(job);
    for (unsigned i = 0; i < job->herd_count; i++) { /* a launcher that never took them */
        if (job->herds[i].launcher_fd >= 0)
            close(bp_take_fd(job->herds[i].launcher_fd));
    }
    job_close(job);
}

static void gone_from_place(struct job *job, struct proc *proc)
{
    proc->leaving = 0;
    if (proc->stay == NULL && proc->resident == NULL)
        job_proc_event(job, proc, PROC_EXIT, SIGKILL, NULL);
    else
        onward_has_left(job, proc);
}

void job_place_ended(struct job *job, struct place *place, int kind, const char *text)
{
    if (place->ended || !place->opened)
        return;
    place->ended = 1;
    place->ended_ms = bp_clock_ms();
    place->node->jobs--;
    job->open_places--;
    place_leave(job, place);
    if (!job->closing) {
        Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
        event.kind = (Bpmix__JobEvent__Kind)kind;
        event.node = place->node->number;
        event.text = (char *)text;
        job_tell(job, &event);
    }
    unsigned index = (unsigned)(place - job->places);
    for (unsigned i = 0; i < job->proc_count; i++)
        if (job->procs[i].place == index)
            gone_from_place(job, &job->procs[i]);
    mirror_place_gone(job, place->node);
    home_place_gone(job, place->node);
    job_check_end(job);
}

void job_node_gone(struct master *master, struct node *node, const char *text)
{
    struct job *job, *next;
    HASH_ITER(hh, master->jobs, job, next) {
        struct place *place = job_place(job, node);
        if (place != NULL)
            job_place_ended(job, place, BPMIX__JOB_EVENT__KIND__NODE_LOST, text);
    }
    stays_node_gone(master, node, text);
}

void job_node_lost(struct master *master, struct node *node, const char *text)
{
    struct job *job, *next;
    HASH_ITER(hh, master->jobs, job, next) {
        struct place *place = job_place(job, node);
        if ((place == NULL || place->ended) && !stays_are_on(job, node))
            continue;
        Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
        event.kind = BPMIX__JOB_EVENT__KIND__NODE_LOST;
        event.node = node->number;
        event.text = (char *)text;
        job_tell(job, &event);
    }
}
