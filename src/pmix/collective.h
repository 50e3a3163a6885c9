/* SPDX-License-Identifier: BSD-3-Clause */
/* collective.h - fences, connects and disconnects over the tree of the participating nodes.
 *
 * The tree of a collective is over the nodes that have participants, in map order; others are not
 * involved. Every node sends one FENCE_UP when its own ranks and its children are in; the root
 * answers with FENCE_DOWN. Collectives with one signature are matched in order: the n-th UP of a
 * child and the n-th entry here belong together, since frames between two nodes keep their order.
 *
 * Ranks that have ended (PMIX_GONE) are not waited for: a node all of whose participants have ended
 * counts as in, with PMIX_ERR_PARTIAL_SUCCESS, but goes on passing between its subtree and its
 * parent; a subtree without a living participant is left out, and late frames of it are dropped. */
#ifndef BP_PMIX_COLLECTIVE_H
#define BP_PMIX_COLLECTIVE_H

#include <pmix_server.h>

#include "pmix/shepherd.h"
#include "pmix/signature.h"

struct bp_entry { /* what libpmix brought for the ranks of this node */
    pmix_status_t status;
    uint8_t *data;
    size_t length;
    uint32_t timeout_s;        /* 0 = none */
    pmix_modex_cbfunc_t modex; /* one of these two is set */
    pmix_op_cbfunc_t op;
    void *arg;
};

/* One more argument-free answer for each kind of callback; frees the entry's data. */
void bp_entry_answer(struct bp_entry *entry, pmix_status_t status, const uint8_t *data,
                     size_t length);

struct bp_fences *bp_fences_new(void);

/* The local ranks are in; both are consumed. */
void bp_fences_enter(struct bp_shepherd *shepherd, struct bp_signature *take_signature,
                     struct bp_entry *take_entry);

/* Frames of peers. */
void bp_fences_up(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                  const Bpmix__PmixPeer *peer);
void bp_fences_down(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                    const Bpmix__PmixPeer *peer);

/* The map's gone marks have changed. */
void bp_fences_gone(struct bp_shepherd *shepherd);

#endif
