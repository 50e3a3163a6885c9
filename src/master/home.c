/* SPDX-License-Identifier: BSD-3-Clause */
/* home.c - a process comes home from its node to the master. Its launcher (where that is on a node,
 * the one that all began with) gets its image and finds that it can be restored; its ghost executes
 * bphome; then there is no way back: what it was on the node is ended, and bphome gets what it is
 * to be. Signals wait from the beginning to then. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/bproc_common.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"
#include "proto/space_record.h"
#include "proto/stream.h"

#define FILES          4    /* image, stdin, stdout, stderr; and those of its JobMove */
#define USER_MAX       256  /* of one user at a time; root's are not counted */
#define RESIDENTS_MAX  1024 /* of one user, that are home and still their jobs' */
#define BYTES_MAX      (64 << 20) /* of their JobMoves, likewise */
#define REALTIME_MAX   4096 /* signals that wait, each of which counts */
#define FIRST_REALTIME 32

enum homing_state {
    HOMING_ASKED,   /* the launcher gets its image */
    HOMING_EARLY,   /* it has; but its ghost is not there yet: it was fast */
    HOMING_ORDERED, /* its ghost is told */
    HOMING_HOME,    /* its ghost is bphome */
};

struct homing {
    struct master *master;
    enum homing_state state;
    uint64_t job;
    uint32_t rank;
    uint64_t receiver; /* the job whose launcher gets its image */
    uint32_t number;   /* of that on the data connections */
    uid_t uid;
    struct tool *tool; /* its connection on the node; NULL = it has ended there */
    uint64_t tag;
    int32_t pid, herder;
    struct event *end; /* of the process; NULL before ORDERED */
    int handle;        /* on it, for its job; -1 = none */
    Bpmix__JobMove *move; /* what it is to be; NULL = what its image is */
    size_t move_bytes;
    int fds[FILES + BP_SPACE_FILES_MAX];
    unsigned fd_count;
    struct tool *asker; /* bphome; NULL = it has not asked yet */
    uint64_t asker_tag;
    uint8_t over;    /* the process has ended */
    uint8_t left;    /* it has ended on the node: its job knows */
    uint8_t drained; /* its output is all written */
    uint8_t kept;    /* it stays its job's: resident.c */
    uint8_t reaped;  /* its launcher, which is its parent, will tell of its end */
    uint8_t died;    /* while ORDERED: it ended on its node, with this status */
    int32_t status;
    struct waiting_signal *signals;
    uint64_t waiting;
    unsigned realtime;
    struct homing *prev, *next;
};

/* ---- one of them ---- */

static struct job *job_of(const struct homing *homing)
{
    return job_find(homing->master, homing->job);
}

/* The job whose launcher is a process here, and which of its ranks this comes from. */
static struct job *receiver_of(struct job *job, uint32_t *ret_rank)
{
    while (job->parent != 0) {
        struct job *parent = job_find(job->master, job->parent);
        *ret_rank = 0; /* or of a guest of it */
        for (unsigned i = 0; parent != NULL && i < parent->proc_count; i++)
            if (parent->procs[i].pid == job->launcher)
                *ret_rank = i;
        if (parent == NULL)
            return NULL;
        job = parent;
    }
    return job;
}

static int has_image(const struct homing *homing)
{
    return homing->tool != NULL &&
           (homing->move == NULL || homing->move->start != BPMIX__START__EXEC);
}

/* node: where its image is; NULL = it is not wanted any more. */
static void tell_receiver(struct homing *homing, const struct node *node)
{
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    struct job *job = job_of(homing);
    event.kind = BPMIX__JOB_EVENT__KIND__FETCH;
    event.rank = homing->rank;
    event.number = homing->number;
    event.node = BPROC_NODE_MASTER;
    struct job *receiver = job != NULL ? receiver_of(job, &event.rank) : NULL;
    if (receiver == NULL || receiver->id != homing->receiver)
        return;
    if (node != NULL) {
        event.status = node->number;
        event.text = (char *)node->name;
        event.pid = homing->pid;
        event.move = homing->move;
        event.image = has_image(homing) ? homing->tool->via_number : 0;
    }
    job_tell(receiver, &event);
}

