/* SPDX-License-Identifier: BSD-3-Clause */
/* local.h - ranks of a run that are processes here, on the master, with pipes as on a node. */
#ifndef BP_TOOLS_LOCAL_H
#define BP_TOOLS_LOCAL_H

#include <signal.h>
#include <sys/resource.h>

#include "lib/job.h"

struct local;

/* Start `count` processes of the request's program, as ranks `first` and up, with the signal mask
 * `mask`. What happens to them is told by event, output, credit and left of *events, as of a job's
 * ranks, from the loop. Each has its own process group, and dies with this process. */
struct local *local_start(struct event_base *base, const Bpmix__JobRequest *request, uint32_t first,
                          uint32_t count, const sigset_t *mask,
                          const struct bp_job_events *events, void *arg);
/* A child was reaped: 1 = it was one of these. */
int local_reaped(struct local *local, pid_t pid, int status, const struct rusage *usage);
void local_kill(const struct local *local, int signal);
void local_pause(struct local *local, int paused);
void local_stop_output(struct local *local, unsigned channel);
/* stdin; length 0 = its end. */
void local_input(struct local *local, uint32_t rank, const void *bytes, size_t length);
uint32_t local_count(const struct local *local);
/* 1 = all have ended and all they wrote was told. */
int local_is_over(const struct local *local);
void local_free(struct local *local);

#endif
