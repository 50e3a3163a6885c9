/* SPDX-License-Identifier: BSD-3-Clause */
/* relay.h - bodies of TOOL_SAYS and TOOL_HEARS: a frame between a process on a node and bpmaster,
 * header and all, as it passes between bpnode and bpmaster. */
#ifndef BP_PROTO_RELAY_H
#define BP_PROTO_RELAY_H

#include "proto/frame.h"

#define BP_RELAY_MAX 128 /* processes of one job on one node that ask at a time */

/* The body of a TOOL_SAYS or TOOL_HEARS with this frame inside; *ret_length bytes; free() it. */
uint8_t *bp_relay_pack(const struct bp_frame *inner, const void *body, size_t *ret_length);

/* Take such a body apart; from, to: who says the frame inside to whom, one of them a caller.
 * *ret_body points into body. 0, -EPROTO, -EPROTONOSUPPORT or -EMSGSIZE. */
int bp_relay_unpack(const uint8_t *body, size_t length, enum bp_peer from, enum bp_peer to,
                    struct bp_frame *ret_inner, const uint8_t **ret_body, struct bp_error *err);

/* Value of the last signal (BP_LEAVE_SIGNAL, by sigqueue) to a process that runs on another node by
 * now: what came before it has been passed on, and it ends. */
#define BP_LEAVE_SIGNAL 64
#define BP_LEAVE_VALUE  UINT64_C(0x6d6f766564206f6e)

#endif
