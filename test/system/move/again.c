/* SPDX-License-Identifier: BSD-3-Clause */
/* again.c - a process that moves as often as its argument says, and nothing of it grows. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "move_test.h"

enum { SLACK = 64 }; /* pages: what the first hops still touch */

static char first[1 << 16], now[1 << 16];
static void *volatile leak;

static void spoil(void)
{
    leak = malloc(1 << 20); /* a mapping of its own */
}

static void read_maps(char *text)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(maps != NULL, "%m");
    setvbuf(maps, NULL, _IONBF, 0); /* its own buffer must not change what it reads */
    size_t bytes = fread(text, 1, sizeof now - 1, maps);
    CHECK(bytes > 0 && bytes < sizeof now - 1, "%zu bytes of maps", bytes);
    text[bytes] = 0;
    fclose(maps);
}

/* Pages in memory, of private data */
static long count_pages(void)
{
    long all, resident, shared;
    FILE *statm = fopen("/proc/self/statm", "re");
    CHECK(statm != NULL, "%m");
    setvbuf(statm, NULL, _IONBF, 0);
    CHECK(fscanf(statm, "%ld %ld %ld", &all, &resident, &shared) == 3, "/proc/self/statm");
    fclose(statm);
    return resident - shared;
}

static int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    CHECK(folder != NULL, "%m");
    int count = 0;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static void check_maps(int hop_number)
{
    static char before[sizeof first];
    read_maps(now);
    memcpy(before, first, sizeof first);
    char *was = before, *is = now, *was_rest, *is_rest;
    for (;; was = NULL, is = NULL) {
        was = strtok_r(was, "\n", &was_rest);
        is = strtok_r(is, "\n", &is_rest);
        if (was == NULL && is == NULL)
            return;
        /* addresses and protection; inodes of memory files differ */
        CHECK(was != NULL && is != NULL && strncmp(was, is, strcspn(was, "ps")) == 0, "maps at hop %d: %s\n  were %s",
              hop_number, is ? is : "-", was ? was : "-");
    }
}

int main(int argc, char **argv)
{
    int hops = argc > 1 ? atoi(argv[1]) : 1;
    free(malloc(100000));
    for (int i = 0; i < 3; i++) { /* until neighbours have become one mapping */
        hop(NULL);
        count_descriptors();
        read_maps(first);
        check_maps(0); /* the memory that it writes to */
    }
    long pages = count_pages();
    int descriptors = count_descriptors();
    for (int i = 0; i < hops; i++) {
        hop(spoil);
        CHECK(count_descriptors() == descriptors, "%d descriptors, were %d, at hop %d",
              count_descriptors(), descriptors, i);
        CHECK(count_pages() <= pages + SLACK, "%ld pages, were %ld, at hop %d", count_pages(),
              pages, i);
        check_maps(i);
    }
    return 0;
}
