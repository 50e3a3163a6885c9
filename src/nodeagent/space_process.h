/* SPDX-License-Identifier: BSD-3-Clause */
/* space_process.h - the table of the processes that CREATE made: state × event. */
#ifndef BP_NODEAGENT_SPACE_PROCESS_H
#define BP_NODEAGENT_SPACE_PROCESS_H

#include <sys/types.h>

#include "nodeagent/space_child.h"
#include "nodeagent/space_up.h"

#define BP_SPACE_PROCESSES_MAX 4096
#define BP_SPACE_QUEUE_MAX     8192 /* signals waiting for an exec */

enum bp_space_state {
    BP_STATE_FREE,
    BP_STATE_ASKED,    /* the maker has the order */
    BP_STATE_STARTING, /* born, not yet at its exec; stops and continues are nobody's business */
    BP_STATE_OPENING,  /* the same, and it may be waiting for its files */
    BP_STATE_FAILING,  /* will not come to its exec; it is reported when it is reaped */
    BP_STATE_RUNNING,
    BP_STATE_STOPPED,
    BP_STATES
};

enum bp_space_event {
    BP_EVENT_BORN,   /* record's pid; birth */
    BP_EVENT_UNBORN, /* clone failed: record's status */
    BP_EVENT_PIPE,   /* its pipe says something: on the way to its exec, at it, or not */
    BP_EVENT_SIGNAL, /* record is a SIGNAL */
    BP_EVENT_STOP,   /* record's signo */
    BP_EVENT_CONTINUE,
    BP_EVENT_EXIT, /* record is an EXIT */
    BP_EVENTS
};

struct bp_space_process {
    enum bp_space_state state;
    uint64_t serial;
    int helper;
    int killed; /* SIGKILL came before it was born */
    int32_t continued; /* number of the last SIGCONT that it got */
    int leaves; /* it runs elsewhere by now, and was told so */
    struct bp_space_birth birth;
    struct bp_space_mishap mishap;
    char *why; /* the restorer's sentence, or NULL */
    uint8_t *cpus; /* what it said, or NULL */
    uint32_t cpu_bytes;
};

struct bp_space_processes {
    const struct bp_space_up *up;
    int epoll;     /* pipes are watched there, with the process's index as data */
    const struct bp_space_job *job;
    unsigned used; /* slots in use are below */
    unsigned asked;
    unsigned queued;
    struct bp_space_process slots[BP_SPACE_PROCESSES_MAX];
    struct bp_space_record queue[BP_SPACE_QUEUE_MAX]; /* in the order in which they came */
};

/* A new process in state ASKED; NULL = the table is full. */
struct bp_space_process *bp_space_process_new(struct bp_space_processes *all, uint64_t serial,
                                              int helper);
struct bp_space_process *bp_space_process_by_serial(struct bp_space_processes *all,
                                                    uint64_t serial);
struct bp_space_process *bp_space_process_by_pid(struct bp_space_processes *all, pid_t pid);

/* Let event happen to process. What record is, and whether birth is given, depends on the event. */
void bp_space_process_event(struct bp_space_processes *all, struct bp_space_process *process,
                            enum bp_space_event event, const struct bp_space_record *record,
                            const struct bp_space_birth *birth);

/* A SIGNAL for one serial, or for 0 = all but helpers. Unknown serials are late ones: dropped. */
void bp_space_process_signal(struct bp_space_processes *all, const struct bp_space_record *record);

#endif
