/* SPDX-License-Identifier: BSD-3-Clause */
/* onward.h - a process that runs on a node goes on to another one, again and again. */
#ifndef BP_MASTER_ONWARD_H
#define BP_MASTER_ONWARD_H

#include <uthash.h>

#include "proto/frame.h"
#include "proto/local.h"
#include "proto/pack.h"

struct job;
struct master;
struct node;
struct place;
struct proc;
struct tool;

/* ---- stay.c: a process on a node where it was not created ---- */
struct stay {
    uint64_t id; /* by which that node knows it: for the node it is a guest with one process */
    struct job *job;
    struct proc *proc;
    struct node *node;
    uint32_t number; /* on the data connections */
    uint8_t gone;    /* nothing of the process is there any more */
    uint8_t closing; /* the node was told so */
    UT_hash_handle hh;
    struct stay *prev, *next; /* of the job */
};

/* On its node, in a space of the job's or its host's, make the process as `move` says. NULL: it
 * cannot be there. */
struct stay *stay_open(struct job *job, struct proc *proc, struct node *node,
                       const Bpmix__JobMove *move, struct bp_error *err);
void stay_close(struct stay *stay);
struct stay *stay_find(const struct master *master, uint64_t id);
int stay_frame(struct stay *stay, const struct bp_frame *frame, const uint8_t *body,
               struct bp_error *err);
/* It ended with its space, or its node; kind and text tell the launcher why. Frees it. */
void stay_ended(struct stay *stay, int kind, const char *text);
void stays_close(struct job *job);
void stays_signal(const struct job *job, const Bpmix__ProcSignal *signal);
int stays_are_on(const struct job *job, const struct node *node);
void stays_node_gone(struct master *master, const struct node *node, const char *text);

/* The job is to have a space on this node. */
int stay_open_host(struct job *host, struct node *node, struct bp_error *err);

/* ---- where processes are ---- */
/* Of one at home: where it was before. */
struct node *proc_node(const struct job *job, const struct proc *proc);
/* The node's number; -1 = at home. */
int proc_where(const struct job *job, const struct proc *proc);
void proc_signal(const struct job *job, const struct proc *proc, const Bpmix__ProcSignal *signal);

/* ---- onward.c: on its way ---- */
struct trip {
    struct tool *tool; /* who is told when it does not get there; NULL = nobody any more */
    uint64_t tag;
    int node;
    struct stay *to; /* NULL: what it was there before is not gone yet, and has its PID */
    Bpmix__JobMove *move; /* until the other node has it */
};

int onward_frame(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                 struct bp_error *err);
/* The process of this connection was on its way when it got this signal. */
int onward_signal(struct tool *tool, const Bpmix__JobForward *forward, struct bp_error *err);
/* 1 = its signals wait. */
int onward_is_on(const struct proc *proc);
/* It runs somewhere else: what it is where it was ends, behind every signal that it has got. */
void onward_tell_old(const struct job *job, const struct proc *proc);
/* It runs there. */
void onward_arrive(struct stay *stay);
/* It is at home: what is where it was is only left behind. */
void onward_leave(struct job *job, struct proc *proc);
/* What it left behind there was stopped, or went on. */
int onward_stopped_behind(struct job *job, struct proc *proc, struct node *node,
                          const struct bp_frame *frame, const uint8_t *body,
                          struct bp_error *err);
/* It does not go there: it goes on where it is. */
void onward_fail(struct proc *proc, struct job *job, int code, const char *text);
/* Something that it left behind is gone. */
void onward_has_left(struct job *job, struct proc *proc);
/* It ended. */
void onward_ended(struct job *job, struct proc *proc);
/* A process that asks runs, also when its node has not said so yet. */
void onward_asks(struct job *host, const struct node *node, int32_t pid);
void onward_tool_gone(struct tool *tool);
void trips_free(struct job *job);

#endif
