/* SPDX-License-Identifier: BSD-3-Clause */
/* growsdown.c - a mapping that grows down like a stack: it still does. */
#include <string.h>
#include <sys/mman.h>

#include "move_test.h"

enum { PAGE = 4096, ROOM = 1024 * PAGE };

static char *top;

static void spoil(void)
{
    mmap(top - 11 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
         0); /* below it: in the way */
}

int main(void)
{
    char *room = mmap(NULL, ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(room != MAP_FAILED, "%m");
    MUST(munmap(room, ROOM));
    top = room + ROOM;
    char *stack = mmap(top - 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(stack == top - 4 * PAGE, "%m");
    strcpy(top - 100, "before");
    for (int i = 4; i < 10; i++)
        *(volatile char *)(top - i * PAGE - 1) = (char)i;
    hop(spoil);
    CHECK(strcmp(top - 100, "before") == 0, "the first page");
    for (int i = 4; i < 10; i++)
        CHECK(!move_faults(top - i * PAGE - 1, false) && *(top - i * PAGE - 1) == i, "page %d", i);
    for (int i = 10; i < 200; i++)
        CHECK(!move_faults(top - i * PAGE - 1, true), "growth to page %d", i);
    return 0;
}
