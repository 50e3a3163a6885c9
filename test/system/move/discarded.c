/* SPDX-License-Identifier: BSD-3-Clause */
/* discarded.c - pages given back: what was dropped reads as zeros, and a page that was only read. */
#include <sys/mman.h>

#include "move_test.h"

enum { PAGE = 4096, PAGES = 64 };

static char *block;

static void spoil(void)
{
    block[10 * PAGE] = 1;
}

int main(void)
{
    block = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(block != MAP_FAILED, "%m");
    MUST(madvise(block, PAGES * PAGE, MADV_NOHUGEPAGE));
    for (int i = 0; i < PAGES - 4; i++)
        move_fill(block + i * PAGE, PAGE, (uint64_t)i);
    MUST(madvise(block + 8 * PAGE, 8 * PAGE, MADV_DONTNEED));
    CHECK(*(volatile char *)(block + 10 * PAGE) == 0, "a page given back");
    CHECK(*(volatile char *)(block + 62 * PAGE) == 0, "a page never written");
    MUST(madvise(block + 20 * PAGE, PAGE, MADV_FREE)); /* stays as long as there is memory */
    block[20 * PAGE] = 1;
    hop(spoil);
    for (int i = 0; i < PAGES; i++) {
        char *page = block + i * PAGE;
        if (i == 20)
            CHECK(page[0] == 1, "page 20");
        else if ((i >= 8 && i < 16) || i >= PAGES - 4)
            CHECK(page[0] == 0 && page[PAGE - 1] == 0, "page %d given back", i);
        else
            CHECK(move_filled(page, PAGE, (uint64_t)i), "page %d", i);
    }
    return 0;
}
