/* SPDX-License-Identifier: BSD-3-Clause */
/* arrival.h - images of processes that come home: collected, tried, and given to bpmaster. */
#ifndef BP_TOOLS_ARRIVAL_H
#define BP_TOOLS_ARRIVAL_H

#include <event2/event.h>

#include "lib/job.h"

struct arrivals;

/* Of one launcher. reaps: its ranks will be its children. */
struct arrivals *arrivals_new(struct event_base *base, struct bp_job *job, int reaps);
void arrivals_free(struct arrivals *arrivals);

/* The one that this FETCH is about begins. files: the stdin, stdout and stderr that it is to have;
 * they stay the caller's and must last as long. */
void arrivals_begin(struct arrivals *arrivals, const Bpmix__JobEvent *event, const int files[3]);
/* More of it; length 0: that is all. */
void arrivals_bytes(struct arrivals *arrivals, uint32_t number, const uint8_t *bytes,
                    size_t length);
void arrivals_forget(struct arrivals *arrivals, uint32_t number);
/* A child of ours has ended: 1 = it was for one of these. */
int arrivals_reaped(struct arrivals *arrivals, pid_t pid, int status);

#endif
