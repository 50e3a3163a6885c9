/* SPDX-License-Identifier: BSD-3-Clause */
/* kept.c - a job that bpkeeper carries. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/bproc_common.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "tools/arrival.h"
#include "tools/kept.h"
#include "tools/output.h"
#include "tools/start.h"

struct kept {
    struct event_base *base;
    struct bp_job *job;
    struct ranks *ranks;
    struct output *output;
    struct start start;
    int control; /* to the program; -1 = it knows all */
    struct event *control_event;
    int fds[2];    /* for output */
    int in;        /* of a process that comes home */
    struct arrivals *arrivals;
    uint8_t *told; /* by rank */
    uint32_t left; /* ranks not told of yet */
    uint32_t live; /* ranks not ended yet */
    int broken;    /* a node or a space of the job was lost */
    int goes_home; /* the program waits until its processes have come home */
    int lost;
    void (*look)(void *arg);
    void *arg;
};

static void hang_up(struct kept *kept)
{
    if (kept->control_event != NULL)
        event_free(bp_take_ptr(kept->control_event));
    if (kept->control >= 0)
        close(bp_take_fd(kept->control));
}

static void say(int control, uint32_t rank, int code)
{
    struct bp_keeper_news news = {.rank = rank, .code = code};
    ssize_t ignored = send(control, &news, sizeof news, MSG_NOSIGNAL);
    (void)ignored;
}

/* The program waits for this, and there is room: a rank is told of once. */
static void tell(struct kept *kept, uint32_t rank, int code)
{
    if (kept->told[rank])
        return;
    kept->told[rank] = 1;
    if (kept->control >= 0)
        say(kept->control, rank, code);
    if (--kept->left == 0)
        hang_up(kept);
}

/* One that was killed ran; one that ended itself could not go home. */
static int not_home(const struct kept *kept, int status)
{
    if (kept->broken)
        return -BE_SLAVEDIED;
    return kept->goes_home && WIFEXITED(status) ? bp_keeper_exit_error(WEXITSTATUS(status)) : 0;
}

static void rank_ended(struct kept *kept)
{
    if (kept->live > 0 && --kept->live == 0)
        kept->look(kept->arg);
}

/* ---- a process comes home ---- */

/* What it wrote on nodes is written before it writes here. */
static void on_dry(void *arg, uint32_t rank)
{
    (void)rank;
    output_flush(((struct kept *)arg)->output);
}

static void on_coming(void *arg, const Bpmix__JobEvent *event)
{
    const struct kept *kept = arg;
    arrivals_begin(kept->arrivals, event, (int[]){kept->in, kept->fds[0], kept->fds[1]});
}

static void on_image(void *arg, uint32_t number, const uint8_t *bytes, size_t length)
{
    arrivals_bytes(((struct kept *)arg)->arrivals, number, bytes, length);
}

static void on_not_coming(void *arg, uint32_t number)
{
    arrivals_forget(((struct kept *)arg)->arrivals, number);
}

