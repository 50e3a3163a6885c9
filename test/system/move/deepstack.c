/* SPDX-License-Identifier: BSD-3-Clause */
/* deepstack.c - a deep stack at the move, that returns and grows further after. */
#include <sys/resource.h>

#include "move_test.h"

static struct frame {
    char *at;
} frames[2000];

static void spoil(void)
{
    frames[700].at[100] ^= 1;
}

/* frame_bytes of each level, and what the compiler adds */
enum { FRAME = 4000, DEPTH = 1500, FURTHER = 1900 };

__attribute__((noinline)) static int descend(int level, int bottom)
{
    char room[FRAME];
    int sum = 0;
    move_fill(room, sizeof room, (uint64_t)level);
    frames[level].at = room;
    if (level < bottom)
        sum = descend(level + 1, bottom);
    else if (bottom == DEPTH)
        hop(spoil);
    CHECK(move_filled(room, sizeof room, (uint64_t)level), "the frame of level %d", level);
    return sum + 1;
}

int main(void)
{
    struct rlimit limit;
    MUST(getrlimit(RLIMIT_STACK, &limit));
    if (limit.rlim_cur < 8 << 20)
        move_skip("the stack is limited to less than 8 MiB");
    CHECK(descend(1, DEPTH) == DEPTH, "levels");
    CHECK(descend(1, FURTHER) == FURTHER, "levels"); /* 7.6 MB */
    return 0;
}
