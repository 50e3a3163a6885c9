/* SPDX-License-Identifier: BSD-3-Clause */
/* test_vault.c - memory that a child does not have: it is as malloc's, and wiped by a fork. */
#include <event2/buffer.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/vault.h"
#include "tap.h"

#define PIECES 200

struct piece {
    uint8_t *bytes;
    size_t size;
};

static uint32_t next_random(void)
{
    static uint32_t state = 2463534242;
    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}

static size_t random_size(void)
{
    return next_random() % ((size_t)1 << next_random() % 19);
}

/* Each byte tells of whom it is. */
static void fill(struct piece *piece, size_t from, int i)
{
    for (size_t k = from; k < piece->size; k++)
        piece->bytes[k] = (uint8_t)(k * 7 + (size_t)i);
}

static int is_whole(const struct piece *piece, size_t size, int i)
{
    for (size_t k = 0; k < size; k++)
        if (piece->bytes[k] != (uint8_t)(k * 7 + (size_t)i))
            return 0;
    return 1;
}

static void like_malloc(void)
{
    static struct piece pieces[PIECES];
    int wrong = 0;
    for (int turn = 0; turn < 20000; turn++) {
        int i = (int)(next_random() % PIECES);
        struct piece *piece = &pieces[i];
        size_t size = random_size(), same = piece->size < size ? piece->size : size;
        wrong += !is_whole(piece, piece->size, i);
        if (next_random() % 3 == 0 || piece->bytes == NULL || size == 0) {
            bp_vault_free(piece->bytes);
            piece->bytes = bp_vault_alloc(size);
            same = 0;
        } else {
            piece->bytes = bp_vault_realloc(piece->bytes, size);
        }
        piece->size = size;
        wrong += piece->bytes == NULL || (uintptr_t)piece->bytes % 16 != 0 ||
                 !is_whole(piece, same, i);
        fill(piece, same, i);
    }
    for (int i = 0; i < PIECES; i++)
        bp_vault_free(pieces[i].bytes);
    CU_ASSERT(wrong == 0);
}

static void impossible(void)
{
    void *p = bp_vault_alloc(100);
    CU_ASSERT(bp_vault_alloc(SIZE_MAX) == NULL && bp_vault_alloc(SIZE_MAX / 4) == NULL);
    CU_ASSERT(bp_vault_realloc(p, SIZE_MAX / 4) == NULL);
    CU_ASSERT(bp_vault_realloc(p, 0) == NULL);
    bp_vault_free(NULL);
}

static int all_are(const uint8_t *bytes, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != value)
            return 0;
    return 1;
}

/* What the libraries keep is there for us, and for a child it is not. */
static void wiped(void)
{
    static const size_t sizes[] = {40, 5000, 300000};
    static uint8_t secret[300000];
    struct evbuffer *buffer = evbuffer_new();
    uint8_t *keys[3];
    memset(secret, 'k', sizeof secret);
    evbuffer_add(buffer, secret, 20000);
    uint8_t *said = evbuffer_pullup(buffer, -1);
    for (int i = 0; i < 3; i++) {
        keys[i] = OPENSSL_malloc(sizes[i]);
        memset(keys[i], 'k', sizes[i]);
    }
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 3; i++)
            if (!all_are(keys[i], sizes[i], 0))
                _exit(1 + i);
        _exit(all_are(said, 20000, 0) ? 0 : 4);
    }
    int status = -1;
    CU_ASSERT(waitpid(child, &status, 0) == child && status == 0);
    CU_ASSERT(all_are(said, 20000, 'k'));
    for (int i = 0; i < 3; i++) {
        CU_ASSERT(all_are(keys[i], sizes[i], 'k'));
        OPENSSL_free(keys[i]);
    }
    evbuffer_free(buffer);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"as malloc, realloc and free", like_malloc},
        {"more than there is", impossible},
        {"a child has nothing of it", wiped},
        {NULL, NULL},
    };
    if (bp_vault_open() < 0)
        return 1;
    return bp_tap_run("vault", tests);
}
