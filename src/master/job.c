/* SPDX-License-Identifier: BSD-3-Clause */
/* job.c - a job from its opening to its end: spaces on nodes, processes, the launcher's news. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "master/limits.h"
#include "master/master.h"

#define RANKS_MAX 60000
#define TEXT_MAX  1000 /* bytes of what a launcher or a list is told */
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

static void job_free(struct job *job)
{
    struct master *master = job->master;
    HASH_DEL(master->jobs, job);
    ticket_drop(master, job);
    publish_job_gone(job);
    relay_gone(master, NULL, job);
    if (job->tool != NULL)
        job->tool->job = NULL;
    herds_free(job);
    place_release(job);
    inside_gone(job);
    for (unsigned i = 0; i < job->proc_count; i++)
        free(job->procs[i].cpus);
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

/* ---- opening ---- */

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
    if (request->cwd[0] != '/')
        return bp_error_set(err, -EINVAL, "the working directory is no absolute path");
    return 0;
}

/* The kernel checks what the user may: the files are opened by the processes. */
static int check_files(const Bpmix__JobRequest *request, struct bp_error *err)
{
    unsigned seen = 0;
    for (size_t i = 0; i < request->n_files; i++) {
        const Bpmix__OpenFile *file = request->files[i];
        if (file->fd > 2 || (seen >> file->fd & 1) != 0 || file->path[0] == '\0' ||
            file->flags > INT_MAX || file->mode > 0777 || file->offset < 0)
            return bp_error_set(err, -EINVAL, "a file in place of a descriptor makes no sense");
        seen |= 1u << file->fd;
    }
    return 0;
}

/* Root could raise its limits anyway. */
static int check_limits(const struct tool *tool, Bpmix__JobRequest *request, struct bp_error *err)
{
    int r = tool->uid != 0 ? limits_clamp(tool->pid, request) : 0;
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
    job->uid = tool->uid;
    job->gid = tool->gid;
    job->group_count = tool->group_count;
    job->groups = bp_memdup(tool->groups, tool->group_count * sizeof *job->groups);
    job->launcher = tool->pid;
    job->in_place = take_request->in_place ? tool->pid : 0;
    job->group = getpgid(tool->pid);
    job->session = getsid(tool->pid);
    job->request = take_request;
    job->kept = take_request->lasting;
    job->start_ms = bp_clock_ms();
    HASH_ADD(hh, master->jobs, id, sizeof job->id, job);
    return job;
}

static void answer_map(struct job *job, uint64_t tag, char **warnings, size_t warning_count)
{
    Bpmix__JobMap map = BPMIX__JOB_MAP__INIT;
    Bpmix__Rank *ranks = bp_calloc(job->proc_count, sizeof *ranks);
    Bpmix__Node *nodes = bp_calloc(job->place_count, sizeof *nodes);
    map.job = job->id;
    map.nspace = job->nspace;
    map.key = (ProtobufCBinaryData){.data = job->key.bytes, .len = sizeof job->key.bytes};
    map.lease_ms = job->master->config.lease_ms;
    map.first = job->first;
    map.warnings = warnings;
    map.n_warnings = warning_count;
    map.n_ranks = job->proc_count;
    map.ranks = bp_calloc(job->proc_count, sizeof *map.ranks);
    for (unsigned i = 0; i < job->proc_count; i++) {
        const struct proc *proc = &job->procs[i];
        bpmix__rank__init(&ranks[i]);
        ranks[i].node = job->places[proc->place].node->number;
        ranks[i].local = proc->local;
        ranks[i].serial = i + 1;
        ranks[i].cpus = (ProtobufCBinaryData){.data = proc->cpus, .len = proc->cpu_bytes};
        map.ranks[i] = &ranks[i];
    }
    map.n_nodes = job->place_count;
    map.nodes = bp_calloc(job->place_count, sizeof *map.nodes);
    for (unsigned i = 0; i < job->place_count; i++) {
        bpmix__node__init(&nodes[i]);
        nodes[i].number = job->places[i].node->number;
        nodes[i].name = job->places[i].node->name;
        map.nodes[i] = &nodes[i];
    }
    int fds[BP_LOCAL_FDS_MAX];
    unsigned count = herds_take_fds(job, fds);
    tool_send(job->tool, (struct bp_frame){.type = BP_JOB_MAP, .job = job->id, .tag = tag}, &map,
              fds, count);
    free(map.ranks);
    free(map.nodes);
    free(ranks);
    free(nodes);
}

