/* SPDX-License-Identifier: BSD-3-Clause */
/* shepherd.c - the job's bpshepherd: a helper in the space; its frames are passed on unread. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fcntl.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "nodeagent/agent.h"

#define SERIAL       (UINT64_C(1) << 31) /* not a rank's, and no guest's number above it */
#define BACKLOG_HIGH (16u << 20) /* to bpmaster: above it no bpshepherd is read */
#define QUEUE_MAX    (128u << 20) /* to a bpshepherd that does not read */

/* bpmaster has taken all: those that were held may go on. */
static void resume_all(void *arg)
{
    struct agent *agent = arg;
    struct space *space, *next;
    HASH_ITER(hh, agent->spaces, space, next) {
        if (!space->shepherd_held || space->shepherd == NULL)
            continue;
        space->shepherd_held = 0;
        space->pong_ms = bp_clock_ms();
        bp_channel_pause(space->shepherd, 0);
    }
}

/* Pass a frame on to bpmaster; a job that sends faster than that waits. */
static void pass_on(struct space *space, const struct bp_frame *frame, const uint8_t *body)
{
    struct bp_channel *channel = space->agent->channel;
    if (channel == NULL)
        return;
    bp_channel_send(channel, frame, body);
    if (bp_channel_backlog(channel) <= BACKLOG_HIGH)
        return;
    space->shepherd_held = 1;
    bp_channel_pause(space->shepherd, 1);
    bp_channel_flush(channel, resume_all);
}

static int ready(struct space *space, const struct bp_frame *frame, const uint8_t *body,
                 struct bp_error *err)
{
    if (space->shepherd_env != NULL)
        return bp_error_set(err, -EPROTO, "a second READY");
    space->shepherd_env = BP_UNPACK(PmixReady, pmix_ready, body, frame->length, err);
    if (space->shepherd_env == NULL)
        return err->code;
    if (space->shepherd_env->error[0] != '\0')
        return bp_error_set(err, -EIO, "%s", space->shepherd_env->error);
    space->shepherd_ready = 1;
    space_go(space);
    return 0;
}

/* A bpshepherd speaks for its own job only, whatever it writes into a frame. */
static int on_frame(void *arg, const struct bp_frame *frame, const uint8_t *body,
                    struct bp_error *err)
{
    struct space *space = arg;
    if (frame->type == BP_PMIX_READY)
        return ready(space, frame, body, err) < 0 ? err->code : 0;
    if (frame->type == BP_PMIX_PONG) {
        space->pong_ms = bp_clock_ms();
        return 0;
    }
    struct bp_frame passed = *frame;
    passed.job = space->job;
    if (passed.type == BP_PMIX_PEER && passed.node == space->agent->node)
        shepherd_frame(space, &passed, body);
    else
        pass_on(space, &passed, body);
    return space->shepherd == NULL ? 1 : 0;
}

static void on_closed(void *arg, const struct bp_error *why)
{
    struct space *space = arg;
    char text[160];
    bp_channel_free(space->shepherd);
    space->shepherd = NULL;
    if (why->code == 0)
        return; /* it has ended: bpspace tells how */
    snprintf(text, sizeof text, "its bpshepherd: %.120s", why->text);
    space_close(space, BPMIX__JOB_EVENT__KIND__SHEPHERD_LOST, text);
}

/* It needs to know which ranks are of one program, and not its words. */
static Bpmix__App **app_rows(const Bpmix__SpaceOpen *open)
{
    size_t count = open->n_apps;
    Bpmix__App **list = bp_calloc(count, sizeof *list + sizeof **list);
    Bpmix__App *rows = (Bpmix__App *)(list + count);
    for (size_t i = 0; i < count; i++) {
        bpmix__app__init(&rows[i]);
        rows[i].argv = open->apps[i]->argv;
        rows[i].n_argv = 1;
        rows[i].ranks = open->apps[i]->ranks;
        rows[i].n_ranks = open->apps[i]->n_ranks;
        list[i] = &rows[i];
    }
    return list;
}

