/* SPDX-License-Identifier: BSD-3-Clause */
/* memoryfile.c - memory files, mapped private and shared, and a file mapped shared to read. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "move_test.h"

enum { BYTES = 1 << 20 };

static char *shared;

static void spoil(void)
{
    shared[BYTES - 1] ^= 1;
}

/* A mapping of a memory file whose descriptor is closed. */
static char *map_new(int flags, uint64_t seed)
{
    char *content = malloc(BYTES);
    int fd = memfd_create("a memory file", MFD_CLOEXEC);
    CHECK(fd >= 0 && content != NULL, "%m");
    move_fill(content, BYTES, seed);
    CHECK(write(fd, content, BYTES) == BYTES, "%m");
    char *map = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, flags, fd, 0);
    CHECK(map != MAP_FAILED, "%m");
    close(fd);
    free(content);
    return map;
}

int main(void)
{
    char path[] = "/tmp/moveXXXXXX";
    static char content[10000];
    char *private = map_new(MAP_PRIVATE, 1);
    shared = map_new(MAP_SHARED, 2);
    move_fill(private + BYTES / 2, 5000, 3);
    move_fill(shared, BYTES, 4);
    int fd = mkstemp(path);
    move_fill(content, sizeof content, 5);
    CHECK(write(fd, content, sizeof content) == (ssize_t)sizeof content, "%m");
    char *file = mmap(NULL, sizeof content, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(file != MAP_FAILED, "%m");
    MUST(close(fd));
    MUST(unlink(path));
    hop(spoil);
    CHECK(move_filled(private + BYTES / 2, 5000, 3), "the changed part of the private one");
    move_fill(private + BYTES / 2, 5000, 6);
    CHECK(move_filled(private + BYTES / 2, 5000, 6), "new content");
    CHECK(move_filled(shared, BYTES, 4), "the shared one");
    move_fill(shared, BYTES, 7);
    CHECK(move_filled(shared, BYTES, 7), "new content");
    CHECK(move_filled(file, sizeof content, 5), "the file");
    return 0;
}
