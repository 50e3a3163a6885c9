/* SPDX-License-Identifier: BSD-3-Clause */
/* tls.c - TLS 1.3 with a pre-shared key (RFC 8446 section 4.2.11) on OpenSSL. */
#include <errno.h>
#include <string.h>

#include <openssl/err.h>

#include "common/mem.h"
#include "proto/tls.h"

#define CIPHER      "TLS_AES_128_GCM_SHA256"
#define IDENTITY_MAX 63

struct bp_tls_client {
    SSL_CTX *ctx;
    struct bp_key key;
    char identity[IDENTITY_MAX + 1];
};

struct server_find {
    bp_tls_find *find;
    void *arg;
};

/* TLS_AES_128_GCM_SHA256 in the two bytes of the protocol. */
static const unsigned char cipher_id[2] = {0x13, 0x01};

static SSL_SESSION *session_for(SSL *ssl, const struct bp_key *key)
{
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, cipher_id);
    SSL_SESSION *session = SSL_SESSION_new();
    if (cipher == NULL || session == NULL ||
        SSL_SESSION_set1_master_key(session, key->bytes, sizeof key->bytes) != 1 ||
        SSL_SESSION_set_cipher(session, cipher) != 1 ||
        SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) != 1) {
        SSL_SESSION_free(session);
        return NULL;
    }
    return session;
}

static int find_session(SSL *ssl, const unsigned char *identity, size_t length,
                        SSL_SESSION **ret_session)
{
    const struct server_find *server = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    char text[IDENTITY_MAX + 1];
    struct bp_key key;
    *ret_session = NULL;
    if (length > IDENTITY_MAX || memchr(identity, '\0', length) != NULL)
        return 1;
    memcpy(text, identity, length);
    text[length] = '\0';
    if (server->find(server->arg, text, &key) == 0)
        *ret_session = session_for(ssl, &key);
    explicit_bzero(&key, sizeof key);
    return 1;
}

static int use_session(SSL *ssl, const EVP_MD *digest, const unsigned char **ret_identity,
                       size_t *ret_length, SSL_SESSION **ret_session)
{
    (void)digest;
    struct bp_tls_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    *ret_session = session_for(ssl, &client->key);
    if (*ret_session == NULL)
        return 0;
    *ret_identity = (const unsigned char *)client->identity;
    *ret_length = strlen(client->identity);
    return 1;
}

static SSL_CTX *context_new(const SSL_METHOD *method, struct bp_error *err)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(ctx, CIPHER) != 1) {
        SSL_CTX_free(ctx);
        bp_error_set(err, -EIO, "OpenSSL: %s", bp_tls_error());
        return NULL;
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    return ctx;
}

static void server_find_free(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl,
                             void *argp)
{
    (void)parent, (void)data, (void)index, (void)argl, (void)argp;
    free(ptr);
}

SSL_CTX *bp_tls_server_new(bp_tls_find *find, void *arg, struct bp_error *err)
{
    static int owner = -1; /* frees the server_find with its context */
    if (owner < 0)
        owner = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, server_find_free);
    SSL_CTX *ctx = context_new(TLS_server_method(), err);
    if (ctx == NULL)
        return NULL;
    struct server_find *server = bp_calloc(1, sizeof *server);
    *server = (struct server_find){.find = find, .arg = arg};
    SSL_CTX_set_app_data(ctx, server);
    SSL_CTX_set_ex_data(ctx, owner, server);
    SSL_CTX_set_psk_find_session_callback(ctx, find_session);
    return ctx;
}

struct bp_tls_client *bp_tls_client_new(const char *identity, const struct bp_key *key,
                                        struct bp_error *err)
{
    if (strlen(identity) > IDENTITY_MAX) {
        bp_error_set(err, -EINVAL, "identity %s is too long", identity);
        return NULL;
    }
    SSL_CTX *ctx = context_new(TLS_client_method(), err);
    if (ctx == NULL)
        return NULL;
    struct bp_tls_client *client = bp_calloc(1, sizeof *client);
    client->ctx = ctx;
    client->key = *key;
    strcpy(client->identity, identity);
    SSL_CTX_set_app_data(ctx, client);
    SSL_CTX_set_psk_use_session_callback(ctx, use_session);
    return client;
}

SSL_CTX *bp_tls_client_context(struct bp_tls_client *client)
{
    return client->ctx;
}

void bp_tls_client_free(struct bp_tls_client *client)
{
    if (client == NULL)
        return;
    SSL_CTX_free(client->ctx);
    explicit_bzero(&client->key, sizeof client->key);
    free(client);
}

const char *bp_tls_error(void)
{
    unsigned long code = ERR_get_error();
    ERR_clear_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    return reason != NULL ? reason : "no reason given";
}
