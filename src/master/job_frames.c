/* SPDX-License-Identifier: BSD-3-Clause */
/* job_frames.c - what a node says about a job: processes, the space, PMIx. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"
#include "proto/space_record.h"

#define PEER_BACKLOG_MAX (128u << 20) /* bytes that wait for a node */

static struct bp_log_limit limit = {.burst = 10};

static int has_rank(const struct job *job, const struct place *place, uint32_t rank)
{
    return rank < job->proc_count && &job->places[job->procs[rank].place] == place;
}

/* The process that a frame is about must be on the node that sent it. */
static struct proc *proc_of(struct job *job, const struct place *place,
                            const struct bp_frame *frame, struct bp_error *err)
{
    struct proc *proc = frame->tag > 0 && frame->tag <= job->proc_count
                            ? &job->procs[frame->tag - 1] : NULL;
    if (proc == NULL || &job->places[proc->place] != place) {
        bp_error_set(err, -EPERM, "a frame about process %llu, which is not on this node",
                     (unsigned long long)frame->tag);
        return NULL;
    }
    return proc;
}

static void proc_exited(struct job *job, struct proc *proc, const Bpmix__ProcExit *exited)
{
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = BPMIX__JOB_EVENT__KIND__EXIT;
    event.cpu_us = exited->cpu_us;
    event.maxrss_kib = exited->maxrss_kib;
    job_proc_event(job, proc, PROC_EXIT, exited->status, &event);
}

/* The wait status of a process that could not be started, as a shell would have it. */
static int32_t failed_status(const Bpmix__ProcFailed *failed)
{
    if (failed->step != BP_STEP_EXEC)
        return 125 << 8;
    return (failed->errnum == ENOENT || failed->errnum == ENOTDIR ? 127 : 126) << 8;
}

static void proc_failed(struct job *job, struct proc *proc, const Bpmix__ProcFailed *failed)
{
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = BPMIX__JOB_EVENT__KIND__FAILED;
    event.status = failed->errnum;
    event.step = failed->step;
    event.text = failed->text;
    job_proc_event(job, proc, PROC_FAILED, failed_status(failed), &event);
}

int job_check_status(int32_t status, struct bp_error *err)
{
    if (WIFEXITED(status) || WIFSIGNALED(status))
        return 0;
    return bp_error_set(err, -EPROTO, "wait status %#x is not one of an end", (unsigned)status);
}

int job_proc_frame(struct job *job, struct proc *proc, const struct bp_frame *frame,
                   const uint8_t *body, struct bp_error *err)
{
    if (frame->type == BP_PROC_CREATED) {
        auto_unpack Bpmix__ProcCreated *created =
            BP_UNPACK(ProcCreated, proc_created, body, frame->length, err);
        if (created == NULL)
            return err->code;
        job_proc_event(job, proc, PROC_CREATED, 0, NULL);
        Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
        event.kind = BPMIX__JOB_EVENT__KIND__CREATED;
        event.rank = proc->rank;
        event.node = proc_where(job, proc);
        event.pid = proc->pid;
        event.cpus = created->cpus;
        job_tell(job, &event);
    } else if (frame->type == BP_PROC_EXIT) {
        auto_unpack Bpmix__ProcExit *exited =
            BP_UNPACK(ProcExit, proc_exit, body, frame->length, err);
        if (exited == NULL)
            return err->code;
        int r = job_check_status(exited->status, err);
        if (r < 0)
            return r;
        proc_exited(job, proc, exited);
    } else if (frame->type == BP_PROC_FAILED) {
        auto_unpack Bpmix__ProcFailed *failed =
            BP_UNPACK(ProcFailed, proc_failed, body, frame->length, err);
        if (failed == NULL)
            return err->code;
        proc_failed(job, proc, failed);
    } else {
        auto_unpack Bpmix__ProcStopped *stopped =
            BP_UNPACK(ProcStopped, proc_stopped, body, frame->length, err);
        if (stopped == NULL)
            return err->code;
        if (stopped->signal > 64)
            return bp_error_set(err, -EPROTO, "stopped by signal %u", stopped->signal);
        proc->cont_had = stopped->signal != 0 ? stopped->continued : proc->cont_had;
        job_proc_event(job, proc, stopped->signal != 0 ? PROC_STOP : PROC_CONT,
                       (int32_t)stopped->signal, NULL);
    }
    return 0;
}

static int proc_frame(struct job *job, struct place *place, const struct bp_frame *frame,
                      const uint8_t *body, struct bp_error *err)
{
    struct proc *proc = proc_of(job, place, frame, err);
    if (proc == NULL)
        return err->code;
    if ((proc->stay == NULL && proc->resident == NULL) || frame->type == BP_PROC_CREATED)
        return job_proc_frame(job, proc, frame, body, err);
    if (frame->type == BP_PROC_EXIT) {
        proc->leaving = 0;
        onward_has_left(job, proc);
    } else if (frame->type == BP_PROC_STOPPED) {
        return onward_stopped_behind(job, proc, place->node, frame, body, err);
    }
    return 0;
}

/* A node that takes nothing more of what other nodes' bpshepherds send there ends the job: bpmaster
 * does not keep without end what a user's processes can produce. */
static void peer_is_slow(struct job *job, const struct place *to)
{
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = BPMIX__JOB_EVENT__KIND__SHEPHERD_LOST;
    event.node = to->node->number;
    event.text = (char *)"the node does not take what the job's bpshepherds send to it";
    job_tell(job, &event);
    job_close(job);
}

