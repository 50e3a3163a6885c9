/* SPDX-License-Identifier: BSD-3-Clause */
/* secrets.c - the stack canary, the pointer guard and randomness. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <unistd.h>

#include "move_test.h"

static void spoil(void)
{
    ((volatile unsigned char *)getauxval(AT_RANDOM))[3] ^= 1;
}

static int ended;

static void at_end(int status, void *argument)
{
    if (status == 0 && argument == &ended && ended == 1)
        _exit(0);
    _exit(HOP_WRONG);
}

/* Built with -fstack-protector-all. */
__attribute__((noinline)) static int guarded(int n)
{
    volatile char text[64];
    for (int i = 0; i < 64; i++)
        text[i] = (char)(i * n);
    hop(spoil);
    return text[9];
}

static unsigned long canary(void)
{
    unsigned long value;
    __asm__("mov %%fs:0x28, %0" : "=r"(value));
    return value;
}

int main(void)
{
    unsigned char random[16], bytes[2][16];
    CHECK(on_exit(at_end, &ended) == 0, "%m");
    memcpy(random, (void *)getauxval(AT_RANDOM), 16);
    unsigned long before = canary();
    CHECK(guarded(3) == 27, "a local");
    CHECK(canary() == before, "the canary");
    CHECK(memcmp(random, (void *)getauxval(AT_RANDOM), 16) == 0, "the bytes at AT_RANDOM");
    for (int i = 0; i < 2; i++)
        CHECK(getrandom(bytes[i], 16, 0) == 16, "%m");
    CHECK(memcmp(bytes[0], bytes[1], 16) != 0, "randomness repeats");
    ended = 1;
    exit(0); /* through a pointer that was guarded before the move; at_end has the verdict */
}
