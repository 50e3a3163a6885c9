/* SPDX-License-Identifier: BSD-3-Clause */
/* guards.c - pages that must not be touched, inside of a mapping (MADV_GUARD_INSTALL). */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "move_test.h"

enum { PAGE = 4096, PAGES = 64, GUARD_INSTALL = 102, GUARD_REMOVE = 103 };

static char *block, *empty, *fixed;

static void spoil(void)
{
    madvise(block + 5 * PAGE, PAGE, GUARD_REMOVE);
}

static bool is_guard(int page)
{
    return page == 5 || page == 7 || page == 8 || page == PAGES - 1;
}

static char *area_new(void)
{
    char *area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                      0);
    CHECK(area != MAP_FAILED, "%m");
    return area;
}

static void guard(char *page)
{
    if (madvise(page, PAGE, GUARD_INSTALL) < 0 && errno == EINVAL)
        move_skip("this kernel has no guard pages");
}

int main(void)
{
    block = area_new();
    empty = area_new();
    fixed = area_new();
    for (int i = 0; i < PAGES; i++) {
        move_fill(block + i * PAGE, PAGE, (uint64_t)i);
        move_fill(fixed + i * PAGE, PAGE, (uint64_t)i);
    }
    for (int i = 0; i < PAGES; i++) {
        if (!is_guard(i))
            continue;
        guard(block + i * PAGE);
        guard(empty + i * PAGE);
        guard(fixed + i * PAGE);
    }
    MUST(mprotect(fixed, PAGES * PAGE, PROT_READ));
    hop(spoil);
    for (int i = 0; i < PAGES; i++) {
        CHECK(move_faults(block + i * PAGE, true) == is_guard(i), "writing page %d", i);
        CHECK(move_faults(empty + i * PAGE, false) == is_guard(i), "reading empty page %d", i);
        CHECK(move_faults(fixed + i * PAGE, false) == is_guard(i), "reading fixed page %d", i);
        if (!is_guard(i))
            CHECK(move_filled(fixed + i * PAGE, PAGE, (uint64_t)i), "content of page %d", i);
    }
    MUST(madvise(block + 5 * PAGE, PAGE, GUARD_REMOVE));
    CHECK(block[5 * PAGE] == 0, "a page that was a guard");
    return 0;
}
