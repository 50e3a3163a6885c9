/* SPDX-License-Identifier: BSD-3-Clause */
/* filemap.c - private mappings of files: clean, changed, made read-only after, of a file that is gone. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "move_test.h"

enum { PAGE = 4096, PAGES = 16 };

static char *gone;

static void spoil(void)
{
    gone[5 * PAGE + 1] ^= 1;
}

static char *map_new(char *path, uint64_t seed)
{
    static char content[PAGES * PAGE - 100]; /* the last page is not full */
    move_fill(content, sizeof content, seed);
    int fd = mkstemp(path);
    CHECK(fd >= 0, "%m");
    CHECK(write(fd, content, sizeof content) == (ssize_t)sizeof content, "%m");
    char *map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(map != MAP_FAILED, "%m");
    close(fd);
    return map;
}

static void check_changed(const char *map, uint64_t seed)
{
    static char content[PAGES * PAGE - 100];
    move_fill(content, sizeof content, seed);
    strcpy(content + 3 * PAGE + 17, "changed");
    CHECK(memcmp(map, content, sizeof content) == 0, "content of file %d", (int)seed);
    for (size_t i = sizeof content; i < PAGES * PAGE; i++)
        CHECK(map[i] == 0, "byte %zu after the end of file %d", i, (int)seed);
}

int main(void)
{
    char stays[] = "/tmp/moveXXXXXX", goes[] = "/tmp/moveXXXXXX";
    char *kept = map_new(stays, 1);
    gone = map_new(goes, 2);
    strcpy(kept + 3 * PAGE + 17, "changed");
    strcpy(gone + 3 * PAGE + 17, "changed");
    MUST(mprotect(kept + 2 * PAGE, 4 * PAGE, PROT_READ));
    MUST(unlink(goes));
    hop(spoil);
    check_changed(kept, 1);
    check_changed(gone, 2);
    CHECK(move_faults(kept + 3 * PAGE, true), "the read-only part is writable");
    strcpy(kept + 7 * PAGE, "and changed after");
    if (hop_is_far())
        return 0;
    int fd = open(stays, O_RDONLY | O_CLOEXEC);
    char text[8];
    CHECK(fd >= 0 && pread(fd, text, 8, 7 * PAGE) == 8, "%m");
    CHECK(memcmp(text, "and chan", 8) != 0, "a private change went to the file");
    MUST(unlink(stays));
    return 0;
}