static void on_event(void *arg, const Bpmix__JobEvent *event)
{
    struct kept *kept = arg;
    switch (event->kind) {
    case BPMIX__JOB_EVENT__KIND__CREATED:
        if (!kept->goes_home)
            tell(kept, event->rank, 0);
        break;
    case BPMIX__JOB_EVENT__KIND__FAILED:
        tell(kept, event->rank, event->status > 0 ? -event->status : -EIO);
        rank_ended(kept);
        break;
    case BPMIX__JOB_EVENT__KIND__EXIT: /* without CREATED: killed, or its node was lost */
        tell(kept, event->rank, not_home(kept, event->status));
        rank_ended(kept);
        break;
    case BPMIX__JOB_EVENT__KIND__MOVED:
        if (event->node < 0)
            tell(kept, event->rank, 0);
        if (event->node < 0 && !event->follows)
            rank_ended(kept);
        break;
    case BPMIX__JOB_EVENT__KIND__NODE_LOST:
    case BPMIX__JOB_EVENT__KIND__SPACE_LOST:
    case BPMIX__JOB_EVENT__KIND__HERDER_LOST:
        kept->broken = 1;
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
    struct kept *kept = arg;
    output_bytes(kept->output, rank, channel, bytes, length);
}

static void on_stdin(void *arg, uint32_t rank, uint32_t bytes)
{
    (void)arg, (void)rank, (void)bytes; /* its ranks have none */
}

static void on_progress(void *arg)
{
    struct kept *kept = arg;
    if (bp_job_is_over(kept->job))
        kept->look(kept->arg);
}

static void on_lost(void *arg, const char *why)
{
    (void)why;
    struct kept *kept = arg;
    kept->lost = 1;
    kept->look(kept->arg);
}

static void on_image_failed(void *arg, const char *why)
{
    (void)why;
    struct kept *kept = arg;
    kept->broken = 1;
    bp_job_kill(kept->job, 0);
}

/* The program does not wait for its processes any more: it could not make their ghosts, or died. */
static void on_control(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct kept *kept = arg;
    hang_up(kept);
    bp_job_kill(kept->job, 0);
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

static int take_image(struct kept *kept, struct bp_local_message *message, struct bp_error *err)
{
    if (message->frame.tag == 0)
        return 0;
    return bp_image_take(message->fds[BP_KEEPER_PROLOGUE], (pid_t)message->frame.tag,
                         bp_take_fd(message->fds[BP_KEEPER_HOLD]), &kept->start.image, err);
}

static int attach(struct kept *kept, struct event_base *base, struct bp_local_message *message,
                  struct kept *host, struct bp_error *err)
{
    static const struct bp_job_events events = {
        .event = on_event, .output = on_output, .credit = on_stdin, .left = on_stdin,
        .coming = on_coming, .image = on_image, .not_coming = on_not_coming, .dry = on_dry,
        .progress = on_progress, .lost = on_lost};
    struct output_style style = {
        .label = LABEL_NONE, .ends = {{.fd = kept->fds[0]}, {.fd = kept->fds[1]}}};
    struct bp_launch launch;
    int r = take_image(kept, message, err);
    if (r == 0)
        r = take_launch(message, &launch, err);
    if (r < 0)
        return r;
    kept->left = kept->live = (uint32_t)launch.map->n_ranks;
    kept->told = bp_calloc(kept->left, 1);
    kept->goes_home = message->frame.node == BP_KEEPER_GOES_HOME;
    kept->job = host != NULL ? bp_job_attach_guest(host->job, &launch, &events, kept)
                             : bp_job_attach(base, &launch, &events, kept, err);
    if (kept->job == NULL)
        return err->code;
    kept->arrivals = arrivals_new(base, kept->job, 0);
    kept->ranks = ranks_new(kept->job, NULL, NULL);
    kept->output = output_new(base, kept->ranks, &style);
    kept->control_event = event_new(base, kept->control, EV_READ, on_control, kept);
    event_add(kept->control_event, NULL);
    start_send(&kept->start, kept->job, on_image_failed, kept);
    return 0;
}

struct kept *kept_new(struct event_base *base, int take_control,
                      struct bp_local_message *message, struct kept *host,
                      void (*look)(void *arg), void *arg, struct bp_error *err)
{
    struct kept *kept = bp_calloc(1, sizeof *kept);
    *kept = (struct kept){.base = base, .control = take_control, .look = look, .arg = arg,
                          .in = bp_take_fd(message->fds[BP_KEEPER_IN]),
                          .fds = {bp_take_fd(message->fds[BP_KEEPER_OUT]),
                                  bp_take_fd(message->fds[BP_KEEPER_ERR])}};
    int r = attach(kept, base, message, host, err);
    if (r == 0)
        return kept;
    say(kept->control, UINT32_MAX, r);
    kept_free(kept);
    return NULL;
}

void kept_free(struct kept *kept)
{
    if (kept == NULL)
        return;
    if (kept->output != NULL) {
        output_finish(kept->output);
        output_free(kept->output);
    }
    hang_up(kept);
    start_done(&kept->start);
    arrivals_free(kept->arrivals);
    ranks_free(kept->ranks);
    bp_job_free(kept->job);
    close(kept->fds[0]);
    close(kept->fds[1]);
    close(kept->in);
    free(kept->told);
    free(kept);
}

uint64_t kept_job(const struct kept *kept)
{
    return bp_job_map(kept->job)->job;
}

int kept_is_idle(const struct kept *kept)
{
    return kept->live == 0;
}

int kept_is_over(const struct kept *kept)
{
    return bp_job_is_over(kept->job);
}

int kept_is_lost(const struct kept *kept)
{
    return kept->lost;
}

void kept_release(struct kept *kept)
{
    bp_job_release(kept->job);
}
