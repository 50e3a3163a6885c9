/* SPDX-License-Identifier: BSD-3-Clause */
/* breed.c - ghosts that are children of ghosts: for what a process on a node creates elsewhere. The
 * herder of the parent's ghost has them all, whatever their jobs, in the slots above its launch. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"

enum { BRED_FREE, BRED_LATE, BRED_ORDERED, BRED_BORN }; /* LATE: its parent is no ghost yet */

struct bred { /* one slot; the job may be over before its ghost is */
    uint64_t job;
    uint32_t rank;
    uint8_t state;
    struct bp_ghost_record make; /* what is ordered */
};

static struct proc *proc_of(const struct herd *herd, const struct bred *bred, struct job **ret_job)
{
    *ret_job = job_find(herd->job->master, bred->job);
    return *ret_job != NULL ? &(*ret_job)->procs[bred->rank] : NULL;
}

static struct bred *free_slot(struct herd *herd, uint32_t *ret_slot)
{
    if (herd->bred == NULL)
        herd->bred = bp_calloc(BP_GHOST_SLOTS - herd->count, sizeof *herd->bred);
    for (uint32_t i = 0; i < BP_GHOST_SLOTS - herd->count; i++)
        if (herd->bred[i].state == BRED_FREE) {
            *ret_slot = herd->count + i;
            return &herd->bred[i];
        }
    return NULL;
}

int herd_breed(struct proc *parent, struct job *job, struct proc *proc, struct bp_error *err)
{
    struct bp_ghost_record make = {.type = BP_GHOST_MAKE};
    struct herd *herd = parent->herd;
    if (herd == NULL || herd->fd < 0 || parent->pid == 0 || parent->ghost_gone)
        return bp_error_set(err, -ESRCH, "process %d has no ghost any more", parent->pid);
    struct bred *bred = free_slot(herd, &make.slot);
    if (bred == NULL)
        return bp_error_set(err, -EAGAIN, "the processes of a launch and all they have created can "
                            "be %d at a time", BP_GHOST_SLOTS);
    const char *slash = strrchr(job->request->argv[0], '/');
    snprintf(make.name, sizeof make.name, "%.15s",
             slash != NULL ? slash + 1 : job->request->argv[0]);
    make.parent = parent->slot;
    *bred = (struct bred){.job = job->id, .rank = proc->rank, .make = make,
                          .state = herd->pid != 0 ? BRED_ORDERED : BRED_LATE};
    proc->herd = herd;
    proc->slot = make.slot;
    job->bred++;
    job->unborn++;
    if (bred->state == BRED_ORDERED)
        herd_order(herd, &make);
    return 0;
}

void breed_ghosts_there(struct herd *herd)
{
    struct job *job;
    for (uint32_t i = 0; herd->bred != NULL && i < BP_GHOST_SLOTS - herd->count; i++) {
        struct bred *bred = &herd->bred[i];
        if (bred->state != BRED_LATE)
            continue;
        bred->state = proc_of(herd, bred, &job) != NULL ? BRED_ORDERED : BRED_FREE;
        if (bred->state == BRED_ORDERED)
            herd_order(herd, &bred->make);
    }
}

/* The slot is free; the ghost was there, or never will be. */
static void leave(struct bred *bred, struct job *job, struct proc *proc)
{
    job->unborn -= bred->state == BRED_LATE || bred->state == BRED_ORDERED;
    job->bred--;
    bred->state = BRED_FREE;
    proc->herd = NULL;
    proc->ghost_gone = 1;
}

static int born(struct herd *herd, struct bred *bred, const struct bp_ghost_record *record)
{
    struct bp_error err = {0};
    struct job *job;
    if (bred->state != BRED_ORDERED || record->pid <= 0)
        return -EPROTO;
    if (herd_check_ghost(herd, record->pid, &err) == -EPERM) {
        herd_failed(herd, err.text);
        return 0;
    }
    struct proc *proc = proc_of(herd, bred, &job);
    bred->state = BRED_BORN;
    if (proc == NULL) {
        herd_order(herd, &(struct bp_ghost_record){.type = BP_GHOST_EXIT, .slot = record->slot,
                                                   .status = SIGKILL});
        return 0;
    }
    job->unborn--;
    proc->pid = record->pid;
    if (proc->state == PROC_GONE)
        herd_end_ghost(proc, proc->status);
    job_ghost_made(job, proc, 0);
    return 0;
}

