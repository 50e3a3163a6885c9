/* SPDX-License-Identifier: BSD-3-Clause */
/* open.c - a request for a job: is it sound, and who asks. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "master/limits.h"
#include "master/master.h"
#include "proto/apps.h"
#include "proto/space_record.h"

#define RANKS_MAX 60000
#define APPS_MAX  4096

static int check_request(struct tool *tool, const Bpmix__JobRequest *request,
                         struct bp_error *err)
{
    if (tool->uid == 0 && !tool->master->config.root_jobs)
        return bp_error_set(err, -EPERM, "uid 0 may not start jobs here (rootjobs in bpmaster's "
                            "configuration)");
    if (request->n_argv == 0 || request->place == NULL || request->launcher == NULL)
        return bp_error_set(err, -EINVAL, "a job needs a program, a place and a launcher");
    if (request->place->ranks > RANKS_MAX)
        return bp_error_set(err, -E2BIG, "%u ranks, but %u is the most", request->place->ranks,
                            RANKS_MAX);
    if (request->launcher->pid != tool->pid || tool->pid <= 0) /* 0: of another PID namespace */
        return bp_error_set(err, -EPERM, "process %d opened this connection, not %d", tool->pid,
                            request->launcher->pid);
    if ((unsigned)request->start > BPMIX__START__SELF)
        return bp_error_set(err, -EINVAL, "no such way to start a program: %d", request->start);
    if (request->n_cpu > BP_CPU_WORDS)
        return bp_error_set(err, -EINVAL, "too many words of a CPU");
    if (request->cwd[0] != '/')
        return bp_error_set(err, -EINVAL, "the working directory is no absolute path");
    return 0;
}

/* Several programs: each rank runs one of them, which the nodes will look up. */
static int check_apps(const Bpmix__JobRequest *request, struct bp_error *err)
{
    auto_free struct bp_app_rank *ranks = NULL;
    if (request->n_apps == 0)
        return 0;
    if (request->n_apps > APPS_MAX)
        return bp_error_set(err, -E2BIG, "more than %d programs", APPS_MAX);
    if (request->start != BPMIX__START__EXEC || request->program[0] != '\0' ||
        request->in_place || request->place->one_each || request->place->ranks == 0)
        return bp_error_set(err, -EINVAL, "a job of several programs is started by exec, and says "
                            "how many ranks it has");
    return bp_apps_ranks(request->apps, request->n_apps, request->place->ranks, &ranks, err);
}

/* The kernel checks what the user may: the files are opened by the processes. */
static int check_files(Bpmix__OpenFile *const *files, size_t count, struct bp_error *err)
{
    if (count > BP_SPACE_FILES_MAX)
        return bp_error_set(err, -E2BIG, "more than %d files in place of descriptors",
                            BP_SPACE_FILES_MAX);
    for (size_t i = 0; i < count; i++) {
        const Bpmix__OpenFile *file = files[i];
        int makes_sense = file->fd <= BP_SPACE_FD_MAX && file->path[0] != '\0' &&
                          file->flags <= INT_MAX && file->mode <= 0777 && file->offset >= 0;
        for (size_t k = 0; k < i; k++)
            makes_sense &= files[k]->fd != file->fd;
        if (!makes_sense)
            return bp_error_set(err, -EINVAL, "a file in place of a descriptor makes no sense");
    }
    return 0;
}

int job_check_move(const Bpmix__JobMove *move, struct bp_error *err)
{
    if ((unsigned)move->start > BPMIX__START__SELF ||
        (move->cwd[0] != '\0' && move->cwd[0] != '/') ||
        (move->start != BPMIX__START__SELF && move->n_argv == 0) ||
        (move->start == BPMIX__START__EXEC && move->program[0] == '\0'))
        return bp_error_set(err, -EINVAL, "what the process is to be there makes no sense");
    return check_files(move->files, move->n_files, err);
}

/* Root could raise its limits anyway. */
static int check_limits(const struct tool *tool, Bpmix__JobRequest *request, struct bp_error *err)
{
    int r = 0;
    if (tool->uid != 0 && tool->via != NULL)
        limits_clamp_to(tool->via_job->request, request);
    else if (tool->uid != 0)
        r = limits_clamp(tool->pid, request);
    return r == 0 ? 0 : bp_error_set(err, r, "the limits of process %d: %s", tool->pid,
                                     strerror(-r));
}

static struct job *job_new(struct tool *tool, Bpmix__JobRequest *take_request)
{
    struct master *master = tool->master;
    struct job *job = bp_calloc(1, sizeof *job);
    uint64_t secret[2];
    job->master = master;
    job->id = master->next_job++;
    bp_key_random(secret, sizeof secret);
    bp_key_random(&job->key, sizeof job->key);
    snprintf(job->nspace, sizeof job->nspace, "bpmix.%" PRIx64 "%" PRIx64 ".%" PRIx64, secret[0],
             secret[1] & 0xffff, job->id);
    job->tool = tool;
    job->plain = master->config.plain != 0;
    job->uid = tool->uid;
    job->gid = tool->gid;
    job->group_count = tool->group_count;
    job->groups = bp_memdup(tool->groups, tool->group_count * sizeof *job->groups);
    job->launcher = tool->pid;
    job->in_place = take_request->in_place ? tool->pid : 0;
    job->group = getpgid(tool->pid);
    job->session = getsid(tool->pid);
    job->request = take_request;
    bp_cpu_take(take_request->cpu, take_request->n_cpu, job->cpu);
    job->kept = take_request->lasting;
    job->orphaned = take_request->launcher->orphaned;
    job->parent = tool->via != NULL ? tool->via_job->id : 0;
    job->start_ms = bp_clock_ms();
    HASH_ADD(hh, master->jobs, id, sizeof job->id, job);
    return job;
}

void job_open(struct tool *tool, const struct bp_frame *frame, Bpmix__JobRequest *take_request)
{
    struct bp_error err = {0};
    int r = tool->via != NULL ? nested_identify(tool, (int32_t)frame->job, take_request, &err) : 0;
    if (r == 0)
        r = check_request(tool, take_request, &err);
    if (r == 0)
        r = check_apps(take_request, &err);
    if (r == 0)
        r = check_files(take_request->files, take_request->n_files, &err);
    if (r == 0)
        r = check_limits(tool, take_request, &err);
    if (r < 0) {
        tool_refuse(tool, frame->tag, r, err.text);
        bp_unpack_free(take_request);
        return;
    }
    /* A job inside of a job: it has that one's CPUs, and would wait for itself. */
    if (tool->via != NULL)
        take_request->place->overlap = 1;
    struct job *job = job_new(tool, take_request);
    r = take_request->inside != 0 ? inside_init(job, &err) : 0;
    if (r == 0) {
        queue_add(job, frame->tag);
        return;
    }
    tool_refuse(tool, frame->tag, r, err.text);
    job_free(job);
}
