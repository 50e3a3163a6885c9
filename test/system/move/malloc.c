/* SPDX-License-Identifier: BSD-3-Clause */
/* malloc.c - blocks of many sizes, a second arena; freeing and allocating go on after the move. */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "move_test.h"

enum { BLOCKS = 3000 };

static struct block {
    char *at;
    size_t bytes;
} blocks[BLOCKS];

static void spoil(void)
{
    blocks[1000].at[blocks[1000].bytes / 2] ^= 1;
}

static size_t size_of(unsigned i)
{
    return i % 100 == 0 ? 200000 + i * 997 : 1 + i * i % 5000; /* some above the mmap threshold */
}

static void take(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        blocks[i].bytes = size_of(i);
        blocks[i].at = malloc(blocks[i].bytes);
        CHECK(blocks[i].at != NULL, "block %u", i);
        move_fill(blocks[i].at, blocks[i].bytes, i);
    }
}

static void *in_other_arena(void *unused)
{
    take(BLOCKS / 2, BLOCKS);
    return unused;
}

int main(void)
{
    take(0, BLOCKS / 2);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, in_other_arena, NULL) == 0, "a thread");
    CHECK(pthread_join(thread, NULL) == 0, "its end");
    for (unsigned i = 0; i < BLOCKS; i += 3) { /* holes, in bins */
        free(blocks[i].at);
        blocks[i].at = NULL;
    }
    struct mallinfo2 before = mallinfo2();
    hop(spoil);
    struct mallinfo2 after = mallinfo2();
    size_t slack = getenv("MOVE_CLUSTER") != NULL ? 65536 : 0; /* libbproc may keep a little */
    CHECK(after.uordblks - before.uordblks <= slack && before.hblkhd == after.hblkhd,
          "%zu and %zu bytes in use, were %zu and %zu", after.uordblks, after.hblkhd,
          before.uordblks, before.hblkhd);
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (blocks[i].at == NULL) {
            take(i, i + 1);
            continue;
        }
        CHECK(move_filled(blocks[i].at, blocks[i].bytes, i), "block %u", i);
        blocks[i].at = realloc(blocks[i].at, 2 * blocks[i].bytes);
        CHECK(blocks[i].at != NULL && move_filled(blocks[i].at, blocks[i].bytes, i),
              "block %u after realloc", i);
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        free(blocks[i].at);
    malloc_trim(0);
    take(0, BLOCKS);
    return 0;
}
