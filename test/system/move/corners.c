/* SPDX-License-Identifier: BSD-3-Clause */
/* corners.c - mappings at the lowest address and at the highest. */
#include <errno.h>
#include <sys/mman.h>

#include "move_test.h"

enum { PAGE = 4096 };

static char *const lowest = (char *)0x10000, *const highest = (char *)0x7fffffffe000;

static void spoil(void)
{
    highest[PAGE - 1] ^= 1;
}

static bool map_page(char *at)
{
    char *map = mmap(at, PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(map == at || errno == EEXIST, "%p: %m", (void *)at);
    if (map == at)
        move_fill(map, PAGE, (uintptr_t)at);
    return map == at;
}

int main(void)
{
    CHECK(map_page(lowest), "the lowest page is taken");
    bool has_highest = map_page(highest); /* else the stack is there */
    hop(spoil);
    CHECK(move_filled(lowest, PAGE, (uintptr_t)lowest), "the lowest page");
    CHECK(!has_highest || move_filled(highest, PAGE, (uintptr_t)highest), "the highest page");
    return 0;
}
