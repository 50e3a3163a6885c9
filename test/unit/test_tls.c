/* SPDX-License-Identifier: BSD-3-Clause */
/* test_tls.c - two ends of TLS on a socket pair: the right key, a wrong one, unknown identities. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "proto/tls.h"
#include "tap.h"

static const struct bp_key right = {{1, 2, 3}}, wrong = {{1, 2, 4}};

static int find(void *arg, const char *identity, struct bp_key *ret_key)
{
    int *asked = arg;
    (*asked)++;
    if (strcmp(identity, "n:5") != 0)
        return -ENOENT;
    *ret_key = right;
    return 0;
}

/* One step of a handshake: 1 = done, 0 = it goes on, -1 = failed. */
static int shake(SSL *ssl)
{
    int r = SSL_do_handshake(ssl);
    if (r == 1)
        return 1;
    int error = SSL_get_error(ssl, r);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* Both in turn, until both are done (1) or one fails (-1); a handshake takes a few turns. */
static int both(SSL *server, SSL *client)
{
    for (int i = 0; i < 10; i++) {
        int ours = shake(client), theirs = shake(server);
        if (ours < 0 || theirs < 0)
            return -1;
        if (ours == 1 && theirs == 1)
            return 1;
    }
    return 0;
}

static int carries(SSL *from, SSL *to)
{
    char text[8] = "";
    return SSL_write(from, "hello", 6) == 6 && SSL_read(to, text, sizeof text) == 6 &&
           strcmp(text, "hello") == 0;
}

/* How a client of this identity and key fares; 2 = done, and bytes pass both ways. */
static int try(const char *identity, const struct bp_key *key, int *asked)
{
    int pair[2];
    *asked = 0;
    SSL_CTX *ctx = bp_tls_server_new(find, asked, NULL);
    struct bp_tls_client *owner = bp_tls_client_new(identity, key, NULL);
    if (ctx == NULL || owner == NULL ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -2;
    SSL *server = SSL_new(ctx), *client = SSL_new(bp_tls_client_context(owner));
    SSL_set_fd(server, pair[0]);
    SSL_set_fd(client, pair[1]);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    int r = both(server, client);
    if (r == 1 && carries(client, server) && carries(server, client))
        r = 2;
    ERR_clear_error();
    SSL_free(server);
    SSL_free(client);
    bp_tls_client_free(owner);
    SSL_CTX_free(ctx);
    close(pair[0]);
    close(pair[1]);
    return r;
}

static void right_key(void)
{
    int asked;
    CU_ASSERT_EQUAL(try("n:5", &right, &asked), 2);
    CU_ASSERT_EQUAL(asked, 1);
}

static void wrong_key(void)
{
    int asked;
    CU_ASSERT_EQUAL(try("n:5", &wrong, &asked), -1);
    CU_ASSERT_EQUAL(asked, 1);
}

/* There is no other way in: no certificate, no second guess. */
static void unknown(void)
{
    int asked;
    CU_ASSERT_EQUAL(try("n:6", &right, &asked), -1);
    CU_ASSERT_EQUAL(asked, 1);
    CU_ASSERT_EQUAL(try("", &right, &asked), -1);
}

static void long_identity(void)
{
    char identity[65];
    struct bp_error err = {0};
    memset(identity, 'x', sizeof identity - 1);
    identity[64] = '\0';
    CU_ASSERT_PTR_NULL(bp_tls_client_new(identity, &right, &err));
    CU_ASSERT_EQUAL(err.code, -EINVAL);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"the right key", right_key},
        {"a wrong key", wrong_key},
        {"identities that nobody knows", unknown},
        {"an identity that is too long", long_identity},
        {NULL, NULL},
    };
    return bp_tap_run("tls", tests);
}