static void homing_free(struct homing *homing)
{
    struct waiting_signal *waiting, *next;
    struct job *job = job_of(homing);
    tell_receiver(homing, NULL);
    if (job != NULL && job->procs[homing->rank].homing == homing)
        job->procs[homing->rank].homing = NULL;
    DL_FOREACH_SAFE(homing->signals, waiting, next)
        free(waiting);
    if (homing->handle >= 0)
        close(homing->handle);
    if (homing->end != NULL) { /* epoll knows its number as long as there is a copy of it */
        int end = event_get_fd(homing->end);
        event_free(homing->end);
        close(end);
    }
    for (unsigned i = 0; i < homing->fd_count; i++)
        close(homing->fds[i]);
    bp_unpack_free(homing->move);
    DL_DELETE(homing->master->homings, homing);
    free(homing);
}

void home_signal(struct proc *proc, const Bpmix__ProcSignal *signal)
{
    struct homing *homing = proc->homing;
    uint64_t bit = UINT64_C(1) << (signal->signal - 1);
    int realtime = signal->signal >= FIRST_REALTIME;
    if (realtime ? homing->realtime == REALTIME_MAX : (homing->waiting & bit) != 0)
        return; /* as the kernel does it */
    homing->waiting |= bit;
    homing->realtime += (unsigned)realtime;
    struct waiting_signal *waiting = bp_calloc(1, sizeof *waiting);
    waiting->signal = *signal;
    DL_APPEND(homing->signals, waiting);
}

void home_signal_all(struct job *job, const Bpmix__ProcSignal *signal)
{
    for (unsigned i = 0; i < job->proc_count; i++) {
        struct proc *proc = &job->procs[i];
        if (proc->homing != NULL && proc->homing->state == HOMING_HOME)
            home_signal(proc, signal);
        else if (proc->resident != NULL)
            resident_signal(proc, signal);
    }
}

static void tell_moved(struct job *job, const struct proc *proc)
{
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = BPMIX__JOB_EVENT__KIND__MOVED;
    event.rank = proc->rank;
    event.node = BPROC_NODE_MASTER;
    event.status = proc_node(job, proc)->number;
    event.pid = proc->pid;
    event.number = proc->homing->number;
    event.follows = proc->resident != NULL;
    event.text = (char *)"master";
    job_tell(job, &event);
}

/* It goes on where it is. */
static void give_up(struct homing *homing, int code, const char *text)
{
    struct job *job = job_of(homing);
    struct proc *proc = &job->procs[homing->rank];
    struct waiting_signal *waiting;
    proc->homing = NULL;
    if (homing->tool != NULL)
        tool_refuse(homing->tool, homing->tag, code, text);
    DL_FOREACH(homing->signals, waiting)
        job_signal(job, proc, &waiting->signal);
    homing_free(homing);
}

/* ---- it asks ---- */

/* One that asks runs, also when its node has not said yet that it was continued. */
static int lives(const struct proc *proc)
{
    return (proc->state == PROC_RUNNING || proc->state == PROC_STOPPED) && proc->herd != NULL &&
           !proc->ghost_gone;
}

static size_t size_of(const Bpmix__JobMove *move)
{
    return move != NULL ? protobuf_c_message_get_packed_size(&move->base) : 0;
}

static int check(const struct tool *tool, const struct job *job, const struct proc *proc,
                 const Bpmix__JobMove *move, struct bp_error *err)
{
    unsigned count = 0;
    size_t bytes = size_of(move);
    const struct homing *homing;
    DL_FOREACH(tool->master->homings, homing)
        if (homing->uid == job->uid) {
            count++;
            bytes += homing->move_bytes;
        }
    if (job->request->mpi)
        return bp_error_set(err, -EOPNOTSUPP, "a rank of an MPI job stays where the others know "
                            "it (bprun --mpi=none starts ranks that may come home)");
    if (job->request->pty != NULL && proc->rank == 0)
        return bp_error_set(err, -EOPNOTSUPP, "a process with a terminal stays at it");
    if (job->tool == NULL)
        return bp_error_set(err, -ESRCH, "its launcher has gone");
    if (!lives(proc))
        return bp_error_set(err, -ESRCH, "it is ending");
    if (job->uid != 0 && (count >= USER_MAX || bytes > BYTES_MAX))
        return bp_error_set(err, -EAGAIN, "%u processes of user %u are on their way home", count,
                            job->uid);
    count += residents_count(tool->master, job->uid);
    if (job->uid != 0 && count >= RESIDENTS_MAX)
        return bp_error_set(err, -EAGAIN, "%u processes of user %u that are at home belong to "
                            "jobs still", count, job->uid);
    return 0;
}

