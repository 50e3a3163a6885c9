/* SPDX-License-Identifier: BSD-3-Clause */
/* mirror.c - placeholders: a launcher on a node has children there that stand for its ranks, with
 * the PIDs of the ghosts here. bpghost makes and herds them as it does ghosts; what it says and
 * hears passes through that node's bpnode. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"

#define ASKED_MAX   64   /* signals of the launcher */
#define LEFTOVER_MS 1000 /* what was not said by then will not be: two signals were taken as one */

struct mirror {
    struct node *node; /* the launcher's */
    uint64_t number;
    uint8_t open, herding, stuck;
    uint8_t *born, *gone; /* by rank */
    uint32_t *continues;  /* too: SIGCONTs that it has told of */
    int32_t pid;          /* the herder's, as its space numbers it */
    uint64_t seen_ms, ping;
    struct {
        uint32_t count; /* rank 0's ghost got it, and the launcher has not said so yet */
        uint64_t ms;    /* the last time */
    } told[65];         /* by signal */
    Bpmix__JobForward asked[ASKED_MAX]; /* oldest first: what they are is asked of that ghost */
    unsigned asked_count;
};

void mirror_open(struct job *job)
{
    struct mirror *mirror = job->mirror = bp_calloc(1, sizeof *mirror);
    Bpmix__HerdOpen open = BPMIX__HERD_OPEN__INIT;
    *mirror = (struct mirror){.node = job->tool->via, .number = ++job->master->last_mirror,
                              .open = 1, .seen_ms = bp_clock_ms()};
    mirror->born = bp_calloc(job->proc_count, 1);
    mirror->gone = bp_calloc(job->proc_count, 1);
    mirror->continues = bp_calloc(job->proc_count, sizeof *mirror->continues);
    open.number = mirror->number;
    node_send(mirror->node, &(struct bp_frame){.type = BP_HERD_OPEN, .job = job->parent,
                                               .node = mirror->node->number,
                                               .tag = job->tool->via_number}, &open);
}

static void tell_node(const struct job *job, unsigned type, const void *body, size_t length)
{
    const struct mirror *mirror = job->mirror;
    if (mirror->open && mirror->node->channel != NULL)
        bp_channel_send(mirror->node->channel,
                        &(struct bp_frame){.type = (uint16_t)type, .job = job->parent,
                                           .node = mirror->node->number, .tag = mirror->number,
                                           .length = (uint32_t)length}, body);
}

static void order(const struct job *job, const struct bp_ghost_record *record)
{
    tell_node(job, BP_HERD_HEARS, record, sizeof *record);
}

/* One that is not there yet knows no orders: herding() sends what it missed. */
void mirror_end(const struct job *job, const struct proc *proc, int32_t status)
{
    if (job->mirror != NULL && job->mirror->herding && !job->mirror->gone[proc->rank])
        order(job, &(struct bp_ghost_record){.type = BP_GHOST_EXIT, .slot = proc->rank,
                                             .status = status});
}

void mirror_stop(const struct job *job, const struct proc *proc, int signal)
{
    if (job->mirror != NULL && job->mirror->herding)
        order(job, &(struct bp_ghost_record){
            .type = signal != 0 ? BP_GHOST_STOPPED : BP_GHOST_CONTINUED, .slot = proc->rank,
            .signo = signal, .value = job->mirror->continues[proc->rank]});
}

/* ---- signals to the launcher ---- */

/* Who is asked whether the ghosts got a signal: the first of them. */
static struct proc *witness(const struct job *job)
{
    for (unsigned i = 0; i < job->proc_count; i++)
        if (job->procs[i].herd != NULL && !job->procs[i].ghost_gone && job->procs[i].pid != 0 &&
            job->procs[i].resident == NULL)
            return &job->procs[i];
    return NULL;
}

void mirror_witness(const struct job *job, const struct proc *proc,
                    const struct bp_ghost_record *record)
{
    if (job->mirror == NULL || proc != witness(job) || record->signo == SIGKILL ||
        (record->code != SI_USER && record->code != SI_KERNEL))
        return;
    job->mirror->told[record->signo].count++;
    job->mirror->told[record->signo].ms = bp_clock_ms();
}

