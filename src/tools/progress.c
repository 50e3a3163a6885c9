/* SPDX-License-Identifier: BSD-3-Clause */
/* progress.c - what a launcher says on stderr. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "tools/progress.h"
#include "tools/run.h"
#include "tools/verdict.h"

#define FIRST_US 500000 /* a launch that is over by then shows nothing */
#define NEXT_US  100000

static const char *line_end(const struct progress *progress)
{
    const struct terminal *terminal = progress->policy->terminal;
    return terminal != NULL && terminal->is_raw ? "\r\n" : "\n";
}

void progress_hide(struct progress *progress)
{
    if (progress->is_shown)
        fputs("\r\033[K", stderr);
    progress->is_shown = 0;
}

static int is_done(const struct progress *progress)
{
    return progress->launched + progress->failed >= progress->total;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct progress *progress = arg;
    const struct terminal *terminal = progress->policy->terminal;
    if (is_done(progress))
        return;
    if (terminal == NULL || !terminal->is_raw) {
        fprintf(stderr, "\r%s: launched %u/%u\033[K", progress->policy->tool, progress->launched,
                progress->total);
        progress->is_shown = 1;
    }
    event_add(progress->timer, &(struct timeval){.tv_usec = NEXT_US});
}

void progress_init(struct progress *progress, const struct run_policy *policy)
{
    *progress = (struct progress){.policy = policy, .start_us = bp_clock_us()};
}

void progress_watch(struct progress *progress, struct event_base *base, uint32_t total)
{
    progress->total = total;
    if (progress->policy->quiet || progress->policy->verbose || !isatty(STDERR_FILENO))
        return;
    progress->timer = evtimer_new(base, on_timer, progress);
    event_add(progress->timer, &(struct timeval){.tv_usec = FIRST_US});
}

void progress_step(struct progress *progress, const char *format, ...)
{
    va_list arguments;
    double ms = (double)(bp_clock_us() - progress->start_us) / 1000;
    if (!progress->policy->verbose)
        return;
    fprintf(stderr, "%s: %8.1f ms  ", progress->policy->tool, ms);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs(line_end(progress), stderr);
}

void progress_say(struct progress *progress, const char *text)
{
    progress_hide(progress);
    fprintf(stderr, "%s: %s%s", progress->policy->tool, text, line_end(progress));
}

static void rank_launched(struct progress *progress, const Bpmix__JobEvent *event,
                          const char *node)
{
    progress->launched++;
    if (is_done(progress))
        progress_hide(progress);
    if (progress->policy->verbose > 1)
        progress_step(progress, "rank %u runs on %s, PID %d", event->rank, node, event->pid);
    if (progress->launched == progress->total)
        progress_step(progress, "%u of %u ranks run", progress->launched, progress->total);
}

static void rank_ended(struct progress *progress, const Bpmix__JobEvent *event, const char *node)
{
    progress->ended++;
    if (progress->policy->verbose > 1 || progress->ended == 1)
        progress_step(progress, "rank %u on %s ended%s, exit status %d", event->rank, node,
                      progress->ended == 1 ? " first" : "", verdict_shell_status(event->status));
    if (progress->ended + progress->failed == progress->total)
        progress_step(progress, "all ranks have ended");
}

void progress_event(struct progress *progress, const Bpmix__JobEvent *event, const char *node)
{
    switch (event->kind) {
    case BPMIX__JOB_EVENT__KIND__CREATED:
        rank_launched(progress, event, node);
        return;
    case BPMIX__JOB_EVENT__KIND__FAILED:
        progress->failed++;
        progress_step(progress, "rank %u on %s could not be started", event->rank, node);
        return;
    case BPMIX__JOB_EVENT__KIND__INIT:
        if (++progress->connected == progress->total)
            progress_step(progress, "all ranks have called MPI_Init (PMIx)");
        return;
    case BPMIX__JOB_EVENT__KIND__EXIT:
        rank_ended(progress, event, node);
        return;
    default:
        return;
    }
}

void progress_done(struct progress *progress)
{
    progress_hide(progress);
    if (progress->timer != NULL)
        event_free(progress->timer);
}