int home_ask(struct tool *tool, uint64_t tag, struct job *job, struct proc *proc,
             Bpmix__JobMove *take_move, struct bp_error *err)
{
    uint32_t rank;
    struct node *node = proc_node(job, proc);
    struct job *receiver = receiver_of(job, &rank);
    int r = check(tool, job, proc, take_move, err);
    if (r == 0 && (receiver == NULL || receiver->tool == NULL || receiver->closing))
        r = bp_error_set(err, -ESRCH, "the launcher on the master has gone");
    if (r == 0 && receiver != job && take_move->start != BPMIX__START__EXEC)
        r = stay_open_host(receiver, node, err);
    if (r < 0 || (take_move->start == BPMIX__START__SELF && take_move->n_files == 0))
        bp_unpack_free(bp_take_ptr(take_move));
    if (r < 0)
        return r;
    struct homing *homing = proc->homing = bp_calloc(1, sizeof *homing);
    *homing = (struct homing){.master = job->master, .job = job->id, .rank = proc->rank,
                              .receiver = receiver->id,
                              .number = BP_STREAM_STAYS | (uint32_t)job->master->last_stay++,
                              .uid = job->uid, .tool = tool, .tag = tag, .pid = proc->pid,
                              .move = take_move, .move_bytes = size_of(take_move),
                              .handle = -1};
    DL_APPEND(job->master->homings, homing);
    tool->mover_job = job->id;
    tool->mover_rank = proc->rank;
    tell_receiver(homing, node);
    return 0;
}

/* ---- its image is here ---- */

/* bphome has asked, and what was on the node is over: nothing of it can still come. */
static void deliver(struct homing *homing)
{
    struct job *job = job_of(homing);
    Bpmix__Home home = BPMIX__HOME__INIT;
    struct waiting_signal *waiting;
    unsigned count;
    if (homing->over && homing->left) {
        homing_free(homing);
        return;
    }
    if (homing->asker == NULL || !homing->left ||
        (!homing->drained && job != NULL && job->tool != NULL))
        return;
    DL_COUNT(homing->signals, waiting, count);
    auto_free Bpmix__ProcSignal **rows = bp_calloc(count, sizeof *rows);
    home.signals = rows;
    DL_FOREACH(homing->signals, waiting)
        rows[home.n_signals++] = &waiting->signal;
    home.herder = homing->herder;
    if (job != NULL && job->in_place == 0) {
        home.limits = job->request->limits;
        home.n_limits = job->request->n_limits;
    }
    home.move = homing->move;
    tool_send(homing->asker, (struct bp_frame){.type = BP_HOME, .tag = homing->asker_tag}, &home,
              homing->fds, homing->fd_count);
    homing->fd_count = 0;
    homing_free(homing);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct homing *homing = arg;
    homing->over = 1; /* before HOME the herder says what that means */
    event_del(homing->end);
    if (homing->state == HOMING_HOME)
        deliver(homing);
}

static int order(struct homing *homing, struct proc *proc)
{
    int alive = (int)syscall(SYS_pidfd_open, proc->pid, 0);
    homing->handle = alive >= 0 ? fcntl(alive, F_DUPFD_CLOEXEC, 3) : -1;
    if (homing->handle < 0) {
        int r = -errno;
        if (alive >= 0)
            close(alive);
        return r;
    }
    homing->end = event_new(homing->master->base, alive, EV_READ | EV_PERSIST, on_end, homing);
    event_add(homing->end, NULL);
    homing->state = HOMING_ORDERED;
    homing->herder = proc->herd->pid;
    herd_order(proc->herd, &(struct bp_ghost_record){.type = BP_GHOST_BECOME, .slot = proc->slot});
    return 0;
}

