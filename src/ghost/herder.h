/* SPDX-License-Identifier: BSD-3-Clause */
/* herder.h - the tracer of the herd: its state, shared by the files of this room. */
#ifndef BP_GHOST_HERDER_H
#define BP_GHOST_HERDER_H

#include <stdbool.h>
#include <stdint.h>

#include "ghost/canary.h"
#include "ghost/herd.h"
#include "ghost/life.h"
#include "ghost/muster.h"
#include "ghost/queue.h"

#define BP_HERDER_QUERIES 64 /* about one ghost, not answered */

struct bp_herder {
    int signals, lease; /* descriptors: SIGCHLD (ptrace events), the lease's timer */
    uint32_t refused;   /* records and events that do not fit the state of their slot */
    bool maker_gone, lease_over;
    struct bp_life lives[BP_GHOST_SLOTS];
    uint32_t used;       /* slots below this one are the launch's or were used */
    uint32_t born, gone; /* ghosts that left BP_LIFE_BIRTH; that became BP_LIFE_GONE */
    uint32_t bred;       /* made on order, or to be made */
    uint32_t expected;   /* of these: to be made */
    struct bp_muster muster;
    struct bp_canary canary;
    struct bp_queue queue;
};

/* Entry of the herder. */
void bp_herder_run(void *unused);

/* The herd has no future: every ghost is ended by SIGKILL. */
void bp_herder_end(struct bp_herder *herder);

/* This ghost has told everything, or never will: answer what was asked about it. */
void bp_herder_told(struct bp_herder *herder, uint32_t slot);

/* May input be read that can make up to BP_GHOST_BATCH records? */
bool bp_herder_has_room(const struct bp_herder *herder);

/* Wake the process in this place, so that it looks at its order word. */
void bp_herder_order(uint32_t place, uint32_t order);

#endif
