/* SPDX-License-Identifier: BSD-3-Clause */
/* key.h - the cluster key, the key of each node derived from it (HKDF-SHA256, RFC 5869), and the
 * short id by which people compare keys without seeing them. */
#ifndef BP_PROTO_KEY_H
#define BP_PROTO_KEY_H

#include <stdint.h>

#include "common/error.h"

#define BP_KEY_BYTES    32
#define BP_KEY_ID_BYTES 8
#define BP_TICKET_BYTES 16

struct bp_key {
    uint8_t bytes[BP_KEY_BYTES];
};

/* Random bytes from the kernel; the program ends if there are none. */
void bp_key_random(void *bytes, size_t length);

/* The key of node n: HKDF(cluster key, "bpmix node n"). */
int bp_key_derive(const struct bp_key *cluster, int node, struct bp_key *ret_key,
                  struct bp_error *err);

/* First bytes of SHA-256 of the key: tells keys apart, gives nothing away. */
void bp_key_id(const struct bp_key *key, uint8_t id[BP_KEY_ID_BYTES]);

/* Lower-case hex of `length` bytes, NUL-terminated: text has 2 * length + 1 bytes. */
void bp_key_hex(const uint8_t *bytes, size_t length, char *text);

/* A cluster key file: 64 hex digits on one line. It must belong to root or to the caller and be
 * closed to others. */
int bp_key_read_cluster(const char *path, struct bp_key *ret_key, struct bp_error *err);

/* A node's key file: the lines "node N" and "key HEX". */
int bp_key_read_node(const char *path, int *ret_node, struct bp_key *ret_key,
                     struct bp_error *err);

#endif