static void send_job(struct space *space)
{
    const Bpmix__SpaceOpen *open = space->open;
    auto_free Bpmix__App **apps = app_rows(open);
    Bpmix__PmixJob job = BPMIX__PMIX_JOB__INIT;
    job.nspace = open->nspace;
    job.map = open->map;
    job.n_map = open->n_map;
    job.node = space->agent->node;
    job.uid = open->uid;
    job.gid = open->gid;
    job.directory = (char *)BP_RUNDIR "/job";
    job.fanout = open->fanout;
    job.command = open->argv[0];
    job.apps = apps;
    job.n_apps = open->n_apps;
    size_t length;
    auto_free uint8_t *body = bp_pack(&job, &length);
    bp_channel_send(space->shepherd, &(struct bp_frame){.type = BP_PMIX_JOB, .job = space->job,
                                                        .node = space->agent->node,
                                                        .length = (uint32_t)length}, body);
}

/* CREATE for a helper: its argument vector instead of the job's; descriptor 3 is its socket, 4 the
 * node's topology if there is one. */
static void send_create(struct space *space, int fd)
{
    static const char program[] = BP_LIBEXECDIR "/bpshepherd";
    struct {
        struct bp_space_create head;
        char argv[sizeof program];
    } payload = {.head = {.argc = 1, .string_bytes = sizeof program}};
    memcpy(payload.argv, program, sizeof program);
    struct bp_space_record record = {.type = BP_SPACE_CREATE,
                                     .serial = SERIAL,
                                     .flags = BP_SPACE_HELPER,
                                     .length = sizeof payload.head + sizeof program};
    auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int fds[5] = {null, null, STDERR_FILENO, fd, space->agent->topology};
    unsigned fd_count = space->agent->topology >= 0 ? 5 : 4;
    payload.head.extra_fds = fd_count - 3;
    space_send_record(space, &record, &payload, fds, fd_count);
}

void shepherd_prepare(struct space *space)
{
    static const struct bp_channel_events events = {.frame = on_frame, .closed = on_closed};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        space_close(space, BPMIX__JOB_EVENT__KIND__SHEPHERD_LOST, strerror(errno));
        return;
    }
    space->shepherd_fd = pair[1];
    space->shepherd = bp_channel_new(space->agent->base, pair[0], NULL, 0, BP_PEER_SHEPHERD,
                                     BP_PEER_NODE, &events, space);
    if (space->shepherd != NULL)
        send_job(space);
    else
        space_close(space, BPMIX__JOB_EVENT__KIND__SHEPHERD_LOST, "no memory for its channel");
}

void shepherd_start(struct space *space)
{
    auto_close int fd = bp_take_fd(space->shepherd_fd);
    send_create(space, fd);
    space->pong_ms = bp_clock_ms();
}

void shepherd_frame(struct space *space, const struct bp_frame *frame, const uint8_t *body)
{
    if (space->shepherd == NULL)
        return;
    if (bp_channel_backlog(space->shepherd) > QUEUE_MAX)
        space_close(space, BPMIX__JOB_EVENT__KIND__SHEPHERD_LOST,
                    "its bpshepherd does not take what is sent to it");
    else
        bp_channel_send(space->shepherd, frame, body);
}

void shepherd_ping(struct space *space)
{
    if (space->shepherd == NULL || space->shepherd_fd >= 0 || space->shepherd_held)
        return;
    if (bp_clock_ms() - space->pong_ms > space->agent->lease_ms) {
        space_close(space, BPMIX__JOB_EVENT__KIND__SHEPHERD_LOST,
                    "its bpshepherd did not answer for a whole lease");
        return;
    }
    bp_channel_send(space->shepherd, &(struct bp_frame){.type = BP_PMIX_PING, .job = space->job,
                                                        .tag = ++space->ping}, NULL);
}

const Bpmix__RankEnv *shepherd_rank_env(const struct space *space, uint32_t rank)
{
    for (size_t i = 0; space->shepherd_env != NULL && i < space->shepherd_env->n_ranks; i++)
        if (space->shepherd_env->ranks[i]->rank == rank)
            return space->shepherd_env->ranks[i];
    return NULL;
}