static void decide(struct job *job, const Bpmix__JobForward *forward)
{
    struct mirror *mirror = job->mirror;
    Bpmix__ProcSignal signal = BPMIX__PROC_SIGNAL__INIT;
    if (mirror->told[forward->signal].count > 0 &&
        bp_clock_ms() - mirror->told[forward->signal].ms < LEFTOVER_MS) {
        mirror->told[forward->signal].count--;
        return;
    }
    mirror->told[forward->signal].count = 0;
    signal.signal = forward->signal;
    signal.code = forward->code;
    signal.sender_pid = job->launcher;
    signal.sender_uid = forward->sender_uid;
    job_signal(job, NULL, &signal);
}

void mirror_told(struct job *job)
{
    struct mirror *mirror = job->mirror;
    if (mirror == NULL || mirror->asked_count == 0)
        return;
    Bpmix__JobForward first = mirror->asked[0];
    memmove(mirror->asked, mirror->asked + 1, --mirror->asked_count * sizeof first);
    decide(job, &first);
}

/* From the master a signal comes to the launcher as from PID 1 of its space. If it went to a whole
 * process group here, the ghosts of its ranks have had it, too, but may not have told yet. What is
 * sent on the node itself is seen there, by the canary. */
void mirror_forward(struct job *job, const Bpmix__JobForward *forward)
{
    struct mirror *mirror = job->mirror;
    const struct proc *proc = witness(job);
    if (forward->sender_pid != 1) {
        order(job, &(struct bp_ghost_record){.type = BP_GHOST_FORWARD,
                                             .slot = BP_GHOST_SLOT_ALL,
                                             .signo = (int32_t)forward->signal,
                                             .code = forward->code,
                                             .sender_pid = forward->sender_pid,
                                             .sender_uid = forward->sender_uid,
                                             .value = forward->value});
    } else if (proc == NULL || mirror->asked_count == ASKED_MAX) {
        decide(job, forward);
    } else {
        mirror->asked[mirror->asked_count++] = *forward;
        herd_order(proc->herd, &(struct bp_ghost_record){.type = BP_GHOST_ASK,
                                                         .slot = proc->slot});
    }
}

/* ---- what the herder says ---- */

static void lost(struct job *job, const char *why)
{
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    struct mirror *mirror = job->mirror;
    event.kind = BPMIX__JOB_EVENT__KIND__HERDER_LOST;
    event.pid = mirror->pid;
    event.text = (char *)why;
    if (!job->closing)
        job_tell(job, &event);
    tell_node(job, BP_HERD_GONE, NULL, 0);
    mirror->open = 0;
    job_close(job);
}

static void herding(struct job *job, int32_t pid)
{
    struct mirror *mirror = job->mirror;
    for (unsigned i = 0; i < job->proc_count; i++)
        if (!mirror->born[i] && !mirror->gone[i]) {
            lost(job, "a placeholder is missing");
            return;
        }
    mirror->herding = 1;
    mirror->pid = pid;
    mirror->seen_ms = bp_clock_ms();
    for (unsigned i = 0; i < job->proc_count; i++)
        if (job->procs[i].state == PROC_GONE)
            mirror_end(job, &job->procs[i], job->procs[i].status);
    job_create(job);
}

static int said_of(struct job *job, const struct bp_ghost_record *record)
{
    struct mirror *mirror = job->mirror;
    struct proc *proc = &job->procs[record->slot];
    switch (record->type) {
    case BP_GHOST_BORN:
        if (mirror->herding || mirror->born[record->slot] || record->pid != proc->pid)
            return -EPROTO;
        mirror->born[record->slot] = 1;
        return 0;
    case BP_GHOST_SIGNAL:
        if (record->signo < 1 || record->signo > 64)
            return -EPROTO;
        mirror->continues[record->slot] += record->signo == SIGCONT;
        herd_said_signal(job, proc, record);
        return 0;
    case BP_GHOST_GONE: /* it was ordered, or it was killed before it was one of the herd */
        mirror->gone[record->slot] = 1;
        if (proc->state == PROC_RESERVED)
            job_proc_event(job, proc, PROC_KILL, SIGKILL, NULL);
        return 0;
    default:
        return -EPROTO;
    }
}

