/* SPDX-License-Identifier: BSD-3-Clause */
/* trace.h - what the kernel tells the tracer of ghosts, canary and maker. */
#ifndef BP_GHOST_TRACE_H
#define BP_GHOST_TRACE_H

struct bp_herder;

/* Take every event that waits. */
void bp_trace_all(struct bp_herder *herder);

/* End the canary and see it gone. */
void bp_trace_end_canary(struct bp_herder *herder);

#endif
