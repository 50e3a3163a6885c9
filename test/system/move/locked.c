/* SPDX-License-Identifier: BSD-3-Clause */
/* locked.c - locked memory: still locked after a move, as far as the limit goes; not in a copy. */
#include <stdio.h>
#include <sys/mman.h>

#include "move_test.h"

enum { BYTES = 32 << 10 };

static char *block;

static void spoil(void)
{
    munlock(block, BYTES);
}

static long locked_kb(void)
{
    char line[200];
    long kb = -1;
    FILE *status = fopen("/proc/self/status", "re");
    CHECK(status != NULL, "%m");
    while (fgets(line, sizeof line, status) != NULL)
        sscanf(line, "VmLck: %ld", &kb);
    fclose(status);
    return kb;
}

int main(void)
{
    block = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(block != MAP_FAILED, "%m");
    move_fill(block, BYTES, 1);
    MUST(mlock(block, BYTES));
    enum hop how = hop(spoil);
    CHECK(move_filled(block, BYTES, 1), "the content");
    CHECK(locked_kb() == (how == HOP_COPIED ? 0 : BYTES >> 10), "%ld KiB are locked", locked_kb());
    MUST(munlock(block, BYTES));
    return 0;
}
