/* SPDX-License-Identifier: BSD-3-Clause */
/* nested.c - a job that a process of another job opens from its node, as its user: on the master
 * the ghost of that process is the launcher and the parent of the ranks. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "master/master.h"

struct nested { /* until the ghosts are there */
    uint64_t tag;
    char **warnings;
    size_t warning_count;
};

void nested_free(struct job *job)
{
    struct nested *nested = job->nested;
    for (size_t i = 0; nested != NULL && i < nested->warning_count; i++)
        free(nested->warnings[i]);
    if (nested != NULL)
        free(nested->warnings);
    free(nested);
    job->nested = NULL;
}

static struct proc *find(struct job *job, const struct node *node, int32_t pid)
{
    for (unsigned i = 0; i < job->proc_count && pid > 0; i++)
        if (job->procs[i].pid == pid && job->procs[i].resident == NULL &&
            proc_node(job, &job->procs[i]) == node)
            return &job->procs[i];
    return NULL;
}

struct proc *nested_asker(const struct tool *tool, int32_t pid, struct job **ret_job,
                          struct bp_error *err)
{
    struct job *job = tool->via_job, *guest, *next;
    onward_asks(job, tool->via, pid);
    struct proc *proc = find(job, tool->via, pid);
    *ret_job = job;
    HASH_ITER(hh, tool->master->jobs, guest, next) {
        if (proc != NULL || guest->host != job)
            continue;
        proc = find(guest, tool->via, pid);
        *ret_job = guest;
    }
    if (proc == NULL) {
        bp_error_set(err, -ESRCH, "the process that asks is none of this job's");
    } else if (job->closing || proc->state == PROC_GONE || proc->ghost_gone) {
        bp_error_set(err, -ESRCH, "the process that asks is ending");
        proc = NULL;
    } else if (proc->state == PROC_STARTING) {
        job_proc_event(*ret_job, proc, PROC_CREATED, 0, NULL); /* its node will say so */
    }
    return proc;
}

int nested_identify(struct tool *tool, int32_t pid, Bpmix__JobRequest *request,
                    struct bp_error *err)
{
    struct job *job;
    const struct proc *asker = nested_asker(tool, pid, &job, err);
    if (asker == NULL)
        return err->code;
    if (request->in_place)
        return bp_error_set(err, -EOPNOTSUPP, "a process on a node moves by JOB_MOVE");
    tool->pid = asker->pid;
    tool->asker = pid;
    if (request->launcher == NULL)
        return 0;
    request->launcher->pid = asker->pid;
    request->launcher->orphaned = tool->via_job->orphaned;
    return 0;
}

unsigned nested_count(const struct job *parent)
{
    unsigned count = 0;
    const struct job *job;
    for (job = parent->master->jobs; job != NULL; job = job->hh.next)
        count += job->parent == parent->id;
    return count;
}

void nested_gone(struct job *job)
{
    struct job *parent = job->parent != 0 ? job_find(job->master, job->parent) : NULL;
    if (parent != NULL && parent->homed)
        job_check_idle(parent);
}

/* The ghosts come first, and while they do the nodes make the spaces. */
int nested_start(struct job *job, uint64_t tag, char **warnings, size_t count,
                 struct bp_error *err)
{
    struct job *its;
    struct proc *asker = nested_asker(job->tool, job->tool->asker, &its, err);
    int r = asker != NULL ? 0 : err->code;
    if (r == 0 && job->proc_count > BP_GHOST_MAX)
        r = bp_error_set(err, -E2BIG, "%u ranks, but a job that is started on a node can have %d",
                         job->proc_count, BP_GHOST_MAX);
    for (unsigned i = 0; r == 0 && i < job->proc_count; i++)
        r = herd_breed(asker, job, &job->procs[i], err);
    if (r < 0)
        return r;
    struct nested *nested = job->nested = bp_calloc(1, sizeof *nested);
    *nested = (struct nested){.tag = tag, .warning_count = count};
    nested->warnings = bp_calloc(count, sizeof *nested->warnings);
    for (size_t i = 0; i < count; i++)
        nested->warnings[i] = bp_strdup(warnings[i]);
    return 0;
}

static void nested_failed(struct job *job, int error)
{
    char text[160];
    snprintf(text, sizeof text, "its ghosts on the master cannot be made: %s", strerror(-error));
    if (job->tool != NULL) {
        tool_refuse(job->tool, job->nested->tag, error, text);
        job->tool->job = NULL;
        job->tool = NULL;
    }
    nested_free(job);
    job_close(job);
}

void job_ghost_made(struct job *job, struct proc *proc, int error)
{
    (void)proc;
    struct nested *nested = job->nested;
    if (nested == NULL)
        return;
    if (error < 0) {
        nested_failed(job, error);
        return;
    }
    if (job->unborn > 0)
        return;
    if (job->tool != NULL) {
        mirror_open(job);
        job_answer_map(job, nested->tag, nested->warnings, nested->warning_count);
        splice_tell(job);
    }
    nested_free(job);
}
