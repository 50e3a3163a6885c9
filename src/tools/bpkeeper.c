/* SPDX-License-Identifier: BSD-3-Clause */
/* bpkeeper.c - carries a job for a program that has no event loop: see lib/keeper.h. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/bproc_common.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "common/mem.h"
#include "common/std.h"
#include "lib/job.h"
#include "lib/keeper.h"
#include "tools/output.h"
#include "tools/start.h"

struct keeper {
    struct event_base *base;
    struct bp_job *job;
    struct ranks *ranks;
    struct output *output;
    struct start start;
    uint8_t *told;  /* by rank */
    uint32_t left;  /* ranks not told yet */
    int lost;       /* a node or a space of the job was */
};

/* The program waits for this, and there is room: a rank is told of once. */
static void tell(struct keeper *keeper, uint32_t rank, int code)
{
    struct bp_keeper_news news = {.rank = rank, .code = code};
    if (keeper->told[rank])
        return;
    keeper->told[rank] = 1;
    ssize_t ignored = send(BP_KEEPER_CONTROL, &news, sizeof news, MSG_NOSIGNAL);
    (void)ignored;
    if (--keeper->left == 0)
        close(BP_KEEPER_CONTROL);
}

/* It could not begin. */
static void tell_failure(int code)
{
    struct bp_keeper_news news = {.rank = UINT32_MAX, .code = code};
    ssize_t ignored = send(BP_KEEPER_CONTROL, &news, sizeof news, MSG_NOSIGNAL);
    (void)ignored;
}

static void on_event(void *arg, const Bpmix__JobEvent *event)
{
    struct keeper *keeper = arg;
    switch (event->kind) {
    case BPMIX__JOB_EVENT__KIND__CREATED:
        tell(keeper, event->rank, 0);
        break;
    case BPMIX__JOB_EVENT__KIND__FAILED:
        tell(keeper, event->rank, event->status > 0 ? -event->status : -EIO);
        break;
    case BPMIX__JOB_EVENT__KIND__EXIT: /* without CREATED: killed, or its node was lost */
        tell(keeper, event->rank, keeper->lost ? -BE_SLAVEDIED : 0);
        break;
    case BPMIX__JOB_EVENT__KIND__NODE_LOST:
    case BPMIX__JOB_EVENT__KIND__SPACE_LOST:
    case BPMIX__JOB_EVENT__KIND__HERDER_LOST:
        keeper->lost = 1;
        break;
    case BPMIX__JOB_EVENT__KIND__STUCK: /* its death ends its ghosts */
        kill(event->pid, SIGKILL);
        break;
    default:
        break;
    }
}

static void on_output(void *arg, uint32_t rank, unsigned channel, const uint8_t *bytes,
                      size_t length)
{
    struct keeper *keeper = arg;
    output_bytes(keeper->output, rank, channel, bytes, length);
}

static void on_stdin(void *arg, uint32_t rank, uint32_t bytes)
{
    (void)arg, (void)rank, (void)bytes; /* its ranks have none */
}

static void on_progress(void *arg)
{
    struct keeper *keeper = arg;
    if (bp_job_is_over(keeper->job))
        event_base_loopbreak(keeper->base);
}

static void on_lost(void *arg, const char *why)
{
    (void)why;
    struct keeper *keeper = arg;
    event_base_loopbreak(keeper->base);
}

static void on_image_failed(void *arg, const char *why)
{
    (void)why;
    struct keeper *keeper = arg;
    keeper->lost = 1;
    bp_job_kill(keeper->job, 0);
}

/* A descriptor for every node. */
static void raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

static int take_launch(struct bp_local_message *message, struct bp_launch *ret_launch,
                       struct bp_error *err)
{
    Bpmix__JobMap *map = BP_UNPACK(JobMap, job_map, message->body, message->frame.length, err);
    if (map == NULL)
        return err->code;
    *ret_launch = (struct bp_launch){.fd = bp_take_fd(message->fds[BP_KEEPER_JOB]), .map = map};
    return 0;
}

static int take_image(struct keeper *keeper, struct bp_local_message *message,
                      struct bp_error *err)
{
    if (message->frame.tag == 0)
        return 0;
    return bp_image_take(message->fds[BP_KEEPER_PROLOGUE], (pid_t)message->frame.tag,
                         bp_take_fd(message->fds[BP_KEEPER_HOLD]), &keeper->start.image, err);
}

/* From the job that was given to its end. */
static int keep(struct keeper *keeper, struct bp_local_message *message, struct bp_error *err)
{
    static const struct bp_job_events events = {
        .event = on_event, .output = on_output, .credit = on_stdin, .left = on_stdin,
        .progress = on_progress, .lost = on_lost};
    static const struct output_style style = {.label = LABEL_NONE};
    struct bp_launch launch;
    int r = take_launch(message, &launch, err);
    if (r == 0)
        r = take_image(keeper, message, err);
    if (r < 0)
        return r;
    keeper->left = (uint32_t)launch.map->n_ranks;
    keeper->told = bp_calloc(keeper->left, 1);
    keeper->base = event_base_new();
    if (keeper->base == NULL)
        return bp_error_set(err, -EMFILE, "no event loop");
    keeper->job = bp_job_attach(keeper->base, &launch, &events, keeper, err);
    if (keeper->job == NULL)
        return err->code;
    keeper->ranks = ranks_new(keeper->job, NULL);
    keeper->output = output_new(keeper->base, keeper->ranks, &style);
    start_send(&keeper->start, keeper->job, on_image_failed, keeper);
    event_base_dispatch(keeper->base);
    output_finish(keeper->output);
    return 0;
}

int main(void)
{
    struct keeper keeper = {.left = 0};
    struct bp_local_message message;
    struct bp_error err = {0};
    bp_std_open();
    signal(SIGPIPE, SIG_IGN);
    raise_files();
    SSL_CTX_free(SSL_CTX_new(TLS_server_method())); /* OpenSSL is slow to start: meanwhile */
    int r = bp_local_receive(BP_KEEPER_CONTROL, BP_PEER_MASTER, BP_PEER_TOOL, &message, &err);
    if (r <= 0 || message.frame.type != BP_JOB_MAP ||
        message.fd_count != (message.frame.tag != 0 ? BP_KEEPER_FDS : 1u))
        return 1; /* the program gave up before it had a job, or was killed */
    r = keep(&keeper, &message, &err);
    if (r < 0)
        tell_failure(r);
    bp_local_done(&message);
    start_done(&keeper.start);
    if (keeper.output != NULL)
        output_free(keeper.output);
    ranks_free(keeper.ranks);
    bp_job_free(keeper.job);
    if (keeper.base != NULL)
        event_base_free(keeper.base);
    free(keeper.told);
    return r < 0;
}