static void arrived(struct homing *homing, struct proc *proc, struct bp_local_message *message)
{
    int r = lives(proc) ? 0 : -ESRCH;
    homing->fd_count = message->fd_count;
    for (unsigned i = 0; i < message->fd_count; i++)
        homing->fds[i] = bp_take_fd(message->fds[i]);
    if (r == 0 && proc->herd->pid == 0)
        homing->state = HOMING_EARLY;
    else if (r == 0)
        r = order(homing, proc);
    if (r < 0)
        give_up(homing, r, "its ghost cannot become it");
}

void home_ghost_there(struct proc *proc)
{
    struct homing *homing = proc->homing;
    if (homing == NULL || homing->state != HOMING_EARLY)
        return;
    int r = order(homing, proc);
    if (r < 0)
        give_up(homing, r, "its ghost cannot become it");
}

static struct homing *find(const struct job *receiver, uint32_t number)
{
    struct homing *homing;
    DL_FOREACH(receiver->master->homings, homing)
        if (homing->receiver == receiver->id && homing->number == number)
            return homing;
    return NULL;
}

static size_t file_count(const struct homing *homing)
{
    return homing->move != NULL ? homing->move->n_files : 0;
}

static int image_here(struct tool *tool, const Bpmix__JobHome *home,
                      struct bp_local_message *message, struct bp_error *err)
{
    struct homing *homing = find(tool->job, home->number);
    struct job *job = homing != NULL ? job_of(homing) : NULL;
    if (job == NULL)
        return 0; /* late */
    if (homing->state != HOMING_ASKED)
        return bp_error_set(err, -EALREADY, "image %u is here", home->number);
    homing->reaped = home->reaps && job == tool->job;
    if (home->code > 0)
        give_up(homing, -home->code, home->text);
    else if (message->fd_count != FILES + file_count(homing))
        give_up(homing, -EPROTO, "its launcher has not sent its descriptors");
    else
        arrived(homing, &job->procs[homing->rank], message);
    return 0;
}

int home_frame(struct tool *tool, struct bp_local_message *message, struct bp_error *err)
{
    const struct job *job = tool->job;
    auto_unpack Bpmix__JobHome *home =
        BP_UNPACK(JobHome, job_home, message->body, message->frame.length, err);
    if (home == NULL)
        return err->code;
    if (message->frame.type == BP_JOB_HOME)
        return image_here(tool, home, message, err);
    if (home->rank >= job->proc_count)
        return bp_error_set(err, -EINVAL, "the job has no rank %u", home->rank);
    struct homing *homing = job->procs[home->rank].homing;
    if (homing == NULL)
        return 0; /* late */
    homing->drained = 1;
    if (homing->state == HOMING_HOME)
        deliver(homing);
    return 0;
}

/* ---- its ghost ---- */

/* It was stopped on its node, and could not pass that on: it will be stopped here. */
static void stop_there(struct proc *proc)
{
    Bpmix__ProcSignal stop = BPMIX__PROC_SIGNAL__INIT;
    stop.signal = SIGSTOP;
    home_signal(proc, &stop);
}

/* It has ended on its node, with all that it had to say. */
static void leave(struct homing *homing)
{
    struct job *job = job_of(homing);
    if (homing->left)
        return;
    homing->left = 1;
    if (job != NULL && !homing->kept) {
        job->live--;
        job->homed = 1;
        job_check_idle(job);
    }
    deliver(homing);
}

/* Its parent's ghost or its launcher will know how it ends: so will its job. Else it is nobody's
 * but its parent's from now on. */
static void settle(struct job *job, struct proc *proc, struct homing *homing)
{
    homing->kept = homing->reaped || proc->herd->job != job;
    if (homing->kept) {
        proc->state = PROC_RUNNING;
        resident_new(job, proc, homing->reaped ? RESIDENT_LAUNCHER : RESIDENT_GHOST,
                     bp_take_fd(homing->handle));
    } else {
        herd_end_ghost(proc, 0);
        proc->state = PROC_GONE;
        proc->ghost_gone = 1;
    }
}

