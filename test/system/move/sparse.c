/* SPDX-License-Identifier: BSD-3-Clause */
/* sparse.c - 4 GiB of which few pages were touched: they alone exist after. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "move_test.h"

#define BYTES (4UL << 30)
enum { PAGE = 4096, TOUCHED = 64 };

static char *map;

static void spoil(void)
{
    map[BYTES / 2 + PAGE + 1] = 1;
}

static long resident_kb(void)
{
    char line[200];
    long kb = -1;
    FILE *status = fopen("/proc/self/status", "re");
    CHECK(status != NULL, "%m");
    while (fgets(line, sizeof line, status) != NULL)
        sscanf(line, "VmRSS: %ld", &kb);
    fclose(status);
    return kb;
}

int main(void)
{
    map = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
               -1, 0);
    CHECK(map != MAP_FAILED, "%m");
    MUST(madvise(map, BYTES, MADV_NOHUGEPAGE));
    for (unsigned long i = 0; i < TOUCHED; i++)
        move_fill(map + i * (BYTES / TOUCHED), PAGE, i);
    hop(spoil);
    for (unsigned long i = 0; i < TOUCHED; i++)
        CHECK(move_filled(map + i * (BYTES / TOUCHED), PAGE, i), "page %lu", i);
    CHECK(resident_kb() < 64 << 10, "%ld KiB resident", resident_kb());
    CHECK(map[BYTES / 2 + PAGE + 1] == 0 && map[BYTES - 1] == 0, "what was never touched");
    return 0;
}
