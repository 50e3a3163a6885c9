/* SPDX-License-Identifier: BSD-3-Clause */
/* space.c - a job's space on this node: bpspace, its answers, the space's end. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/capacity.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "nodeagent/agent.h"
#include "nodeagent/space_link.h"
#include "nodeagent/space_start.h"

#define RECORDS_AT_ONCE 64
#define RANK_FILES      2 /* bpnode's ends of its pipes; stdin's are as many */
#define SPACE_PROCESSES 4 /* bpspace and stubs */
#define TEXT_MAX        256 /* bytes of a sentence from bpspace */

struct space *space_find(struct agent *agent, uint64_t job)
{
    struct space *space;
    HASH_FIND(hh, agent->spaces, &job, sizeof job, space);
    return space;
}

void space_tell(struct space *space, unsigned type, uint64_t tag, const void *message)
{
    agent_send(space->agent,
               &(struct bp_frame){.type = (uint16_t)type, .job = space->job, .tag = tag,
                                  .node = space->agent->node}, message);
}

void space_send_record(struct space *space, const struct bp_space_record *record,
                       const void *payload, const int *fds, unsigned fd_count)
{
    struct space *host = guest_host(space);
    struct bp_space_record ours = *record;
    if (host->fd < 0)
        return;
    ours.serial = guest_serial(space, record->serial);
    int r = bp_space_send(host->fd, &ours, payload, fds, fd_count);
    if (r < 0 && r != -EPIPE && r != -ECONNRESET) /* then it has ended, and on_death will say how */
        space_close(host, BPMIX__JOB_EVENT__KIND__SPACE_LOST,
                    "its bpspace does not take its orders");
}

/* ---- opening ---- */

static int find_ranks(struct space *space)
{
    const Bpmix__SpaceOpen *open = space->open;
    int here = -ENOENT;
    for (size_t i = 0; i < open->n_map; i++) {
        space->rank_total += open->map[i]->n_ranks;
        if (open->map[i]->node == space->agent->node) {
            space->ranks_here = open->map[i]->ranks;
            space->node_rank = (unsigned)i;
            here = 0;
        }
    }
    return here;
}

static void on_record(evutil_socket_t fd, short what, void *arg);
static void on_death(evutil_socket_t fd, short what, void *arg);

/* The processes of this job, and the descriptors of all jobs' ranks. */
static int check_capacity(const struct space *space, struct bp_error *err)
{
    uint64_t pipes = 0;
    for (const struct space *other = space->agent->spaces; other != NULL; other = other->hh.next)
        if (other->ranks_here != NULL)
            pipes += other->open->map[other->node_rank]->n_ranks *
                     (other->open->stdin_rank == -1 ? 2u : 1u);
    return bp_capacity_check("", space->open->map[space->node_rank]->n_ranks + SPACE_PROCESSES,
                             pipes * RANK_FILES, err);
}

/* Start bpspace and watch it. */
static int start_space(struct space *space, struct bp_error *err)
{
    struct event_base *base = space->agent->base;
    int r = bp_space_start(BP_LIBEXECDIR "/bpspace", space->agent->node, &space->fd,
                           &space->pid, err);
    if (r < 0)
        return r;
    space->pidfd = (int)syscall(SYS_pidfd_open, space->pid, 0);
    if (space->pidfd < 0) {
        r = bp_error_set(err, -errno, "cannot watch the space: %s", strerror(errno));
        kill(space->pid, SIGKILL);
        waitpid(space->pid, NULL, 0);
        return r;
    }
    space->event = event_new(base, space->fd, EV_READ | EV_PERSIST, on_record, space);
    event_add(space->event, NULL);
    space->pid_event = event_new(base, space->pidfd, EV_READ, on_death, space);
    event_add(space->pid_event, NULL);
    r = space_send_setup(space, BP_SPACE_SETUP);
    return r == 0 ? 0 : bp_error_set(err, r, "cannot set up the space: %s", strerror(-r));
}

