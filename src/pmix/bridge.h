/* SPDX-License-Identifier: BSD-3-Clause */
/* bridge.h - the one way from libpmix's threads into the loop.
 *
 * An upcall copies its arguments into a structure of its own that begins with struct bp_call, posts
 * it and returns; the loop runs the calls in the order in which they were posted. Nothing is
 * answered inside an upcall: a completion called there deadlocks libpmix. */
#ifndef BP_PMIX_BRIDGE_H
#define BP_PMIX_BRIDGE_H

#include <stdbool.h>
#include <stddef.h>

#include <event2/event.h>
#include <pmix_common.h>

#include "common/error.h"

struct bp_shepherd;

struct bp_call {
    struct bp_call *next;
    /* On the loop; owns the call from here on. */
    void (*run)(struct bp_shepherd *shepherd, struct bp_call *take_call);
};

/* Before PMIx_server_init, once in the life of the process (libpmix's upcalls carry no argument
 * of ours, so there is one bridge). */
int bp_bridge_open(struct event_base *base, struct bp_shepherd *shepherd, struct bp_error *err);

/* From any thread. */
void bp_bridge_post(struct bp_call *take_call);

/* An operation that needs nothing but its answer: answered from the loop. The upcall returns what
 * this returns. */
pmix_status_t bp_bridge_answer(pmix_op_cbfunc_t callback, void *arg, pmix_status_t status);

/* Copies of what an upcall was given; NULL for none. */
pmix_info_t *bp_copy_infos(const pmix_info_t *infos, size_t count);
void bp_free_infos(pmix_info_t *infos, size_t count);
void *bp_copy_bytes(const void *bytes, size_t length);

/* The directive with this key, or NULL. */
const pmix_value_t *bp_find_info(const pmix_info_t *infos, size_t count, const char *key);

#endif
