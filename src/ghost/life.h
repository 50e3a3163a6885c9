/* SPDX-License-Identifier: BSD-3-Clause */
/* life.h - the life of a ghost as its herder sees it: a table of state and event. */
#ifndef BP_GHOST_LIFE_H
#define BP_GHOST_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/ghost_record.h"

struct bp_herder;

enum bp_life_state {
    BP_LIFE_BIRTH,   /* made or to be made; has not run an instruction */
    BP_LIFE_RUNNING, /* waits for signals */
    BP_LIFE_STOPPED, /* stopped as its process is; its parent has been told so */
    BP_LIFE_HELD,    /* dead by SIGKILL; its parent does not hear of it until its process is gone */
    BP_LIFE_ENDING,  /* ordered to end */
    BP_LIFE_APART,   /* not traced any more: it came home, or it ended and its parent, a ghost, has
                      * not reaped it yet. Of the launch, at home: until bpmaster ends it */
    BP_LIFE_GONE,    /* reaped by us, now its parent can reap it */
    BP_LIFE_STATES,
};

enum bp_life_event {
    /* from the kernel */
    BP_EVENT_TRAP,    /* stopped for us alone: at birth, after SIGCONT, after an interrupt */
    BP_EVENT_CAUGHT,  /* about to take the unblocked signal `signo` */
    BP_EVENT_STOPPED, /* stopped by signal `signo`, parent told */
    BP_EVENT_EXEC,    /* has executed bphome, and waits */
    BP_EVENT_DEAD,    /* ended, not reaped */
    /* from the ghost */
    BP_EVENT_SIGNAL,
    BP_EVENT_LEAVING,
    BP_EVENT_STAYS,
    /* from bpmaster */
    BP_EVENT_EXIT,
    BP_EVENT_STOP,
    BP_EVENT_CONTINUE,
    BP_EVENT_NAME,
    BP_EVENT_BECOME,
    /* from the herder */
    BP_EVENT_END, /* SIGKILL: the lease is over or the herd could not be made */
    BP_EVENTS,
};

struct bp_life {
    enum bp_life_state state;
    int again;     /* stopped: by this signal again, should it go on, */
    uint32_t again_after; /* as the slot's stop_after */
    bool stopping; /* on its way to a stop that we have not seen yet */
    bool woken;    /* since then it was sent our SIGCONT, what came of which we have not seen yet */
    bool asked;    /* the muster waits for an answer of this ghost */
    uint8_t queries; /* of bpmaster, that this ghost has not answered */
    bool leaving;  /* it has said its last word, */
    bool executed; /* and executed bphome: two things that are seen in any order */
    bool expected; /* its parent, the ghost in slot `parent`, has been told to make it */
    bool bred;     /* `parent`, the ghost in that slot, reaps it */
    uint32_t parent;
    int home;       /* apart: the PID of its process at home; 0 = it has ended, with */
    int32_t status; /* this status */
    uint64_t told; /* bit signo - 1: this ghost's signal was told to bpmaster */
};

/* Does what the table says; a pair without entry is counted as refused. */
void bp_life_event(struct bp_herder *herder, uint32_t slot, enum bp_life_event event,
                   const struct bp_ghost_record *what);

/* The process of this slot is about to take a user's stop signal, or has when we began to trace it:
 * it is to tell of that before it tells of what comes later, and goes on. */
void bp_life_catch(uint32_t number, int pid, int signo);

#endif
