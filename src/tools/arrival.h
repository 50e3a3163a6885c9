/* SPDX-License-Identifier: BSD-3-Clause */
/* arrival.h - the image of a process that comes home: collected, tried, and given to bpmaster. */
#ifndef BP_TOOLS_ARRIVAL_H
#define BP_TOOLS_ARRIVAL_H

#include <event2/event.h>

#include "lib/job.h"

struct arrival;

/* Of the rank that this MOVING is about. files: the stdin, stdout and stderr that it is to have;
 * they stay the caller's and must last as long. */
struct arrival *arrival_new(struct event_base *base, struct bp_job *job,
                            const Bpmix__JobEvent *event, const int files[3]);
/* More of it; length 0: that is all. */
void arrival_bytes(struct arrival *arrival, const uint8_t *bytes, size_t length);
void arrival_free(struct arrival *arrival);

#endif
