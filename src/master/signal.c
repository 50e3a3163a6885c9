/* SPDX-License-Identifier: BSD-3-Clause */
/* signal.c - a signal to every process of a job, sent by its user or by root, from anywhere. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "common/log.h"
#include "master/master.h"

static int check_sender(const struct tool *tool, const struct job *job, uint64_t id,
                        struct bp_error *err)
{
    if (job == NULL)
        return bp_error_set(err, -ESRCH, "there is no job %" PRIu64 " (bpstat -j lists them)", id);
    if (tool->uid != 0 && tool->uid != job->uid)
        return bp_error_set(err, -EPERM, "job %" PRIu64 " is user %u's", id, job->uid);
    return 0;
}

/* It has no processes yet: a signal that would end them ends its waiting. */
static int signal_waiting(struct tool *tool, struct job *job, uint32_t number,
                          struct bp_error *err)
{
    char why[96];
    if (number != SIGKILL && number != SIGTERM && number != SIGINT && number != SIGHUP &&
        number != SIGQUIT)
        return bp_error_set(err, -EINVAL, "job %" PRIu64 " waits and has no processes yet: only "
                            "KILL, TERM, INT, HUP and QUIT mean something", job->id);
    snprintf(why, sizeof why, "taken out of the line by process %d of user %u", tool->pid,
             tool->uid);
    queue_drop(job, -ECANCELED, why);
    return 0;
}

int job_signal_frame(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                     struct bp_error *err)
{
    auto_unpack Bpmix__JobKill *kill = BP_UNPACK(JobKill, job_kill, body, frame->length, err);
    if (kill == NULL)
        return err->code;
    struct job *job = job_find(tool->master, frame->job);
    int r = check_sender(tool, job, frame->job, err);
    if (r == 0 && kill->signal > 64)
        r = bp_error_set(err, -EINVAL, "there is no signal %u", kill->signal);
    if (r < 0)
        return r;
    bp_log_info("job-signal job=%" PRIx64 " signal=%u pid=%d uid=%u", job->id, kill->signal,
                tool->pid, tool->uid);
    if (kill->signal != 0 && job->waiter != NULL)
        r = signal_waiting(tool, job, kill->signal, err);
    else if (kill->signal != 0)
        job_signal(job, NULL, &(Bpmix__ProcSignal){
            .base = PROTOBUF_C_MESSAGE_INIT(&bpmix__proc_signal__descriptor),
            .signal = kill->signal, .sender_pid = tool->pid, .sender_uid = tool->uid});
    if (r == 0)
        tool_done(tool, frame->tag);
    return r;
}
