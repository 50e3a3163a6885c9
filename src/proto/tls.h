/* SPDX-License-Identifier: BSD-3-Clause */
/* tls.h - TLS 1.3 with a pre-shared key and nothing else: no certificates, no clock, no tickets. */
#ifndef BP_PROTO_TLS_H
#define BP_PROTO_TLS_H

#include <openssl/ssl.h>

#include "proto/key.h"

/* Find the key of an identity. 0, or negative: this identity is not let in. */
typedef int bp_tls_find(void *arg, const char *identity, struct bp_key *ret_key);

/* A context for connections that others opened: keys come from find(arg, identity). */
SSL_CTX *bp_tls_server_new(bp_tls_find *find, void *arg, struct bp_error *err);

/* A context for connections opened here, with this identity (kept) and key (copied). */
struct bp_tls_client;
struct bp_tls_client *bp_tls_client_new(const char *identity, const struct bp_key *key,
                                        struct bp_error *err);
SSL_CTX *bp_tls_client_context(struct bp_tls_client *client);
void bp_tls_client_free(struct bp_tls_client *client);

/* The oldest OpenSSL error in words, and the queue emptied. */
const char *bp_tls_error(void);

#endif