void space_open(struct agent *agent, uint64_t job, Bpmix__SpaceOpen *take_open)
{
    struct space *space = bp_calloc(1, sizeof *space);
    struct bp_error err = {0};
    space->agent = agent;
    space->job = job;
    space->open = take_open;
    space->fd = space->pidfd = space->stream_fd = space->shepherd_fd = -1;
    space->image.fd = space->image.gate = -1;
    space->seen_ms = space->pong_ms = bp_clock_ms();
    HASH_ADD(hh, agent->spaces, job, sizeof space->job, space);
    int r = find_ranks(space);
    if (r < 0)
        bp_error_set(&err, r, "this node is not in the job's map");
    if (r == 0)
        r = app_prepare(space, &err);
    if (r == 0)
        r = check_capacity(space, &err);
    if (r == 0)
        r = take_open->inside != 0 ? guest_init(space, &err) : start_space(space, &err);
    if (r < 0) {
        bp_log_warning("space-failed job=%llx why=\"%s\"", (unsigned long long)job, err.text);
        space_close(space, BPMIX__JOB_EVENT__KIND__SPACE_LOST, err.text); /* may free it */
        return;
    }
    if (space->host != NULL)
        return;
    if (take_open->mpi)
        shepherd_prepare(space);
    tree_new(space);
    data_open(space);
    visitor_admit(space);
}

/* ---- what bpspace says ---- */

static void said_failed(struct space *space, const struct bp_space_packet *packet,
                        struct rank *rank)
{
    const struct bp_space_record *record = &packet->record;
    char text[160];
    if (rank != NULL) {
        char why[TEXT_MAX];
        snprintf(why, sizeof why, "%.*s", (int)record->length, (const char *)packet->payload);
        if (record->flags == BP_STEP_IMAGE && space->image.failed.code != 0)
            rank_failed(rank, -space->image.failed.code, BP_STEP_IMAGE, space->image.failed.text);
        else
            rank_failed(rank, record->status, (int)record->flags,
                        record->length > 0 ? why : NULL);
        guest_check(space);
        return;
    }
    snprintf(text, sizeof text, "%s: %s",
             record->serial == 0 ? "the job's space cannot be made" : "bpshepherd did not start",
             strerror(record->status));
    space_close(space, BPMIX__JOB_EVENT__KIND__SPACE_LOST, text);
}

static void said_exit(struct space *space, const struct bp_space_record *record,
                      struct rank *rank)
{
    char text[160];
    if (rank != NULL) {
        rank_exited(rank, record);
        guest_check(space);
        return;
    }
    if (WIFSIGNALED(record->status))
        snprintf(text, sizeof text, "its bpshepherd was killed by signal %d",
                 WTERMSIG(record->status));
    else
        snprintf(text, sizeof text, "its bpshepherd ended with status %d",
                 WEXITSTATUS(record->status));
    space_close(space, BPMIX__JOB_EVENT__KIND__SHEPHERD_LOST, text);
}

static void said(struct space *host, const struct bp_space_packet *packet)
{
    const struct bp_space_record *record = &packet->record;
    uint64_t serial = record->serial;
    struct rank *rank;
    struct space *space = guest_of_serial(host, &serial);
    if (space == NULL)
        return; /* a guest that has left */
    HASH_FIND(hh, space->ranks, &serial, sizeof serial, rank);
    Bpmix__ProcStopped stopped = BPMIX__PROC_STOPPED__INIT;
    switch (record->type) {
    case BP_SPACE_READY:
        if (space->state != SPACE_SETUP)
            return;
        space->state = SPACE_READY;
        relay_open(space);
        if (space->open->mpi)
            shepherd_start(space);
        else
            space_go(space);
        guest_ready(space);
        return;
    case BP_SPACE_CREATED:
        if (rank != NULL)
            rank_created(rank, packet->payload, record->length);
        return;
    case BP_SPACE_FAILED:
        said_failed(space, packet, rank);
        return;
    case BP_SPACE_EXIT:
        said_exit(space, record, rank);
        return;
    case BP_SPACE_STOPPED:
    case BP_SPACE_CONTINUED:
        stopped.signal = record->type == BP_SPACE_STOPPED ? (uint32_t)record->signo : 0;
        stopped.continued = (uint32_t)record->status;
        if (rank != NULL)
            space_tell(space, BP_PROC_STOPPED, rank->serial, &stopped);
        return;
    case BP_SPACE_LEASE_SEEN:
        space->seen_ms = bp_clock_ms();
        return;
    case BP_SPACE_STDIN_WANTED:
        if (rank != NULL)
            stdio_wanted(rank);
        return;
    default:
        space_close(space, BPMIX__JOB_EVENT__KIND__SPACE_LOST, "its bpspace talks nonsense");
    }
}

