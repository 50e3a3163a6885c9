/* SPDX-License-Identifier: BSD-3-Clause */
/* herd.h - the herders of a job, its ghosts, and the children of those. */
#ifndef BP_MASTER_HERD_H
#define BP_MASTER_HERD_H

#include <sys/types.h>

#include "common/error.h"
#include "proto/ghost_record.h"
#include "proto/local.h"
#include "proto/pack.h"

struct herd;
struct job;
struct proc;

/* ---- herd.c: the herders of a job ---- */
int herds_open(struct job *job, struct bp_error *err);
void herds_free(struct job *job);
/* The launchers' ends as descriptors, in rank order; they are the caller's now. */
unsigned herds_take_fds(struct job *job, int fds[BP_LOCAL_FDS_MAX]);
void herd_tick(struct job *job, int late);
/* The parent of a process here; or -ESRCH. */
int herd_parent(int pid);
/* 1 = that process is such that this user may send it signals. */
int herd_may_signal(int pid, uid_t uid);
void herd_end_ghost(struct proc *proc, int32_t status);
void herd_mirror(const struct proc *proc, int signal);
void herd_forward(struct job *job, const Bpmix__JobForward *forward);

/* ---- breed.c: ghosts that are children of ghosts ---- */
/* Order the ghost of a process, of the same or another job, as a child of another's ghost. What
 * became of it is told by job_ghost_made. 0, -ESRCH: that one has none; -EAGAIN: no slot left. */
int herd_breed(struct proc *parent, struct job *job, struct proc *proc, struct bp_error *err);
/* The launch's ghosts are there: what their processes, which were fast, have ordered already. */
void breed_ghosts_there(struct herd *herd);
/* What the herder says of a slot that is none of the launch's. 0 or -EPROTO. */
int breed_said(struct herd *herd, const struct bp_ghost_record *record);
/* The herder has ended. */
void breed_closed(struct herd *herd);
/* The job is freed: what comes of its ghosts concerns nobody. */
void breed_forget(struct job *job);
/* Nobody stands for it any more; status: the ghost's. */
void herd_ghost_gone(struct job *job, struct proc *proc, int32_t status);
void herd_said_signal(struct job *job, struct proc *proc, const struct bp_ghost_record *record);
/* Is this process of the user's, and traced by the herder? */
int herd_check_ghost(const struct herd *herd, int32_t pid, struct bp_error *err);
void herd_order(struct herd *herd, const struct bp_ghost_record *record);
void herd_failed(struct herd *herd, const char *why);

#endif