static void unmade(struct herd *herd, struct bred *bred, int error)
{
    struct job *job;
    struct proc *proc = proc_of(herd, bred, &job);
    if (proc == NULL) {
        bred->state = BRED_FREE;
        return;
    }
    leave(bred, job, proc);
    job_ghost_made(job, proc, -error);
    job_check_end(job);
}

static void gone(struct herd *herd, struct bred *bred, int32_t status)
{
    struct job *job;
    struct proc *proc = proc_of(herd, bred, &job);
    if (bred->state == BRED_ORDERED || proc == NULL) { /* killed before it ran */
        unmade(herd, bred, ECHILD);
        return;
    }
    leave(bred, job, proc);
    if (proc->resident == NULL)
        herd_ghost_gone(job, proc, status);
    else if (status == BP_GHOST_NOT_KNOWN)
        resident_not_told(job, proc);
    else
        resident_ended(job, proc, &(Bpmix__JobReaped){
            .base = PROTOBUF_C_MESSAGE_INIT(&bpmix__job_reaped__descriptor), .status = status});
    job_check_end(job);
}

int breed_said(struct herd *herd, const struct bp_ghost_record *record)
{
    struct bred *bred = herd->bred != NULL ? &herd->bred[record->slot - herd->count] : NULL;
    struct job *job;
    struct proc *proc;
    if (bred == NULL || bred->state == BRED_FREE || bred->state == BRED_LATE)
        return -EPROTO;
    switch (record->type) {
    case BP_GHOST_BORN:
        return born(herd, bred, record);
    case BP_GHOST_UNMADE:
        if (bred->state != BRED_ORDERED)
            return -EPROTO;
        unmade(herd, bred, record->status > 0 && record->status < 4096 ? record->status : ECHILD);
        return 0;
    case BP_GHOST_GONE:
        gone(herd, bred, record->status);
        return 0;
    case BP_GHOST_HOME:
    case BP_GHOST_STAYS:
        proc = bred->state == BRED_BORN ? proc_of(herd, bred, &job) : NULL;
        return proc == NULL ? 0 : home_ghost(job, proc, record);
    case BP_GHOST_HALTED:
        proc = proc_of(herd, bred, &job);
        if (proc != NULL && proc->resident != NULL && proc->homing == NULL)
            job_proc_event(job, proc, record->signo != 0 ? PROC_STOP : PROC_CONT, record->signo,
                           NULL);
        return 0;
    case BP_GHOST_TOLD:
        if (bred->state == BRED_BORN && proc_of(herd, bred, &job) != NULL)
            mirror_told(job);
        return 0;
    case BP_GHOST_SIGNAL:
        if (bred->state != BRED_BORN || record->signo < 1 || record->signo > 64)
            return -EPROTO;
        if (proc_of(herd, bred, &job) != NULL) {
            job->procs[bred->rank].continues += record->signo == SIGCONT;
            mirror_witness(job, &job->procs[bred->rank], record);
            herd_said_signal(job, &job->procs[bred->rank], record);
        }
        return 0;
    default:
        return -EPROTO;
    }
}

/* Their processes live, and end: nobody stands for them any more. */
void breed_closed(struct herd *herd)
{
    for (uint32_t i = 0; herd->bred != NULL && i < BP_GHOST_SLOTS - herd->count; i++) {
        struct bred *bred = &herd->bred[i];
        struct job *job;
        struct proc *proc = bred->state != BRED_FREE ? proc_of(herd, bred, &job) : NULL;
        bred->state = proc != NULL ? bred->state : BRED_FREE;
        if (proc == NULL)
            continue;
        leave(bred, job, proc);
        home_ghost_lost(job, proc);
        if (proc->resident != NULL)
            resident_not_told(job, proc);
        if (!job->closing) {
            Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
            event.kind = BPMIX__JOB_EVENT__KIND__HERDER_LOST;
            event.pid = herd->pid;
            event.text = (char *)"it ended before the processes of this job";
            job_tell(job, &event);
            job_close(job);
        }
        if (job != herd->job)
            job_check_end(job);
    }
}

void breed_forget(struct job *job)
{
    for (unsigned i = 0; i < job->proc_count; i++)
        if (job->procs[i].herd != NULL && job->procs[i].herd->job != job)
            herd_end_ghost(&job->procs[i], SIGKILL);
}
