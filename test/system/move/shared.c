/* SPDX-License-Identifier: BSD-3-Clause */
/* shared.c - shared anonymous memory: its content is there after (it is private to the process then). */
#include <sys/mman.h>

#include "move_test.h"

enum { BYTES = 1 << 20 };

static char *shared;

static void spoil(void)
{
    shared[BYTES / 2] ^= 1;
}

int main(void)
{
    shared = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED, "%m");
    move_fill(shared, BYTES, 5);
    hop(spoil);
    CHECK(move_filled(shared, BYTES, 5), "the content");
    move_fill(shared, BYTES, 6);
    CHECK(move_filled(shared, BYTES, 6), "new content");
    return 0;
}
