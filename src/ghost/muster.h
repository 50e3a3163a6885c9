/* SPDX-License-Identifier: BSD-3-Clause */
/* muster.h - bringing the herd up: from the maker's start to its verdict. */
#ifndef BP_GHOST_MUSTER_H
#define BP_GHOST_MUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/ghost_record.h"

struct bp_herder;

enum bp_muster_phase {
    BP_MUSTER_NAMING,  /* the maker has yet to name the herder as its tracer */
    BP_MUSTER_MAKING,  /* the maker makes canary and ghosts */
    BP_MUSTER_MADE,    /* ... has made them; the canary is to be asked for early signals */
    BP_MUSTER_CANARY,  /* ... is asked */
    BP_MUSTER_GHOSTS,  /* there are early signals: the ghosts are asked which they got */
    BP_MUSTER_REPAIR,  /* ghosts born too late for an early signal get it told */
    BP_MUSTER_BIRTHS,  /* the last first stops are awaited */
    BP_MUSTER_SENDING, /* BORN and HERDING are on their way */
    BP_MUSTER_FAILING, /* what was made is to be ended */
    BP_MUSTER_ENDED,   /* ... is being ended */
    BP_MUSTER_FAILED,  /* FAILED is on its way */
    BP_MUSTER_DONE,    /* the maker has its verdict */
};

struct bp_muster {
    enum bp_muster_phase phase;
    bool traced;     /* the maker is */
    bool made_known; /* `made` will not change any more */
    uint32_t made;
    int32_t error;
    uint32_t answers_missing;
    uint64_t early; /* bit signo - 1: sent to the process group while ghosts were being made */
    struct bp_ghost_record early_signals[64];
    uint32_t repair_signo, repair_slot;
};

void bp_muster_named(struct bp_herder *herder);
void bp_muster_made(struct bp_herder *herder, uint32_t made, int32_t error);
void bp_muster_maker_dead(struct bp_herder *herder, int status);
void bp_muster_witness(struct bp_herder *herder, const struct bp_ghost_record *signal);
void bp_muster_canary_answered(struct bp_herder *herder);

/* This ghost has told everything, or never will. */
void bp_muster_answered(struct bp_herder *herder, uint32_t slot);

/* No herd: end what was made, then tell bpmaster and maker why. Without effect once the maker has
 * its verdict. */
void bp_muster_fail(struct bp_herder *herder, int32_t error);

/* Go on where a condition has become true. */
void bp_muster_step(struct bp_herder *herder);

#endif
