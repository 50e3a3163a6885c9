/* SPDX-License-Identifier: BSD-3-Clause */
/* onward.h - a process that went to a node goes on to another one. */
#ifndef BP_MASTER_ONWARD_H
#define BP_MASTER_ONWARD_H

#include "proto/frame.h"
#include "proto/pack.h"

struct job;
struct node;
struct place;
struct proc;
struct tool;

struct onward {
    struct tool *tool; /* who is told when it does not; NULL = nobody any more */
    uint64_t tag;
    unsigned place;       /* where it goes to */
    unsigned incarnation; /* how often it has gone on */
    uint8_t on;
    uint8_t leaving;   /* what it was on the node before is not gone yet */
    struct tool *next; /* who waits for that, to go to next_node; NULL = nobody */
    uint64_t next_tag;
    int next_node;
};

int onward_frame(struct tool *tool, const struct bp_frame *frame, struct bp_error *err);
/* It was on its way when it got this. */
int onward_signal(struct tool *tool, const Bpmix__JobForward *forward, struct bp_error *err);
/* What a node says of a process; 1 = it was about where it goes to, or where it has been. */
int onward_heard(struct job *job, const struct place *place, const struct bp_frame *frame,
                 const uint8_t *body);
void onward_asks(struct job *job, const struct node *node, int32_t pid);
void onward_place_ended(struct job *job, unsigned index);
/* Behind every signal that it has got on its node comes the last one. */
void onward_tell_old(struct job *job, const struct proc *proc);
void onward_tool_gone(struct tool *tool);
/* Its number for nodes, and back; NULL = it is none of this job's now. */
uint64_t job_serial(const struct job *job, const struct proc *proc);
struct proc *job_proc(struct job *job, uint64_t serial);

#endif
