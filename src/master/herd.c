/* SPDX-License-Identifier: BSD-3-Clause */
/* herd.c - the herders of a job: registration of ghosts, their signals, orders to them. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"

/* ---- orders to the herder ---- */

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct herd *herd = arg;
    while (herd->queued > 0) {
        unsigned batch = herd->queued < BP_GHOST_BATCH ? herd->queued : BP_GHOST_BATCH;
        ssize_t sent = send(fd, herd->queue, batch * sizeof *herd->queue,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) {
            event_add(herd->write_event, NULL);
            return;
        }
        if (sent < 0)
            return; /* reading sees the end */
        herd->queued -= batch;
        memmove(herd->queue, herd->queue + batch, herd->queued * sizeof *herd->queue);
    }
}

void herd_order(struct herd *herd, const struct bp_ghost_record *record)
{
    if (herd->fd < 0)
        return;
    if (herd->queued == herd->queue_size) {
        if (herd->queue_size > 64 * (herd->count + 16) + 4 * BP_GHOST_SLOTS) {
            herd_failed(herd, "the herder does not take its orders");
            return;
        }
        herd->queue_size = herd->queue_size * 2 + 16;
        herd->queue = bp_realloc(herd->queue, herd->queue_size, sizeof *herd->queue);
    }
    herd->queue[herd->queued++] = *record;
    if (herd->queued == 1)
        on_writable(herd->fd, EV_WRITE, herd);
}

void herd_end_ghost(struct proc *proc, int32_t status)
{
    struct bp_ghost_record record = {.type = BP_GHOST_EXIT, .slot = proc->slot, .status = status};
    /* A ghost that is not born yet knows no orders: it gets what it missed when it is. */
    if (!proc->ghost_gone && proc->herd != NULL && proc->herd->pid != 0 && proc->pid != 0)
        herd_order(proc->herd, &record);
}

void herd_mirror(const struct proc *proc, int signal)
{
    struct bp_ghost_record record = {.type = signal != 0 ? BP_GHOST_STOPPED : BP_GHOST_CONTINUED,
                                     .slot = proc->slot, .signo = signal,
                                     .value = proc->continues};
    if (proc->herd != NULL)
        herd_order(proc->herd, &record);
}

void herd_forward(struct job *job, const Bpmix__JobForward *forward)
{
    if (job->mirror != NULL) {
        mirror_forward(job, forward);
        return;
    }
    if (job->herd_count == 0)
        return;
    herd_order(&job->herds[0], &(struct bp_ghost_record){.type = BP_GHOST_FORWARD,
                                                    .slot = BP_GHOST_SLOT_ALL,
                                                    .signo = (int32_t)forward->signal,
                                                    .code = forward->code,
                                                    .sender_pid = forward->sender_pid,
                                                    .sender_uid = forward->sender_uid,
                                                    .value = forward->value});
}

/* ---- registration ---- */

struct identity { /* from /proc/PID/status */
    int parent, tracer;
    unsigned uids[4];
};

static int read_identity(int pid, struct identity *ret)
{
    char path[32], text[2048];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -ESRCH;
    size_t got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[got] = '\0';
    const char *parent = strstr(text, "\nPPid:");
    const char *tracer = strstr(text, "\nTracerPid:");
    const char *uids = strstr(text, "\nUid:");
    if (parent == NULL || tracer == NULL || uids == NULL ||
        sscanf(parent, "\nPPid: %d", &ret->parent) != 1 ||
        sscanf(tracer, "\nTracerPid: %d", &ret->tracer) != 1 ||
        sscanf(uids, "\nUid: %u %u %u %u", &ret->uids[0], &ret->uids[1], &ret->uids[2],
               &ret->uids[3]) != 4)
        return -EPROTO;
    return 0;
}

int herd_parent(int pid)
{
    struct identity identity;
    int r = read_identity(pid, &identity);
    return r < 0 ? r : identity.parent;
}

int herd_may_signal(int pid, uid_t uid)
{
    struct identity identity;
    return read_identity(pid, &identity) == 0 &&
           (uid == 0 || identity.uids[0] == uid || identity.uids[2] == uid);
}

