/* SPDX-License-Identifier: BSD-3-Clause */
/* large.c - 100 MiB of data, holes of zeros between. */
#include <string.h>
#include <sys/mman.h>

#include "move_test.h"

enum { PAGE = 4096, PAGES = 25600 };

static char *block;

static void spoil(void)
{
    block[20001L * PAGE + 3] ^= 1;
}

int main(void)
{
    block = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0);
    CHECK(block != MAP_FAILED, "%m");
    for (long i = 0; i < PAGES; i++) {
        if (i % 1000 < 900)
            move_fill(block + i * PAGE, PAGE, (uint64_t)i);
        else if (i % 1000 < 950)
            memset(block + i * PAGE, 0, PAGE);
    }
    hop(spoil);
    for (long i = 0; i < PAGES; i++) {
        char *page = block + i * PAGE;
        if (i % 1000 < 900)
            CHECK(move_filled(page, PAGE, (uint64_t)i), "page %ld", i);
        else
            CHECK(page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0, "zero page %ld", i);
    }
    return 0;
}
