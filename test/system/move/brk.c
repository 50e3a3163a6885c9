/* SPDX-License-Identifier: BSD-3-Clause */
/* brk.c - the break: its data, and growth and shrinking after. */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "move_test.h"

enum { BYTES = 3 << 20 };

static char *start;

static void spoil(void)
{
    start[BYTES - 1] ^= 1;
}

int main(void)
{
    start = sbrk(BYTES);
    CHECK(start != (void *)-1, "%m");
    move_fill(start, BYTES, 1);
    char *before = sbrk(0);
    hop(spoil);
    CHECK(sbrk(0) == before, "libc's break is %p, was %p", sbrk(0), (void *)before);
    CHECK((char *)syscall(SYS_brk, 0) == before, "the kernel's break");
    CHECK(move_filled(start, BYTES, 1), "the content");
    char *more = sbrk(BYTES);
    CHECK(more == before, "%m");
    for (int i = 0; i < BYTES; i++)
        CHECK(more[i] == 0, "byte %d of the new part", i);
    move_fill(more, BYTES, 2);
    CHECK(sbrk(-2 * BYTES) != (void *)-1 && sbrk(0) == start, "%m");
    CHECK(sbrk(BYTES) == start, "%m");
    char line[512];
    move_area(start + 4096, line, sizeof line);
    CHECK(strstr(line, "[heap]") != NULL, "%s", line);
    return 0;
}
