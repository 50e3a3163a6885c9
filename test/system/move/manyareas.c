/* SPDX-License-Identifier: BSD-3-Clause */
/* manyareas.c - 5,000 mappings. */
#include <sys/mman.h>

#include "move_test.h"

enum { PAGE = 4096, AREAS = 5000 };

static char *block;

static void spoil(void)
{
    mprotect(block + 4999L * PAGE, PAGE, PROT_READ | PROT_WRITE);
}

int main(void)
{
    block = mmap(NULL, (size_t)AREAS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0);
    CHECK(block != MAP_FAILED, "%m");
    for (long i = 0; i < AREAS; i++) {
        if (i % 3 != 0)
            move_fill(block + i * PAGE, PAGE, (uint64_t)i);
        if (i % 2 == 1)
            MUST(mprotect(block + i * PAGE, PAGE, PROT_READ));
    }
    hop(spoil);
    for (long i = 0; i < AREAS; i++) {
        char *page = block + i * PAGE;
        CHECK(i % 3 == 0 ? page[0] == 0 && page[PAGE - 1] == 0
                         : move_filled(page, PAGE, (uint64_t)i), "page %ld", i);
        if (i % 500 < 2 || i == AREAS - 1)
            CHECK(move_faults(page, true) == (i % 2 == 1), "writing page %ld", i);
    }
    return 0;
}
