/* SPDX-License-Identifier: BSD-3-Clause */
/* advice.c - advice given for memory: huge pages, dumps, forks, wiping. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "move_test.h"

enum { BYTES = 4 << 20, KINDS = 7 };

static const struct {
    int advice;
    const char *flag;
} kinds[KINDS] = {
    {MADV_HUGEPAGE, " hg"}, {MADV_NOHUGEPAGE, " nh"}, {MADV_DONTDUMP, " dd"},
    {MADV_WIPEONFORK, " wf"}, {MADV_MERGEABLE, " mg"}, {MADV_NORMAL, " wr"},
    {MADV_DONTFORK, " dc"},
};
static char *blocks[KINDS];

static void spoil(void)
{
    madvise(blocks[2], BYTES, MADV_DODUMP);
}

static bool has_flag(const void *address, const char *flag)
{
    char line[1000];
    bool found = false, inside = false;
    FILE *smaps = fopen("/proc/self/smaps", "re");
    CHECK(smaps != NULL, "%m");
    while (fgets(line, sizeof line, smaps) != NULL) {
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            inside = (unsigned long)address >= start && (unsigned long)address < end;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, flag) != NULL;
    }
    fclose(smaps);
    return found;
}

int main(void)
{
    bool had[KINDS];
    for (int i = 0; i < KINDS; i++) {
        blocks[i] = mmap(NULL, 2 * BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(blocks[i] != MAP_FAILED, "%m");
        MUST(mprotect(blocks[i], BYTES, PROT_READ | PROT_WRITE));
        madvise(blocks[i], BYTES, kinds[i].advice); /* a kernel may lack one */
        move_fill(blocks[i], BYTES, (uint64_t)i);
        had[i] = has_flag(blocks[i], kinds[i].flag);
    }
    CHECK(had[2] && had[3] && had[5] && had[6], "no flags of mappings here");
    bool copied = hop(spoil) == HOP_COPIED;
    for (int i = 0; i < KINDS; i++) {
        if (copied && kinds[i].advice == MADV_DONTFORK) {
            CHECK(move_faults(blocks[i], false), "a copy has what is not to be forked");
            continue;
        }
        CHECK(has_flag(blocks[i], kinds[i].flag) == had[i], "flag%s", kinds[i].flag);
        if (copied && kinds[i].advice == MADV_WIPEONFORK)
            CHECK(blocks[i][0] == 0 && blocks[i][BYTES - 1] == 0, "wiped for a copy");
        else
            CHECK(move_filled(blocks[i], BYTES, (uint64_t)i), "content of block %d", i);
    }
    return 0;
}
