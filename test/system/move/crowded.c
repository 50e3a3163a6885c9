/* SPDX-License-Identifier: BSD-3-Clause */
/* crowded.c - an address space with no big hole: what restores must fit between. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "move_test.h"

enum { PAGE = 4096, PIECES = 4000 };

static struct {
    char *at;
    size_t bytes;
} pieces[PIECES];
static int count;

static void spoil(void)
{
    munmap(pieces[0].at, PAGE);
}

/* Fill it with reservations that nothing can be written to, the biggest that fit first, down to 256 MiB. */
static void fill_space(void)
{
    for (size_t bytes = 1UL << 46; bytes >= 1UL << 28; bytes /= 2) {
        while (count < PIECES) {
            char *at = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                            0);
            if (at == MAP_FAILED)
                break;
            pieces[count].at = at;
            pieces[count++].bytes = bytes;
        }
    }
    CHECK(errno == ENOMEM && count < PIECES, "%d pieces: %m", count);
}

static void check_reserved(const char *at)
{
    char line[512];
    move_area(at, line, sizeof line);
    CHECK(strstr(line, " ---p ") != NULL, "%p is not reserved: %s", (const void *)at, line);
}

int main(void)
{
    fill_space();
    hop(spoil);
    for (int i = 0; i < count; i++) {
        check_reserved(pieces[i].at);
        check_reserved(pieces[i].at + pieces[i].bytes - 1);
    }
    return 0;
}
