/* SPDX-License-Identifier: BSD-3-Clause */
/* progress.h - what a launcher says on stderr: its messages, with -v the steps of a launch, and for
 * who sits before a terminal how far a long one is. */
#ifndef BP_TOOLS_PROGRESS_H
#define BP_TOOLS_PROGRESS_H

#include <event2/event.h>

#include "lib/job.h"

struct run_policy;

struct progress {
    const struct run_policy *policy;
    uint64_t start_us;
    uint32_t total, launched, failed, connected, ended;
    struct event *timer; /* NULL = nothing is ever shown */
    int is_shown;        /* the line "launched 3/1024" stands there */
};

/* The clock begins to run. */
void progress_init(struct progress *progress, const struct run_policy *policy);
/* There are so many ranks to launch. */
void progress_watch(struct progress *progress, struct event_base *base, uint32_t total);
void progress_event(struct progress *progress, const Bpmix__JobEvent *event, const char *node);
/* A step, for -v alone. */
void progress_step(struct progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A message. */
void progress_say(struct progress *progress, const char *text);
/* Somebody else writes on the terminal now. */
void progress_hide(struct progress *progress);
void progress_done(struct progress *progress);

#endif
