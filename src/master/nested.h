/* SPDX-License-Identifier: BSD-3-Clause */
/* nested.h - jobs that processes on nodes open. */
#ifndef BP_MASTER_NESTED_H
#define BP_MASTER_NESTED_H

#include "proto/pack.h"

struct job;
struct proc;
struct tool;

/* The process with this PID, a running one on the tool's node, and whose it is. NULL with a
 * sentence. */
struct proc *nested_asker(const struct tool *tool, int32_t pid, struct job **ret_job,
                          struct bp_error *err);
/* The tool and its request are, from now on, as if that process' ghost had asked. */
int nested_identify(struct tool *tool, int32_t pid, Bpmix__JobRequest *request,
                    struct bp_error *err);
/* Order the ghosts; when all are there the request is answered. */
int nested_start(struct job *job, uint64_t tag, char **warnings, size_t count,
                 struct bp_error *err);
void nested_free(struct job *job);
/* Jobs of processes of this one. */
unsigned nested_count(const struct job *parent);
/* One of these is freed. */
void nested_gone(struct job *job);
/* What became of the order of a ghost: proc->pid, or a negative errno. */
void job_ghost_made(struct job *job, struct proc *proc, int error);

#endif
