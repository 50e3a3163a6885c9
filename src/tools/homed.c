/* SPDX-License-Identifier: BSD-3-Clause */
/* homed.c - what came home to a launcher. The life of one: its image arrives; its output is told as
 * it comes; a rank is reaped, then what is left in its pipes is told, then its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "common/mem.h"
#include "tools/arrival.h"
#include "tools/homed.h"

struct homer {
    struct homed *homed;
    uint32_t number, rank;
    pid_t pid;      /* of a rank that is here; 0 = it is not, or is no rank itself */
    uint8_t coming; /* its image is, or bpmaster has it */
    uint8_t reaped;
    int status;
    struct rusage usage;
    int output[2], given[2]; /* ends of its pipes: ours, and its until it has them; -1 = closed */
    struct event *events[2];
    struct homer *prev, *next;
};

struct early { /* it ended before the news that it was here */
    pid_t pid;
    int status;
    struct rusage usage;
    struct early *next;
};

struct homed {
    struct event_base *base;
    struct bp_job *job;
    struct bp_job_events events;
    void *arg;
    struct arrivals *arrivals;
    struct homer *homers;
    struct early *early;
    struct event *look; /* at those that have ended */
    int nothing; /* their stdin: who had the launcher's has left that on its node */
    int paused;
};

static void close_output(struct homer *homer, int i)
{
    if (homer->events[i] != NULL)
        event_free(bp_take_ptr(homer->events[i]));
    if (homer->output[i] >= 0)
        close(bp_take_fd(homer->output[i]));
}

static void close_given(struct homer *homer)
{
    for (int i = 0; i < 2; i++)
        if (homer->given[i] >= 0)
            close(bp_take_fd(homer->given[i]));
}

static void homer_free(struct homer *homer)
{
    for (int i = 0; i < 2; i++)
        close_output(homer, i);
    close_given(homer);
    DL_DELETE(homer->homed->homers, homer);
    free(homer);
}