static void on_record(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct space *space = arg;
    static struct bp_space_packet packet;
    for (int i = 0; i < RECORDS_AT_ONCE; i++) {
        int r = bp_space_receive(fd, &packet);
        if (r == -EAGAIN)
            return;
        if (r <= 0) {
            /* bpspace is ending; on_death does the rest when all of the space is gone. */
            event_del(space->event);
            return;
        }
        said(space, &packet);
        bp_space_packet_done(&packet);
    }
}

/* ---- orders ---- */

void space_go(struct space *space)
{
    if (space->waiting == NULL || space->state != SPACE_READY ||
        (space->open->mpi && !space->shepherd_ready))
        return;
    auto_close int gate = -1;
    if (image_is_due(space) && image_gate(space, space->waiting->n_procs, &gate) < 0)
        return;
    Bpmix__ProcCreate *create = bp_take_ptr(space->waiting);
    int r = guest_settle(space);
    if (r < 0)
        space_close(guest_host(space), BPMIX__JOB_EVENT__KIND__SPACE_LOST,
                    "its bpspace does not take the strings of a guest");
    for (size_t i = 0; i < create->n_procs && space->state == SPACE_READY; i++)
        rank_create(space, create->procs[i], gate);
    for (size_t i = 0; i < space->early_count; i++)
        space_send_record(space, &space->early[i], NULL, NULL, 0);
    space->image.given = gate < 0;
    image_spare(space);
    space->early_count = space->early_size = 0;
    free(bp_take_ptr(space->early));
    bp_unpack_free(create);
}

void space_create(struct space *space, Bpmix__ProcCreate *take_create)
{
    bp_unpack_free(space->waiting);
    space->waiting = take_create;
    space_go(space);
}

static int is_waiting(const struct space *space, uint64_t serial)
{
    for (size_t i = 0; space->waiting != NULL && i < space->waiting->n_procs; i++)
        if (space->waiting->procs[i]->serial == serial || serial == 0)
            return 1;
    return 0;
}

/* Not created yet: bpspace keeps signals of processes it knows, so let it know them. There is room
 * for every signal to every process, and a SIGKILL always finds some. */
static void keep_early(struct space *space, const struct bp_space_record *record)
{
    size_t most = 64 * (space->waiting->n_procs + 1);
    if (space->early_count >= (record->signo == SIGKILL ? 2 * most : most))
        return;
    if (space->early_count == space->early_size) {
        space->early_size = space->early_size * 2 + 16;
        space->early = bp_realloc(space->early, space->early_size, sizeof *space->early);
    }
    space->early[space->early_count++] = *record;
}

void space_signal(struct space *space, uint64_t serial, const Bpmix__ProcSignal *signal)
{
    struct bp_space_record record = {.type = BP_SPACE_SIGNAL,
                                     .serial = serial,
                                     .signo = (int32_t)signal->signal,
                                     .code = signal->code,
                                     .sender_pid = signal->sender_pid,
                                     .uid = signal->sender_uid,
                                     .value = signal->value,
                                     .status = (int32_t)signal->number};
    if (signal->signal < 1 || signal->signal > 64)
        return;
    struct rank *rank, *next;
    if (is_waiting(space, serial))
        keep_early(space, &record);
    else if (serial == 0 && (space->host != NULL || space->last_guest > 0))
        HASH_ITER(hh, space->ranks, rank, next) {
            record.serial = rank->serial;
            space_send_record(space, &record, NULL, NULL, 0);
        }
    else
        space_send_record(space, &record, NULL, NULL, 0);
}