static int said(struct job *job, const struct bp_ghost_record *record)
{
    struct mirror *mirror = job->mirror;
    if (record->type == BP_GHOST_PONG) {
        if (record->value == mirror->ping)
            mirror->seen_ms = bp_clock_ms();
    } else if (record->type == BP_GHOST_HERDING && !mirror->herding) {
        herding(job, record->pid);
    } else if (record->type == BP_GHOST_FAILED && !mirror->herding) {
        lost(job, "its placeholders could not be made");
    } else if (record->type == BP_GHOST_SIGNAL && record->slot == BP_GHOST_SLOT_ALL &&
               record->signo >= 1 && record->signo <= 64) {
        herd_said_signal(job, NULL, record);
    } else if (record->slot < job->proc_count) {
        return said_of(job, record);
    } else {
        return -EPROTO;
    }
    return 0;
}

static struct job *find(struct job *parent, const struct node *node, uint64_t number)
{
    struct job *job, *next;
    HASH_ITER(hh, parent->master->jobs, job, next)
        if (job->mirror != NULL && job->mirror->open && job->mirror->number == number &&
            job->mirror->node == node && job->parent == parent->id)
            return job;
    return NULL;
}

int mirror_frame(struct job *parent, struct node *node, const struct bp_frame *frame,
                 const uint8_t *body, struct bp_error *err)
{
    struct bp_ghost_record record;
    struct job *job = find(parent, node, frame->tag);
    if (frame->length % sizeof record != 0)
        return bp_error_set(err, -EPROTO, "%u bytes are no ghost records", frame->length);
    if (job == NULL)
        return 0; /* late */
    if (frame->type == BP_HERD_GONE) {
        if (job->live > 0 && !job->closing)
            lost(job, "the herder of the placeholders was killed");
        job->mirror->open = 0;
    }
    for (size_t at = 0; at < frame->length && job->mirror->open; at += sizeof record) {
        memcpy(&record, body + at, sizeof record);
        if (said(job, &record) < 0) /* the user's own program, as on the master */
            lost(job, "the herder of the placeholders talks nonsense");
    }
    job_check_end(job);
    return 0;
}

/* ---- the end ---- */

void mirror_place_gone(struct job *parent, const struct node *node)
{
    struct job *job, *next;
    HASH_ITER(hh, parent->master->jobs, job, next) {
        if (job->mirror == NULL || job->mirror->node != node || job->parent != parent->id)
            continue;
        job->mirror->open = 0;
        job_close(job);
        job_check_end(job);
    }
}

void mirror_tick(struct job *job, int late)
{
    struct mirror *mirror = job->mirror;
    uint64_t now = bp_clock_ms();
    unsigned lease_ms = job->master->config.lease_ms;
    if (mirror == NULL || !mirror->open)
        return;
    uint64_t silent_ms = mirror->herding ? now - mirror->seen_ms : 0;
    if (job->ended && now - job->ended_ms > lease_ms) {
        tell_node(job, BP_HERD_GONE, NULL, 0);
        mirror->open = 0;
    } else if (silent_ms > 2 * (uint64_t)lease_ms && !late) {
        lost(job, "the herder of the placeholders does not answer");
    } else if (silent_ms > lease_ms && !mirror->stuck && !late) {
        Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
        event.kind = BPMIX__JOB_EVENT__KIND__STUCK;
        event.pid = mirror->pid;
        event.text = (char *)"the herder of the placeholders does not answer";
        mirror->stuck = 1;
        job_tell(job, &event);
    }
    order(job, &(struct bp_ghost_record){.type = BP_GHOST_PING, .value = ++mirror->ping});
}

int mirror_is_open(const struct job *job)
{
    return job->mirror != NULL && job->mirror->open;
}

void mirror_free(struct job *job)
{
    if (job->mirror == NULL)
        return;
    tell_node(job, BP_HERD_GONE, NULL, 0);
    free(job->mirror->born);
    free(job->mirror->gone);
    free(job->mirror->continues);
    free(job->mirror);
    job->mirror = NULL;
}
