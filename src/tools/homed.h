/* SPDX-License-Identifier: BSD-3-Clause */
/* homed.h - what came home from nodes to this launcher: its ranks, which are its children then, and
 * what those have made on their nodes. Their output comes by pipes, as on a node. */
#ifndef BP_TOOLS_HOMED_H
#define BP_TOOLS_HOMED_H

#include <sys/resource.h>

#include "lib/job.h"

struct homed;

/* Of the job; its output is told by these events, its end to bpmaster. */
struct homed *homed_new(struct event_base *base, struct bp_job *job,
                        const struct bp_job_events *events, void *arg);
void homed_free(struct homed *homed);

/* News of the job. */
void homed_coming(struct homed *homed, const Bpmix__JobEvent *event);
void homed_image(struct homed *homed, uint32_t number, const uint8_t *bytes, size_t length);
void homed_not_coming(struct homed *homed, uint32_t number);
/* That one is a rank, and here. */
void homed_moved(struct homed *homed, uint32_t number, pid_t pid);

/* A child has ended. 1 = it was a helper, no rank's process. */
int homed_reaped(struct homed *homed, pid_t pid, int status, const struct rusage *usage);
/* 1 = a rank's process has ended, and its output is not taken yet. */
int homed_is_due(const struct homed *homed);
void homed_kill(const struct homed *homed);
void homed_pause(struct homed *homed, int paused);
void homed_stop_output(struct homed *homed, unsigned channel);
/* The job is over: take what there is. */
void homed_finish(struct homed *homed);

#endif