/* A frame between two bpshepherds of the job: only the address is looked at. */
static int pass_peer(struct job *job, struct place *place, const struct bp_frame *frame,
                     const uint8_t *body)
{
    for (unsigned i = 0; i < job->place_count; i++) {
        struct place *to = &job->places[i];
        if (to->node->number != frame->node || to->ended || to->node->channel == NULL)
            continue;
        struct bp_frame passed = *frame;
        passed.node = place->node->number;
        if (bp_channel_backlog(to->node->channel) > PEER_BACKLOG_MAX)
            peer_is_slow(job, to);
        else
            bp_channel_send(to->node->channel, &passed, body);
        break;
    }
    return 0;
}

static int pmix_abort(struct job *job, struct place *place, const struct bp_frame *frame,
                      const uint8_t *body, struct bp_error *err)
{
    auto_unpack Bpmix__PmixAbort *aborted =
        BP_UNPACK(PmixAbort, pmix_abort, body, frame->length, err);
    if (aborted == NULL)
        return err->code;
    if (!has_rank(job, place, aborted->rank))
        return bp_error_set(err, -EPERM, "abort by rank %u, which is not on this node",
                            aborted->rank);
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = BPMIX__JOB_EVENT__KIND__ABORT;
    event.rank = aborted->rank;
    event.status = aborted->status;
    event.node = place->node->number;
    event.text = aborted->text;
    job_tell(job, &event);
    return 0;
}

static int pmix_state(struct job *job, struct place *place, const struct bp_frame *frame,
                      const uint8_t *body, struct bp_error *err)
{
    auto_unpack Bpmix__PmixState *state =
        BP_UNPACK(PmixState, pmix_state, body, frame->length, err);
    if (state == NULL)
        return err->code;
    if (!has_rank(job, place, state->rank))
        return bp_error_set(err, -EPERM, "the state of rank %u, which is not on this node",
                            state->rank);
    job_connected(job);
    job->procs[state->rank].finalized |= state->finalized;
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = state->finalized ? BPMIX__JOB_EVENT__KIND__FINALIZED
                                  : BPMIX__JOB_EVENT__KIND__INIT;
    event.rank = state->rank;
    event.node = place->node->number;
    job_tell(job, &event);
    return 0;
}

static int space_ended(struct job *job, struct place *place, const struct bp_frame *frame,
                       const uint8_t *body, struct bp_error *err)
{
    auto_unpack Bpmix__SpaceEnded *ended =
        BP_UNPACK(SpaceEnded, space_ended, body, frame->length, err);
    if (ended == NULL)
        return err->code;
    int kind = ended->cause != 0 ? (int)ended->cause : (int)BPMIX__JOB_EVENT__KIND__SPACE_LOST;
    if (kind != BPMIX__JOB_EVENT__KIND__SHEPHERD_LOST)
        kind = BPMIX__JOB_EVENT__KIND__SPACE_LOST;
    place->streamed = ended->streamed;
    job_place_ended(job, place, kind, ended->text);
    return 0;
}

static int pmix_frame(struct job *job, struct place *place, const struct bp_frame *frame,
                      const uint8_t *body, struct bp_error *err)
{
    switch (frame->type) {
    case BP_PMIX_PEER:
        return pass_peer(job, place, frame, body);
    case BP_PMIX_ABORT:
        return pmix_abort(job, place, frame, body, err);
    case BP_PMIX_STATE:
        return pmix_state(job, place, frame, body, err);
    default:
        return publish_frame(job, place->node, frame, body, err);
    }
}

/* bpnode passes on what a bpshepherd says without reading it, and a rank can make its bpshepherd
 * say anything: nonsense costs that job its life, and nobody else anything. */
static void shepherd_lies(struct job *job, const struct place *place, const struct bp_error *why)
{
    unsigned long dropped;
    if (bp_log_limit_pass(&limit, &dropped))
        bp_log_warning("shepherd-refused job=%llx node=%d why=\"%s\" dropped=%lu",
                       (unsigned long long)job->id, place->node->number, why->text, dropped);
    if (job->closing)
        return;
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = BPMIX__JOB_EVENT__KIND__SHEPHERD_LOST;
    event.node = place->node->number;
    event.text = (char *)why->text;
    job_tell(job, &event);
    job_close(job);
}

int job_node_frame(struct job *job, struct place *place, const struct bp_frame *frame,
                   const uint8_t *body, struct bp_error *err)
{
    if (place->ended)
        return 0;
    switch (frame->type) {
    case BP_PROC_CREATED:
    case BP_PROC_EXIT:
    case BP_PROC_FAILED:
    case BP_PROC_STOPPED:
        return proc_frame(job, place, frame, body, err);
    case BP_SPACE_ENDED:
        return space_ended(job, place, frame, body, err);
    case BP_PMIX_PEER:
    case BP_PMIX_ABORT:
    case BP_PMIX_STATE:
    case BP_PMIX_PUBLISH:
    case BP_PMIX_LOOKUP:
    case BP_PMIX_UNPUBLISH:
        if (pmix_frame(job, place, frame, body, err) < 0)
            shepherd_lies(job, place, err);
        return 0;
    default:
        return bp_error_set(err, -EPROTO, "unexpected frame type %u", frame->type);
    }
}
