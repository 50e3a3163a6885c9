/* SPDX-License-Identifier: BSD-3-Clause */
/* resident.c - a process of a job that is at home: a native process here, which stays its job's
 * until it ends. How it ended says who reaped it: its launcher, or the ghost of its parent. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/mem.h"
#include "master/master.h"

struct resident {
    struct master *master;
    uint64_t job;
    uint32_t rank;
    uid_t uid;
    struct event *end; /* of a handle on the process */
    enum resident_reaper reaper;
    uint8_t over;      /* it has ended */
    struct resident *prev, *next;
};

static void resident_free(struct proc *proc)
{
    struct resident *resident = bp_take_ptr(proc->resident);
    int end = event_get_fd(resident->end);
    event_free(resident->end);
    close(end);
    DL_DELETE(resident->master->residents, resident);
    free(resident);
}

void resident_ended(struct job *job, struct proc *proc, const Bpmix__JobReaped *how)
{
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = BPMIX__JOB_EVENT__KIND__EXIT;
    event.cpu_us = how->cpu_us;
    event.maxrss_kib = how->maxrss_kib;
    job_proc_event(job, proc, PROC_EXIT, how->status, &event);
    resident_free(proc);
}

/* Nobody can say how. */
static void ended_somehow(struct job *job, struct proc *proc)
{
    Bpmix__JobReaped how = BPMIX__JOB_REAPED__INIT;
    how.status = SIGKILL;
    resident_ended(job, proc, &how);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct resident *resident = arg;
    struct job *job = job_find(resident->master, resident->job);
    resident->over = 1;
    if (resident->reaper != RESIDENT_NOBODY)
        return; /* who reaps it will tell */
    ended_somehow(job, &job->procs[resident->rank]);
    job_check_end(job);
}

void resident_new(struct job *job, struct proc *proc, enum resident_reaper reaper, int take_handle)
{
    if (reaper == RESIDENT_LAUNCHER && job->tool == NULL) /* it went meanwhile */
        reaper = RESIDENT_NOBODY;
    struct resident *resident = proc->resident = bp_calloc(1, sizeof *resident);
    *resident = (struct resident){.master = job->master, .job = job->id, .rank = proc->rank,
                                  .uid = job->uid, .reaper = reaper};
    resident->end = event_new(job->master->base, take_handle, EV_READ, on_end, resident);
    event_add(resident->end, NULL);
    DL_APPEND(job->master->residents, resident);
    if (job->closing)
        residents_kill(job);
}

void resident_not_told(struct job *job, struct proc *proc)
{
    proc->resident->reaper = RESIDENT_NOBODY;
    if (proc->resident->over)
        ended_somehow(job, proc);
}

void residents_launcher_gone(struct job *job)
{
    for (unsigned i = 0; i < job->proc_count; i++)
        if (job->procs[i].resident != NULL &&
            job->procs[i].resident->reaper == RESIDENT_LAUNCHER)
            resident_not_told(job, &job->procs[i]);
}

unsigned residents_count(const struct master *master, uid_t uid)
{
    unsigned count = 0;
    const struct resident *resident;
    DL_FOREACH(master->residents, resident)
        count += resident->uid == uid;
    return count;
}

/* The kernel lets nobody say that a signal came by another's kill(): it comes as one that was
 * queued. The user may signal it if he could by himself. */
void resident_signal(const struct proc *proc, const Bpmix__ProcSignal *signal)
{
    siginfo_t info = {.si_signo = (int)signal->signal, .si_code = SI_QUEUE};
    if (signal->code < 0 && signal->code != SI_TKILL)
        info.si_code = signal->code;
    info.si_pid = signal->sender_pid;
    info.si_uid = signal->sender_uid;
    info.si_value.sival_ptr = (void *)(uintptr_t)signal->value;
    if (herd_may_signal(proc->pid, proc->resident->uid))
        syscall(SYS_pidfd_send_signal, event_get_fd(proc->resident->end), info.si_signo, &info, 0);
}

void residents_kill(const struct job *job)
{
    for (unsigned i = 0; i < job->proc_count; i++)
        if (job->procs[i].resident != NULL)
            syscall(SYS_pidfd_send_signal, event_get_fd(job->procs[i].resident->end), SIGKILL,
                    NULL, 0);
}

int resident_frame(struct job *job, const struct bp_frame *frame, const uint8_t *body,
                   struct bp_error *err)
{
    auto_unpack Bpmix__JobReaped *how =
        BP_UNPACK(JobReaped, job_reaped, body, frame->length, err);
    if (how == NULL)
        return err->code;
    struct proc *proc = how->rank < job->proc_count ? &job->procs[how->rank] : NULL;
    if (proc == NULL || proc->resident == NULL || proc->resident->reaper != RESIDENT_LAUNCHER)
        return 0; /* late, or none of its own */
    int r = job_check_status(how->status, err);
    if (r < 0)
        return r;
    resident_ended(job, proc, how);
    job_check_end(job);
    return 0;
}
