/* SPDX-License-Identifier: BSD-3-Clause */
/* flow.h - the stdin of all ranks on its way from node to node: its last bytes, and what the
 * launcher said of its next pieces. The launcher keeps the last of what it sent in the same way. */
#ifndef BP_PROTO_FLOW_H
#define BP_PROTO_FLOW_H

#include <stddef.h>
#include <stdint.h>

#include "proto/stream.h"

#define BP_FLOW_PIECES 1024 /* that the slowest rank has not taken yet, at most */

struct bp_flow;

/* Its first byte will be the one at `place`. */
struct bp_flow *bp_flow_new(uint64_t place);
void bp_flow_free(struct bp_flow *flow);

/* Bytes that begin at place; what is here already is passed over. 1 = some were new, 0 = none;
 * -ERANGE: there is a gap before them; -EMSGSIZE: more than a window is unchecked. */
int bp_flow_put(struct bp_flow *flow, uint64_t place, const uint8_t *bytes, size_t length);
/* The piece behind those that are known; length 0: nothing comes any more. -EMSGSIZE: too many
 * or too long; -EPROTO: there was an end. */
int bp_flow_expect(struct bp_flow *flow, size_t length,
                   const uint8_t digest[BP_STREAM_DIGEST_BYTES]);
/* Check the next piece: 1 = it stands in *ret_bytes until the next call; 0 = it is not here, or
 * not known; -EILSEQ: it is another one; -EIO: no SHA-256. 1 and *ret_length 0: the end. */
int bp_flow_check(struct bp_flow *flow, const uint8_t **ret_bytes, size_t *ret_length);
/* What is here is right: it is the launcher's own. */
void bp_flow_trust(struct bp_flow *flow);
/* Forget what is not checked; the place from which on it must come again. */
uint64_t bp_flow_back(struct bp_flow *flow);

/* Where the unknown begins. */
uint64_t bp_flow_place(const struct bp_flow *flow);
/* 1 = a piece is known that is not here. */
int bp_flow_lacks(const struct bp_flow *flow);
/* Checked bytes from place on, at most size; 0 = none yet; -ERANGE: they are not kept any more. */
ssize_t bp_flow_read(const struct bp_flow *flow, uint64_t place, uint8_t *buffer, size_t size);

/* ---- its messages ---- */

/* The body of a FLOW: `length` (at most BP_STREAM_FLOW_MAX) bytes that begin at place. Returns its
 * length. */
size_t bp_flow_encode(uint64_t place, const void *bytes, size_t length,
                      uint8_t body[BP_STREAM_DATA_MAX]);
uint64_t bp_flow_decode(const uint8_t *body);
/* The body of a PIECE for these bytes. 0 or -EIO. */
int bp_flow_piece_encode(const void *bytes, size_t length, uint8_t body[BP_STREAM_PIECE_HEAD]);
size_t bp_flow_piece_decode(const uint8_t *body, const uint8_t **ret_digest);

#endif
