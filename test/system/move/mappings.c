/* SPDX-License-Identifier: BSD-3-Clause */
/* mappings.c - anonymous mappings of all protections, holes between them, no reserve, a low address. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "move_test.h"

enum { PAGE = 4096, PARTS = 8 };

static char *block, *reserve;

static void spoil(void)
{
    mprotect(block + 2 * PAGE, PAGE, PROT_READ);
}

static const int protections[PARTS] = {
    PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE, PROT_READ | PROT_EXEC,
    PROT_NONE, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC, PROT_READ,
};

static void check_part(int i, char *at)
{
    char line[512];
    move_area(at, line, sizeof line);
    int prot = protections[i];
    char wanted[] = {prot & PROT_READ ? 'r' : '-', prot & PROT_WRITE ? 'w' : '-',
                     prot & PROT_EXEC ? 'x' : '-', 'p', 0};
    CHECK(strncmp(strchr(line, ' ') + 1, wanted, 4) == 0, "part %d, wanted %s: %s", i, wanted,
          line);
    CHECK(move_faults(at, false) == (prot == PROT_NONE), "reading part %d", i);
    CHECK(move_faults(at + 1, true) == !(prot & PROT_WRITE), "writing part %d", i);
    MUST(mprotect(at, PAGE, PROT_READ));
    CHECK(move_filled(at + 2, PAGE - 2, i), "content of part %d", i);
}

int main(void)
{
    block = mmap(NULL, (PARTS + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                 0);
    CHECK(block != MAP_FAILED, "%m");
    for (int i = 0; i < PARTS; i++) {
        move_fill(block + i * PAGE + 2, PAGE - 2, i);
        MUST(mprotect(block + i * PAGE, PAGE, protections[i]));
    }
    MUST(munmap(block + PARTS * PAGE, PAGE)); /* a hole */
    reserve = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(reserve != MAP_FAILED, "%m");
    reserve[33 << 20] = 33;
    char *low = mmap((void *)0x4000000, PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_32BIT, -1, 0);
    CHECK(low == (void *)0x4000000, "%m");
    strcpy(low, "low");
    char hole[512];
    move_area(block + PARTS * PAGE, hole, sizeof hole);
    hop(spoil);
    for (int i = 0; i < PARTS; i++)
        check_part(i, block + i * PAGE);
    CHECK(reserve[33 << 20] == 33 && reserve[32 << 20] == 0, "the reserve");
    CHECK(strcmp(low, "low") == 0, "the low page");
    char line[512];
    move_area(block + PARTS * PAGE, line, sizeof line);
    CHECK(strcmp(line, hole) == 0, "the hole was \"%s\" and is \"%s\"", hole, line);
    return 0;
}
