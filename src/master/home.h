/* SPDX-License-Identifier: BSD-3-Clause */
/* home.h - a process on a node comes home: its ghost becomes it again. */
#ifndef BP_MASTER_HOME_H
#define BP_MASTER_HOME_H

#include "proto/frame.h"
#include "proto/ghost_record.h"
#include "proto/local.h"
#include "proto/pack.h"

struct homing;
struct resident;
struct node;
struct job;
struct master;
struct proc;
struct tool;

/* A process of this job asks to come home, as what `move` says: taken, also when it fails. */
int home_ask(struct tool *tool, uint64_t tag, struct job *job, struct proc *proc,
             Bpmix__JobMove *take_move, struct bp_error *err);
/* JOB_HOME or JOB_DRAINED of the job's launcher; takes the descriptors. */
int home_frame(struct tool *tool, struct bp_local_message *message, struct bp_error *err);
/* HOME_ASK of a bphome. */
int home_wanted(struct tool *tool, const struct bp_frame *frame, struct bp_error *err);
/* What the herder says: HOME or STAYS. -EPROTO: not now. */
int home_ghost(struct job *job, struct proc *proc, const struct bp_ghost_record *record);
/* Its ghost is there, and knows orders. */
void home_ghost_there(struct proc *proc);
/* It is on its way: this waits for it. */
void home_signal(struct proc *proc, const Bpmix__ProcSignal *signal);
/* To all of the job's that are at home, or as good as that. */
void home_signal_all(struct job *job, const Bpmix__ProcSignal *signal);
/* What happens to it on its way, an enum proc_event. 1 = that is decided later. */
int home_event(struct job *job, struct proc *proc, int event, int32_t status);
/* Nobody has its ghost any more. */
void home_ghost_lost(struct job *job, struct proc *proc);
void home_tool_gone(struct tool *tool);
/* Its launcher, or the job itself, has gone: nobody writes its output any more. */
void home_launcher_gone(struct job *job);
/* The space by which this launcher gets images from there has ended. */
void home_place_gone(struct job *receiver, const struct node *node);

/* ---- resident.c: one that is at home, and still its job's ---- */
enum resident_reaper { /* who will tell how it ended */
    RESIDENT_GHOST,    /* its parent, by its herder: GONE */
    RESIDENT_LAUNCHER, /* by JOB_REAPED */
    RESIDENT_NOBODY,
};

void resident_new(struct job *job, struct proc *proc, enum resident_reaper reaper, int take_handle);
void resident_signal(const struct proc *proc, const Bpmix__ProcSignal *signal);
void resident_ended(struct job *job, struct proc *proc, const Bpmix__JobReaped *how);
/* Nobody will say how it ends. */
void resident_not_told(struct job *job, struct proc *proc);
/* JOB_REAPED. The job may be freed. */
int resident_frame(struct job *job, const struct bp_frame *frame, const uint8_t *body,
                   struct bp_error *err);
void residents_launcher_gone(struct job *job);
void residents_kill(const struct job *job);
unsigned residents_count(const struct master *master, uid_t uid);

#endif
