/* SPDX-License-Identifier: BSD-3-Clause */
/* canary.h - tells whether a signal that the launcher got went to its whole process group: then
 * the canary, which has no other job than to be in that group, got it as well. */
#ifndef BP_GHOST_CANARY_H
#define BP_GHOST_CANARY_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/ghost_record.h"

#define BP_CANARY_FORWARDS 128
#define BP_CANARY_SENDERS  4

struct bp_herder;

/* One signal number: from whom the canary got it how often, not yet matched by a FORWARD. */
struct bp_canary_seen {
    struct {
        int32_t sender_pid, code;
        uint32_t count;
    } from[BP_CANARY_SENDERS];
    uint64_t added_ms, matched_ms; /* the last time that one was; 0 = never */
};

struct bp_canary {
    bool alive, asked; /* asked: an answer to BP_ORDER_ANSWER is outstanding */
    uint32_t covered;  /* forwards that came before the question was asked */
    uint32_t count;    /* forwards waiting */
    struct bp_ghost_record forwards[BP_CANARY_FORWARDS]; /* oldest first */
    struct bp_canary_seen seen[65];
};

/* The launcher got this signal itself: decide, asking the canary where needed. */
void bp_canary_forward(struct bp_herder *herder, const struct bp_ghost_record *signal);

/* Ask for an answer once everything before is told; a question is asked one at a time. */
void bp_canary_ask(struct bp_herder *herder);

/* From the canary: a signal; the answer. From the kernel: its end. */
void bp_canary_signal(struct bp_herder *herder, const struct bp_ghost_record *signal);
void bp_canary_answer(struct bp_herder *herder);
void bp_canary_dead(struct bp_herder *herder);

#endif
