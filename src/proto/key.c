/* SPDX-License-Identifier: BSD-3-Clause */
/* key.c - cluster key, node keys, key ids. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/sha.h>

#include "common/mem.h"
#include "proto/key.h"

#define FILE_MAX 4096

void bp_key_random(void *bytes, size_t length)
{
    uint8_t *p = bytes;
    while (length > 0) {
        ssize_t got = getrandom(p, length, 0);
        if (got < 0 && errno != EINTR)
            abort();
        if (got > 0) {
            p += got;
            length -= (size_t)got;
        }
    }
}

int bp_key_derive(const struct bp_key *cluster, int node, struct bp_key *ret_key,
                  struct bp_error *err)
{
    char info[32];
    snprintf(info, sizeof info, "bpmix node %d", node);
    struct bp_key copy = *cluster;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, copy.bytes, sizeof copy.bytes),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, strlen(info)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    int done = ctx != NULL ? EVP_KDF_derive(ctx, ret_key->bytes, BP_KEY_BYTES, params) : 0;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    if (done <= 0)
        return bp_error_set(err, -EIO, "OpenSSL cannot derive a key (HKDF)");
    return 0;
}

void bp_key_id(const struct bp_key *key, uint8_t id[BP_KEY_ID_BYTES])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256(key->bytes, sizeof key->bytes, digest);
    memcpy(id, digest, BP_KEY_ID_BYTES);
}

void bp_key_hex(const uint8_t *bytes, size_t length, char *text)
{
    for (size_t i = 0; i < length; i++)
        sprintf(text + 2 * i, "%02x", bytes[i]);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int parse_hex(const char *text, struct bp_key *ret_key)
{
    for (size_t i = 0; i < BP_KEY_BYTES; i++) {
        int high = hex_digit(text[2 * i]);
        int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
        if (low < 0)
            return -EINVAL;
        ret_key->bytes[i] = (uint8_t)(high << 4 | low);
    }
    char next = text[2 * BP_KEY_BYTES];
    return next == '\0' || next == '\n' ? 0 : -EINVAL;
}

/* Read a small secret file into text (FILE_MAX + 1 bytes). */
static int read_secret(const char *path, char *text, struct bp_error *err)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return bp_error_set(err, -errno, "%s: %s", path, strerror(errno));
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return bp_error_set(err, -EINVAL, "%s is not a regular file", path);
    if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 077) != 0)
        return bp_error_set(err, -EPERM, "%s must belong to root or to this user and be closed to "
                            "others: chmod 600 %s", path, path);
    ssize_t got = read(fd, text, FILE_MAX);
    if (got < 0)
        return bp_error_set(err, -errno, "%s: %s", path, strerror(errno));
    text[got] = '\0';
    return 0;
}

int bp_key_read_cluster(const char *path, struct bp_key *ret_key, struct bp_error *err)
{
    char text[FILE_MAX + 1];
    int r = read_secret(path, text, err);
    if (r == 0 && parse_hex(text, ret_key) < 0)
        r = bp_error_set(err, -EINVAL, "%s: not a cluster key (64 hex digits)", path);
    explicit_bzero(text, sizeof text);
    return r;
}

int bp_key_read_node(const char *path, int *ret_node, struct bp_key *ret_key,
                     struct bp_error *err)
{
    char text[FILE_MAX + 1];
    int r = read_secret(path, text, err);
    if (r < 0)
        return r;
    int node = -1;
    const char *hex = strstr(text, "\nkey ");
    if (sscanf(text, "node %d\n", &node) != 1 || node < 0 || hex == NULL ||
        parse_hex(hex + strlen("\nkey "), ret_key) < 0)
        r = bp_error_set(err, -EINVAL, "%s: not a node's key file (lines \"node N\" and "
                         "\"key HEX\"): write it with bpmaster --node-key N", path);
    else
        *ret_node = node;
    explicit_bzero(text, sizeof text);
    return r;
}