/* Once; 1 = there may be more. */
static int take(struct homer *homer, int i)
{
    static uint8_t bytes[BP_STREAM_DATA_MAX];
    struct homed *homed = homer->homed;
    ssize_t got = read(homer->output[i], bytes, sizeof bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return errno == EINTR;
    if (got <= 0)
        close_output(homer, i);
    if (got > 0 || homer->pid != 0)
        homed->events.output(homed->arg, homer->rank, (unsigned)i + 1, bytes,
                             got > 0 ? (size_t)got : 0);
    return got > 0;
}

/* All that it wrote itself stands in its pipes; who it left behind writes to nobody. */
static void check_end(struct homer *homer)
{
    struct homed *homed = homer->homed;
    for (int i = 0; homer->reaped && i < 2; i++)
        while (homer->output[i] >= 0 && !homed->paused && take(homer, i))
            ;
    if (homer->reaped && !homed->paused) {
        bp_job_reaped(homed->job, homer->rank, homer->status, &homer->usage);
        homer_free(homer);
    } else if (homer->pid == 0 && !homer->coming && homer->output[0] < 0 &&
               homer->output[1] < 0) {
        homer_free(homer);
    }
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct homed *homed = arg;
    struct homer *homer, *next;
    DL_FOREACH_SAFE(homed->homers, homer, next)
        check_end(homer);
}

/* Not at once: whoever says so may be in the middle of its output. */
static void look(struct homed *homed)
{
    event_active(homed->look, 0, 0);
}

static void on_output(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct homer *homer = arg;
    if (!take(homer, fd == homer->output[0] ? 0 : 1))
        look(homer->homed);
}

/* ---- coming ---- */

/* 0 or -errno. */
static int open_pipes(struct homer *homer)
{
    for (int i = 0; i < 2; i++) {
        int pair[2];
        if (pipe2(pair, O_CLOEXEC) < 0)
            return -errno;
        homer->output[i] = pair[0];
        homer->given[i] = pair[1];
        fcntl(pair[0], F_SETFL, O_NONBLOCK);
        homer->events[i] = event_new(homer->homed->base, pair[0], EV_READ | EV_PERSIST, on_output,
                                     homer);
        if (!homer->homed->paused)
            event_add(homer->events[i], NULL);
    }
    return 0;
}

void homed_coming(struct homed *homed, const Bpmix__JobEvent *event)
{
    struct homer *homer = bp_calloc(1, sizeof *homer);
    struct bp_error err = {0};
    *homer = (struct homer){.homed = homed, .number = event->number, .rank = event->rank,
                            .coming = 1, .output = {-1, -1}, .given = {-1, -1}};
    DL_APPEND(homed->homers, homer);
    if (open_pipes(homer) == 0 && homed->nothing >= 0) {
        arrivals_begin(homed->arrivals, event,
                       (int[]){homed->nothing, homer->given[0], homer->given[1]});
        return;
    }
    bp_error_set(&err, -EMFILE, "its launcher has no descriptors left");
    bp_job_not_home(homed->job, event->number, &err);
}

void homed_image(struct homed *homed, uint32_t number, const uint8_t *bytes, size_t length)
{
    arrivals_bytes(homed->arrivals, number, bytes, length);
}

/* It has what it needs, or needs nothing any more: its pipes tell when it has ended. */
void homed_not_coming(struct homed *homed, uint32_t number)
{
    struct homer *homer;
    arrivals_forget(homed->arrivals, number);
    DL_FOREACH(homed->homers, homer)
        if (homer->number == number) {
            homer->coming = 0;
            close_given(homer);
        }
    look(homed);
}

static void ended(struct homer *homer, int status, const struct rusage *usage)
{
    homer->reaped = 1;
    homer->status = status;
    homer->usage = *usage;
    look(homer->homed);
}

void homed_moved(struct homed *homed, uint32_t number, pid_t pid)
{
    struct homer *homer;
    const struct early *early;
    DL_FOREACH(homed->homers, homer)
        if (homer->number == number)
            break;
    if (homer == NULL)
        return;
    homer->pid = pid;
    LL_FOREACH(homed->early, early)
        if (early->pid == pid)
            ended(homer, early->status, &early->usage);
}

/* ---- ends ---- */

static void forget_early(struct homed *homed)
{
    struct early *early, *next;
    LL_FOREACH_SAFE(homed->early, early, next)
        free(early);
    homed->early = NULL;
}

/* Of one that is on its way bpmaster may say late that it was here. */
static void keep_early(struct homed *homed, pid_t pid, int status, const struct rusage *usage)
{
    const struct homer *homer;
    int coming = 0;
    DL_FOREACH(homed->homers, homer)
        coming |= homer->coming;
    if (!coming) {
        forget_early(homed);
        return;
    }
    struct early *early = bp_calloc(1, sizeof *early);
    *early = (struct early){.pid = pid, .status = status, .usage = *usage};
    LL_PREPEND(homed->early, early);
}

int homed_reaped(struct homed *homed, pid_t pid, int status, const struct rusage *usage)
{
    struct homer *homer;
    if (arrivals_reaped(homed->arrivals, pid, status))
        return 1;
    DL_FOREACH(homed->homers, homer)
        if (homer->pid == pid && !homer->reaped) {
            ended(homer, status, usage);
            return 0;
        }
    keep_early(homed, pid, status, usage);
    return 0;
}

int homed_is_due(const struct homed *homed)
{
    const struct homer *homer;
    DL_FOREACH(homed->homers, homer)
        if (homer->reaped)
            return 1;
    return 0;
}

/* ---- orders ---- */

void homed_kill(const struct homed *homed)
{
    const struct homer *homer;
    DL_FOREACH(homed->homers, homer)
        if (homer->pid != 0 && !homer->reaped)
            kill(homer->pid, SIGKILL);
}

void homed_pause(struct homed *homed, int paused)
{
    struct homer *homer;
    homed->paused = paused;
    DL_FOREACH(homed->homers, homer)
        for (int i = 0; i < 2; i++) {
            if (homer->events[i] != NULL && paused)
                event_del(homer->events[i]);
            else if (homer->events[i] != NULL)
                event_add(homer->events[i], NULL);
        }
    if (!paused)
        look(homed);
}

void homed_stop_output(struct homed *homed, unsigned channel)
{
    struct homer *homer;
    DL_FOREACH(homed->homers, homer)
        close_output(homer, (int)channel - 1);
    look(homed);
}

void homed_finish(struct homed *homed)
{
    struct homer *homer, *next;
    DL_FOREACH_SAFE(homed->homers, homer, next) {
        for (int i = 0; i < 2; i++)
            while (homer->output[i] >= 0 && take(homer, i))
                ;
        homer_free(homer);
    }
}

struct homed *homed_new(struct event_base *base, struct bp_job *job,
                        const struct bp_job_events *events, void *arg)
{
    struct homed *homed = bp_calloc(1, sizeof *homed);
    *homed = (struct homed){.base = base, .job = job, .events = *events, .arg = arg};
    homed->arrivals = arrivals_new(base, job, 1);
    homed->look = event_new(base, -1, 0, on_look, homed);
    homed->nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return homed;
}

void homed_free(struct homed *homed)
{
    if (homed == NULL)
        return;
    arrivals_free(homed->arrivals);
    while (homed->homers != NULL)
        homer_free(homed->homers);
    forget_early(homed);
    event_free(homed->look);
    if (homed->nothing >= 0)
        close(homed->nothing);
    free(homed);
}