static int compare_pids(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a, right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

static int all_of(const struct identity *identity, uid_t uid)
{
    for (int i = 0; i < 4; i++)
        if (identity->uids[i] != uid)
            return 0;
    return 1;
}

/* A ghost is what it claims to be: the user's, child of the launcher, traced by the herder. */
static int check_child(const struct herd *herd, int32_t pid, int *ret_parent, struct bp_error *err)
{
    struct identity identity;
    if (read_identity(pid, &identity) < 0)
        return bp_error_set(err, -ESRCH, "there is no process %d", pid);
    if (!all_of(&identity, herd->job->uid))
        return bp_error_set(err, -EPERM, "process %d belongs to another user", pid);
    if (identity.tracer != herd->pid)
        return bp_error_set(err, -EPERM, "process %d is not traced by its herder", pid);
    *ret_parent = identity.parent;
    return 0;
}

int herd_check_ghost(const struct herd *herd, int32_t pid, struct bp_error *err)
{
    int parent;
    return check_child(herd, pid, &parent, err);
}

static int check_ghost(const struct herd *herd, const struct proc *proc, struct bp_error *err)
{
    int parent;
    int r = check_child(herd, proc->pid, &parent, err);
    if (r < 0)
        return r;
    if (parent != herd->job->launcher && herd->job->tool != NULL &&
        herd->job->in_place == 0)
        return bp_error_set(err, -EPERM, "process %d is not a child of the launcher", proc->pid);
    return 0;
}

/* Each ghost stands for one process only. */
static int check_twins(const struct herd *herd, struct bp_error *err)
{
    auto_free int32_t *pids = bp_calloc(herd->count, sizeof *pids);
    for (unsigned i = 0; i < herd->count; i++)
        pids[i] = herd->job->procs[herd->first + i].pid;
    qsort(pids, herd->count, sizeof *pids, compare_pids);
    for (unsigned i = 1; i < herd->count; i++)
        if (pids[i] != 0 && pids[i] == pids[i - 1])
            return bp_error_set(err, -EPERM, "process %d is named twice", pids[i]);
    return 0;
}

void herd_ghost_gone(struct job *job, struct proc *proc, int32_t status)
{
    proc->ghost_gone = 1;
    if (proc->state == PROC_RESERVED)
        job_proc_event(job, proc, PROC_KILL, status, NULL);
    else if (proc->state != PROC_GONE && proc->state != PROC_HELD)
        job_signal(job, proc, &(Bpmix__ProcSignal){
            .base = PROTOBUF_C_MESSAGE_INIT(&bpmix__proc_signal__descriptor), .signal = SIGKILL});
}

static int check_herd(struct herd *herd, struct bp_error *err)
{
    struct identity identity;
    herd->pidfd = (int)syscall(SYS_pidfd_open, herd->pid, 0);
    if (herd->pidfd < 0 || read_identity(herd->pid, &identity) < 0)
        return bp_error_set(err, -ESRCH, "there is no herder %d", herd->pid);
    if (!all_of(&identity, herd->job->uid))
        return bp_error_set(err, -EPERM, "the herder %d belongs to another user", herd->pid);
    int r = check_twins(herd, err);
    for (unsigned i = 0; r == 0 && i < herd->count; i++) {
        struct proc *proc = &herd->job->procs[herd->first + i];
        if (proc->ghost_gone)
            continue;
        r = proc->pid == 0 ? bp_error_set(err, -EPROTO, "ghost %u is missing", i)
                           : check_ghost(herd, proc, err);
        if (r != -ESRCH)
            continue;
        /* Killed meanwhile: no fraud, but nobody stands for this process any more. */
        r = 0;
        herd_ghost_gone(herd->job, proc, SIGKILL);
    }
    return r;
}

static void herding(struct herd *herd, int32_t pid)
{
    struct bp_error err = {0};
    herd->pid = pid;
    herd->seen_ms = bp_clock_ms();
    if (check_herd(herd, &err) < 0) {
        herd_failed(herd, err.text);
        return;
    }
    struct job *job = herd->job;
    for (unsigned i = 0; i < herd->count; i++) {
        struct proc *proc = &job->procs[herd->first + i];
        if (proc->state == PROC_GONE)
            herd_end_ghost(proc, proc->status);
        if (proc->state == PROC_STOPPED)
            herd_mirror(proc, SIGSTOP); /* before its ghost was there */
        home_ghost_there(proc);
    }
    breed_ghosts_there(herd);
    if (++job->herds_ready == job->herd_count)
        job_create(job);
}

/* ---- what the herder says ---- */

static int is_stop(int signo)
{
    return signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

void herd_said_signal(struct job *job, struct proc *proc, const struct bp_ghost_record *record)
{
    Bpmix__ProcSignal signal = BPMIX__PROC_SIGNAL__INIT;
    signal.signal = (uint32_t)record->signo;
    signal.code = record->code;
    signal.sender_pid = record->sender_pid;
    signal.sender_uid = record->sender_uid;
    signal.value = record->value;
    job_signal(job, proc, &signal);
    /* The SIGCONT that woke the ghost may have been dropped for this one: then its process, which
     * is stopped as before, tells nothing. */
    if (proc != NULL && proc->state == PROC_STOPPED && is_stop(record->signo))
        job_proc_event(job, proc, PROC_STOP, record->signo, NULL);
}

/* 0, or -EPROTO when a record is not one a herder may send now. */
static int said(struct herd *herd, const struct bp_ghost_record *record)
{
    struct job *job = herd->job;
    struct proc *proc = NULL;
    if (record->slot < herd->count)
        proc = &job->procs[herd->first + record->slot];
    else if (record->slot < BP_GHOST_SLOTS)
        return breed_said(herd, record);
    switch (record->type) {
    case BP_GHOST_BORN:
        if (proc == NULL || record->pid <= 0 || herd->pid != 0 ||
            proc->pid != (job->in_place != 0 ? record->pid : 0))
            return -EPROTO;
        proc->pid = record->pid;
        return 0;
    case BP_GHOST_HERDING:
        if (herd->pid != 0 || record->pid <= 0)
            return -EPROTO;
        herding(herd, record->pid);
        return 0;
    case BP_GHOST_SIGNAL:
        if ((proc == NULL && record->slot != BP_GHOST_SLOT_ALL) || record->signo < 1 ||
            record->signo > 64)
            return -EPROTO;
        if (proc != NULL && record->signo == SIGCONT)
            proc->continues++;
        herd_said_signal(job, proc, record);
        return 0;
    case BP_GHOST_GONE:
        if (proc == NULL)
            return -EPROTO;
        herd_ghost_gone(job, proc, record->status);
        return 0;
    case BP_GHOST_HOME:
    case BP_GHOST_STAYS:
        return proc == NULL ? -EPROTO : home_ghost(job, proc, record);
    case BP_GHOST_PONG:
        if (record->value == herd->ping)
            herd->seen_ms = bp_clock_ms();
        return 0;
    case BP_GHOST_FAILED:
        herd_failed(herd, strerror(record->status));
        return 0;
    default:
        return -EPROTO;
    }
}

static void herd_close(struct herd *herd)
{
    if (herd->fd < 0)
        return;
    event_free(herd->event);
    event_free(herd->write_event);
    close(herd->fd);
    herd->fd = -1;
    herd->queued = 0;
    for (unsigned i = 0; i < herd->count; i++) {
        struct proc *proc = &herd->job->procs[herd->first + i];
        proc->ghost_gone = 1;
        home_ghost_lost(herd->job, proc);
    }
    breed_closed(herd);
    herd->job->herds_open--; /* last: until then the end of a guest cannot free the job */
}

/* The herd cannot go on: the job ends. */
void herd_failed(struct herd *herd, const char *why)
{
    struct job *job = herd->job;
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = BPMIX__JOB_EVENT__KIND__HERDER_LOST;
    event.pid = herd->pid;
    event.text = (char *)why;
    job_tell(job, &event);
    bp_log_warning("herder-lost job=%llx pid=%d why=\"%s\"", (unsigned long long)job->id,
                   herd->pid, why);
    herd_close(herd);
    job_close(job);
}

/* A herder ends when its last ghost has: that may be long before the end of another herd. */
static int is_done(const struct herd *herd)
{
    for (unsigned i = 0; i < herd->count; i++)
        if (herd->job->procs[herd->first + i].state != PROC_GONE)
            return 0;
    return 1;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct herd *herd = arg;
    struct bp_ghost_record records[BP_GHOST_BATCH];
    ssize_t got = recv(fd, records, sizeof records, MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0 && errno == EAGAIN)
        return;
    struct job *job = herd->job;
    if (got <= 0 && !is_done(herd) && !job->closing)
        herd_failed(herd, "it was killed");
    else if (got <= 0)
        herd_close(herd);
    else if ((size_t)got > sizeof records || (size_t)got % sizeof records[0] != 0)
        herd_failed(herd, "it sent a malformed packet");
    for (ssize_t i = 0; i < got / (ssize_t)sizeof records[0] && herd->fd >= 0; i++)
        if (said(herd, &records[i]) < 0)
            herd_failed(herd, "it sent a record that makes no sense");
    if (herd->fd < 0)
        job_check_end(job);
}

/* It has not answered for a whole lease: its death ends its ghosts. */
static void herd_stuck(struct herd *herd)
{
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = BPMIX__JOB_EVENT__KIND__STUCK;
    event.pid = herd->pid;
    event.text = (char *)"the herder of the ghosts does not answer";
    herd->stuck = 1;
    job_tell(herd->job, &event);
    /* The launcher, who was told, does it if we may not. */
    syscall(SYS_pidfd_send_signal, herd->pidfd, SIGKILL, NULL, 0);
}

/* A herder's socket can be held by anybody the launcher gave it to, so its end is no sure sign:
 * one that stays silent, or open after the job is over, is closed here. */
void herd_tick(struct job *job, int late)
{
    uint64_t now = bp_clock_ms();
    unsigned lease_ms = job->master->config.lease_ms;
    for (unsigned i = 0; i < job->herd_count; i++) {
        struct herd *herd = &job->herds[i];
        if (herd->fd < 0)
            continue;
        if (late)
            herd->seen_ms = now;
        uint64_t silent_ms = herd->pid != 0 ? now - herd->seen_ms : 0;
        if (job->ended && now - job->ended_ms > lease_ms)
            herd_close(herd);
        else if (silent_ms > 2 * (uint64_t)lease_ms)
            herd_failed(herd, "it does not answer");
        else if (silent_ms > lease_ms && !herd->stuck)
            herd_stuck(herd);
        herd_order(herd, &(struct bp_ghost_record){.type = BP_GHOST_PING, .value = ++herd->ping});
    }
}

int herds_open(struct job *job, struct bp_error *err)
{
    job->herd_count = (job->proc_count + BP_GHOST_MAX - 1) / BP_GHOST_MAX;
    if (job->herd_count > BP_LOCAL_FDS_MAX)
        return bp_error_set(err, -E2BIG, "%u ranks are more than %u", job->proc_count,
                            BP_LOCAL_FDS_MAX * BP_GHOST_MAX);
    job->herds = bp_calloc(job->herd_count, sizeof *job->herds);
    for (unsigned i = 0; i < job->herd_count; i++) {
        struct herd *herd = &job->herds[i];
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
            job->herd_count = i;
            return bp_error_set(err, -errno, "socketpair: %s", strerror(errno));
        }
        *herd = (struct herd){.job = job, .fd = pair[0], .launcher_fd = pair[1], .pidfd = -1,
                              .first = i * BP_GHOST_MAX, .seen_ms = bp_clock_ms()};
        unsigned left = job->proc_count - herd->first;
        herd->count = left < BP_GHOST_MAX ? left : BP_GHOST_MAX;
        for (unsigned k = 0; k < herd->count; k++) {
            job->procs[herd->first + k].herd = herd;
            job->procs[herd->first + k].slot = k;
        }
        herd->event = event_new(job->master->base, pair[0], EV_READ | EV_PERSIST, on_readable,
                                herd);
        herd->write_event = event_new(job->master->base, pair[0], EV_WRITE, on_writable, herd);
        event_add(herd->event, NULL);
        job->herds_open++;
    }
    return 0;
}

unsigned herds_take_fds(struct job *job, int fds[BP_LOCAL_FDS_MAX])
{
    for (unsigned i = 0; i < job->herd_count; i++)
        fds[i] = bp_take_fd(job->herds[i].launcher_fd);
    return job->herd_count;
}

void herds_free(struct job *job)
{
    for (unsigned i = 0; i < job->herd_count; i++) {
        struct herd *herd = &job->herds[i];
        herd_close(herd);
        if (herd->launcher_fd >= 0)
            close(herd->launcher_fd);
        if (herd->pidfd >= 0)
            close(herd->pidfd);
        free(herd->queue);
        free(herd->bred);
    }
    free(job->herds);
}