void job_open(struct tool *tool, const struct bp_frame *frame, Bpmix__JobRequest *take_request)
{
    struct bp_error err = {0};
    char **warnings = NULL;
    size_t warning_count = 0;
    int r = check_request(tool, take_request, &err);
    if (r == 0)
        r = check_files(take_request, &err);
    if (r == 0)
        r = check_limits(tool, take_request, &err);
    if (r < 0) {
        tool_refuse(tool, frame->tag, r, err.text);
        bp_unpack_free(take_request);
        return;
    }
    struct job *job = job_new(tool, take_request);
    if (take_request->inside != 0)
        r = inside_init(job, &err);
    if (r == 0)
        r = place_job(job, &warnings, &warning_count, &err);
    if (r == 0 && job->host != NULL)
        r = inside_check(job, &err);
    if (r == 0 && job->in_place != 0)
        r = in_place_init(job, &err);
    if (r == 0)
        r = herds_open(job, &err);
    if (r < 0) {
        tool_refuse(tool, frame->tag, r, err.text);
        job_free(job);
    } else {
        tool->job = job;
        if (job->host != NULL)
            inside_open(job);
        answer_map(job, frame->tag, warnings, warning_count);
        spaces_open(job);
        if (job->in_place != 0)
            job_create(job); /* it becomes a ghost when its process runs */
        bp_log_info("job-open job=%" PRIx64 " uid=%u ranks=%u nodes=%u launcher=%d program=%s",
                    job->id, job->uid, job->proc_count, job->place_count, job->launcher,
                    job->request->argv[0]);
    }
    for (size_t i = 0; i < warning_count; i++)
        free(warnings[i]);
    free(warnings);
}

/* ---- processes ---- */

static void send_signal(struct job *job, struct place *place, uint64_t serial,
                        const Bpmix__ProcSignal *signal)
{
    if (!place->ended)
        node_send(place->node, &(struct bp_frame){.type = BP_PROC_SIGNAL, .job = job->id,
                                                  .node = place->node->number, .tag = serial},
                  signal);
}

static void signal_now(struct job *job, struct proc *proc, const Bpmix__ProcSignal *signal)
{
    if (proc != NULL) {
        if (proc->state != PROC_GONE)
            send_signal(job, &job->places[proc->place], proc->rank + 1, signal);
        return;
    }
    for (unsigned i = 0; i < job->place_count; i++)
        send_signal(job, &job->places[i], 0, signal);
}

/* Keep a signal until the processes are created. As in the kernel one of the classic signals that
 * is pending already is not queued again, and there are not many of the others. */
static void keep_signal(struct job *job, struct proc *proc, const Bpmix__ProcSignal *signal)
{
    uint64_t *mask = proc != NULL ? &proc->waiting : &job->waiting;
    uint64_t bit = UINT64_C(1) << (signal->signal - 1);
    int classic = signal->signal < 32;
    if (classic ? (*mask & bit) != 0 : job->queued == QUEUE_MAX)
        return;
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
    if (job->created)
        signal_now(job, proc, signal);
    else
        keep_signal(job, proc, signal);
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
            row->cpus = (ProtobufCBinaryData){.data = proc->cpus, .len = proc->cpu_bytes};
            list[create.n_procs++] = row;
            job_proc_event(job, proc, PROC_CREATE, 0, NULL);
        }
        node_send(place->node, &(struct bp_frame){.type = BP_PROC_CREATE, .job = job->id,
                                                  .node = place->node->number}, &create);
    }
    job->created = 1;
    struct waiting_signal *waiting, *next;
    DL_FOREACH_SAFE(job->signals, waiting, next) {
        signal_now(job, waiting->serial != 0 ? &job->procs[waiting->serial - 1] : NULL,
                   &waiting->signal);
        free(waiting);
    }
    job->signals = NULL;
}

/* Tell all bpshepherds of the job that this rank has ended before its PMIx_Finalize: the others
 * must not wait for it. */