void space_lease(struct space *space)
{
    space->seen_ms = space->host != NULL ? bp_clock_ms() : space->seen_ms;
    if (space->host != NULL)
        return;
    relay_resume(space);
    mirror_resume(space);
    tree_look(space);
    if (space->state <= SPACE_READY)
        space_send_record(space, &(struct bp_space_record){.type = BP_SPACE_LEASE,
                                                           .value = space->agent->lease_ms},
                          NULL, NULL, 0);
}

/* ---- the end ---- */

void space_close(struct space *space, int cause, const char *text)
{
    if (space->state >= SPACE_CLOSING)
        return;
    space->state = SPACE_CLOSING;
    relay_close(space);
    space->cause = cause;
    snprintf(space->text, sizeof space->text, "%s", text);
    if (space->host != NULL) {
        guest_close(space);
        return;
    }
    bp_channel_free(space->shepherd);
    space->shepherd = NULL;
    if (space->pidfd < 0) {
        space->state = SPACE_DEAD; /* it never lived */
        space_check_end(space);
        return;
    }
    /* The death of PID 1 is the death of all; nothing in the space can hinder it. */
    syscall(SYS_pidfd_send_signal, space->pidfd, SIGKILL, NULL, 0);
}

static void on_death(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct space *space = arg;
    int status = 0;
    if (waitpid(space->pid, &status, 0) < 0)
        status = 0;
    /* What it said before it died still counts. */
    while (space->state < SPACE_DEAD) {
        static struct bp_space_packet packet;
        if (bp_space_receive(space->fd, &packet) <= 0)
            break;
        if (packet.record.type == BP_SPACE_EXIT || packet.record.type == BP_SPACE_CREATED ||
            packet.record.type == BP_SPACE_FAILED)
            said(space, &packet);
        bp_space_packet_done(&packet);
    }
    if (space->state < SPACE_CLOSING) {
        space->cause = BPMIX__JOB_EVENT__KIND__SPACE_LOST;
        snprintf(space->text, sizeof space->text, "its bpspace ended by %s %d",
                 WIFSIGNALED(status) ? "signal" : "exit",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    space->state = SPACE_DEAD;
    relay_close(space);
    struct rank *rank, *next;
    HASH_ITER(hh, space->ranks, rank, next)
        stdio_finish(rank);
    bp_channel_free(space->shepherd);
    space->shepherd = NULL;
    guest_host_dead(space);
    space_check_end(space);
}

static void space_free(struct space *space)
{
    struct agent *agent = space->agent;
    struct rank *rank, *next;
    HASH_ITER(hh, space->ranks, rank, next)
        rank_free(rank);
    HASH_DEL(agent->spaces, space);
    mirror_close(space);
    tree_free(space);
    flow_free(space);
    data_free(space);
    leave_done(space);
    image_free(space);
    if (space->event != NULL)
        event_free(space->event);
    if (space->pid_event != NULL)
        event_free(space->pid_event);
    if (space->shepherd_fd >= 0)
        close(space->shepherd_fd);
    if (space->fd >= 0)
        close(space->fd);
    if (space->pidfd >= 0)
        close(space->pidfd);
    free(space->early);
    bp_unpack_free(space->waiting);
    bp_unpack_free(space->shepherd_env);
    explicit_bzero(space->open->key.data, space->open->key.len);
    bp_unpack_free(space->open);
    free(space->app_ranks);
    free(space);
    if (agent->channel == NULL)
        join_lost(agent, "");
}

void space_check_end(struct space *space)
{
    if (space->state != SPACE_DEAD)
        return;
    if (!space->master_told) {
        Bpmix__SpaceEnded ended = BPMIX__SPACE_ENDED__INIT;
        ended.cause = space->cause;
        ended.text = space->text;
        ended.streamed = space->stream != NULL;
        space->master_told = 1;
        space_tell(space, BP_SPACE_ENDED, 0, &ended);
        data_end(space);
    }
    if (space->stream_done)
        space_free(space);
}
