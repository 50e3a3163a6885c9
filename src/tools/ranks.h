/* SPDX-License-Identifier: BSD-3-Clause */
/* ranks.h - all ranks of a run: those of a job on nodes, then those that are processes here. */
#ifndef BP_TOOLS_RANKS_H
#define BP_TOOLS_RANKS_H

#include <sys/signalfd.h>

#include "lib/job.h"
#include "tools/homed.h"
#include "tools/local.h"

struct ranks;

/* Each may be NULL. homed: those of the job that came home. */
struct ranks *ranks_new(struct bp_job *job, struct local *local, struct homed *homed);
void ranks_free(struct ranks *ranks);

uint32_t ranks_count(const struct ranks *ranks);
const char *ranks_node_name(const struct ranks *ranks, uint32_t rank);
/* Send a signal to all; 0 = end them now. */
void ranks_kill(const struct ranks *ranks, int signal);
/* A signal that came to us. */
void ranks_forward(const struct ranks *ranks, const struct signalfd_siginfo *info);
/* As bp_job_* of the same names. */
void ranks_pause(const struct ranks *ranks, int paused);
void ranks_stop_output(const struct ranks *ranks, unsigned channel);
int ranks_has_data(const struct ranks *ranks, uint32_t rank);
void ranks_input(const struct ranks *ranks, uint32_t rank, const void *bytes, size_t length);
/* 1 = it is on a node: ranks_input_all() is for all of these at once. */
int ranks_is_away(const struct ranks *ranks, uint32_t rank);
void ranks_input_all(const struct ranks *ranks, const void *bytes, size_t length);
int ranks_input_room(const struct ranks *ranks, uint32_t under_way);
int ranks_is_over(const struct ranks *ranks);

#endif