static void tell_shepherds(struct job *job, const struct proc *proc)
{
    if (!job->request->mpi || job->closing || proc->finalized ||
        (proc->status == 0 && !proc->connected))
        return;
    Bpmix__PmixGone gone = BPMIX__PMIX_GONE__INIT;
    uint32_t rank = proc->rank;
    gone.ranks = &rank;
    gone.n_ranks = 1;
    gone.status = proc->status;
    for (unsigned i = 0; i < job->place_count; i++)
        if (!job->places[i].ended)
            node_send(job->places[i].node,
                      &(struct bp_frame){.type = BP_PMIX_GONE, .job = job->id,
                                         .node = job->places[i].node->number}, &gone);
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
    event.node = job->places[proc->place].node->number;
    event.pid = proc->pid;
    if (event.kind == BPMIX__JOB_EVENT__KIND__EXIT)
        event.status = status;
    job_tell(job, &event);
    herd_end_ghost(job, proc, status);
    tell_shepherds(job, proc);
    --job->live;
    job_check_idle(job);
}

void job_proc_event(struct job *job, struct proc *proc, enum proc_event event, int32_t status,
                    const Bpmix__JobEvent *more)
{
    enum proc_state before = proc->state;
    struct proc_step step = proc_step(before, event);
    Bpmix__ProcSignal kill = BPMIX__PROC_SIGNAL__INIT;
    proc->state = step.next;
    switch ((enum proc_action)step.action) {
    case ACT_NONE:
    case ACT_CREATE:
        break;
    case ACT_KILL:
        kill.signal = SIGKILL;
        send_signal(job, &job->places[proc->place], proc->rank + 1, &kill);
        break;
    case ACT_MIRROR:
        herd_mirror(job, proc, event == PROC_STOP ? status : 0);
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

/* Jobs of libbproc go on as long as what was made inside of them; those of bprun and bpsh do not. */
void job_check_idle(struct job *job)
{
    if (job->live == 0 && !job->kept && (job->guests == 0 || !job->request->lasting))
        job_close(job);
}

void job_close(struct job *job)
{
    if (job->closing)
        return;
    job->closing = 1;
    inside_close(job);
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
    if (job->open_places > 0 || job->live > 0 || job->guests > 0 || stream_is_due(job))
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
    if (job->herds_open == 0)
        job_free(job);
}

void job_tool_gone(struct job *job)
{
    job->tool = NULL;
    for (unsigned i = 0; i < job->herd_count; i++) { /* a launcher that never took them */
        if (job->herds[i].launcher_fd >= 0)
            close(bp_take_fd(job->herds[i].launcher_fd));
    }
    job_close(job);
}

void job_place_ended(struct job *job, struct place *place, int kind, const char *text)
{
    if (place->ended || !place->opened)
        return;
    place->ended = 1;
    place->ended_ms = bp_clock_ms();
    place->node->jobs--;
    job->open_places--;
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
            job_proc_event(job, &job->procs[i], PROC_EXIT, SIGKILL, NULL);
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
}

void job_node_lost(struct master *master, struct node *node, const char *text)
{
    struct job *job, *next;
    HASH_ITER(hh, master->jobs, job, next) {
        struct place *place = job_place(job, node);
        if (place == NULL || place->ended)
            continue;
        Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
        event.kind = BPMIX__JOB_EVENT__KIND__NODE_LOST;
        event.node = node->number;
        event.text = (char *)text;
        job_tell(job, &event);
    }
}

/* ---- lists ---- */

static Bpmix__JobRow *job_row(struct job *job)
{
    Bpmix__JobRow *row = bp_calloc(1, sizeof *row);
    bpmix__job_row__init(row);
    row->job = job->id;
    row->uid = job->uid;
    row->command = strndup(job->request->argv[0], TEXT_MAX);
    row->ranks = job->proc_count;
    row->launcher_pid = job->launcher;
    row->age_ms = bp_clock_ms() - job->start_ms;
    row->state = (char *)(job->closing ? "closing" : job->created ? "running" : "starting");
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    for (unsigned i = 0; i < job->place_count; i++)
        fprintf(stream, "%s%d", i > 0 ? "," : "", job->places[i].node->number);
    fclose(stream);
    row->nodes = text;
    return row;
}

void job_list(struct master *master, Bpmix__JobList *ret_list)
{
    bpmix__job_list__init(ret_list);
    ret_list->jobs = bp_calloc(HASH_COUNT(master->jobs), sizeof *ret_list->jobs);
    struct job *job, *next;
    HASH_ITER(hh, master->jobs, job, next)
        ret_list->jobs[ret_list->n_jobs++] = job_row(job);
}

void job_list_done(Bpmix__JobList *list)
{
    for (size_t i = 0; i < list->n_jobs; i++) {
        free(list->jobs[i]->nodes);
        free(list->jobs[i]->command);
        free(list->jobs[i]);
    }
    free(list->jobs);
}