/* There is no way back. */
static void commit(struct job *job, struct proc *proc, struct homing *homing)
{
    homing->state = HOMING_HOME;
    if (proc->stop_due)
        stop_there(proc);
    onward_tell_old(job, proc);
    settle(job, proc, homing);
    tell_moved(job, proc);
    onward_leave(job, proc);
    bp_log_info("home job=%llx rank=%u pid=%d", (unsigned long long)job->id, proc->rank, proc->pid);
    if (homing->tool == NULL)
        leave(homing);
}

int home_ghost(struct job *job, struct proc *proc, const struct bp_ghost_record *record)
{
    struct homing *homing = proc->homing;
    if (homing == NULL || homing->state != HOMING_ORDERED)
        return -EPROTO;
    if (record->type == BP_GHOST_HOME) {
        commit(job, proc, homing);
        return 0;
    }
    int died = homing->died, status = homing->status;
    give_up(homing, record->status > 0 && record->status < 4096 ? -record->status : -EIO,
            "its ghost cannot execute bphome");
    if (died)
        job_proc_event(job, proc, PROC_EXIT, status, NULL);
    return 0;
}

void home_ghost_lost(struct job *job, struct proc *proc)
{
    struct homing *homing = proc->homing;
    if (homing == NULL || homing->state == HOMING_HOME)
        return;
    int died = homing->died, status = homing->status;
    homing_free(homing);
    if (died)
        job_proc_event(job, proc, PROC_EXIT, status, NULL);
}

/* ---- what else happens ---- */

/* Its end on the node counts only if its ghost stays one. */
int home_event(struct job *job, struct proc *proc, int event, int32_t status)
{
    struct homing *homing = proc->homing;
    if (homing != NULL && event == PROC_STOP && homing->state >= HOMING_ORDERED) {
        stop_there(proc);
        return 1;
    }
    if (homing == NULL || homing->state == HOMING_HOME)
        return 0;
    if (event == PROC_EXIT && homing->state == HOMING_ORDERED) {
        homing->died = 1;
        homing->status = status;
        return 1;
    }
    if (event == PROC_EXIT || event == PROC_KILL)
        home_ghost_lost(job, proc);
    return 0;
}

int home_wanted(struct tool *tool, const struct bp_frame *frame, struct bp_error *err)
{
    struct homing *homing;
    DL_FOREACH(tool->master->homings, homing)
        if (homing->pid == tool->pid && homing->uid == tool->uid && homing->asker == NULL &&
            homing->state >= HOMING_ORDERED && tool->via == NULL)
            break;
    if (homing == NULL)
        return bp_error_set(err, -ESRCH, "process %d is no ghost whose process comes home",
                            tool->pid);
    homing->asker = tool;
    homing->asker_tag = frame->tag;
    if (homing->state == HOMING_HOME)
        deliver(homing);
    return 0;
}

void home_tool_gone(struct tool *tool)
{
    struct homing *homing, *next;
    DL_FOREACH_SAFE(tool->master->homings, homing, next) {
        if (homing->asker == tool)
            homing->asker = NULL; /* its end is seen, too */
        if (homing->tool != tool)
            continue;
        homing->tool = NULL;
        if (homing->state == HOMING_HOME)
            leave(homing);
    }
}

void home_launcher_gone(struct job *job)
{
    struct homing *homing, *next;
    DL_FOREACH_SAFE(job->master->homings, homing, next) {
        if (homing->receiver == job->id && homing->state == HOMING_ASKED) {
            give_up(homing, -ESRCH, "the launcher on the master has gone");
            continue;
        }
        if (homing->job != job->id)
            continue;
        homing->drained = 1;
        if (homing->state == HOMING_HOME)
            deliver(homing);
    }
}

void home_place_gone(struct job *receiver, const struct node *node)
{
    struct homing *homing, *next;
    DL_FOREACH_SAFE(receiver->master->homings, homing, next) {
        struct job *job = job_of(homing);
        if (homing->receiver == receiver->id && homing->state == HOMING_ASKED && job != NULL &&
            job != receiver && proc_node(job, &job->procs[homing->rank]) == node)
            give_up(homing, -BE_SLAVEDIED, "its launcher's space there has ended");
    }
}
