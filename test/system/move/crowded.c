/* SPDX-License-Identifier: BSD-3-Clause */
/* crowded.c - an address space with no big hole: what restores must fit between. */
#include <errno.h>
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
    pieces[0].at[0] ^= 1;
}

/* Fill all of it with reservations, the biggest that fit first, down to 256 MiB. */
static void fill_space(void)
{
    for (size_t bytes = 1UL << 46; bytes >= 1UL << 28; bytes /= 2) {
        while (count < PIECES) {
            char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (at == MAP_FAILED)
                break;
            madvise(at, bytes, MADV_NOHUGEPAGE);
            pieces[count].at = at;
            pieces[count++].bytes = bytes;
            move_fill(at, 16, (uintptr_t)at);
            move_fill(at + bytes - 16, 16, (uintptr_t)at + 1);
        }
    }
    CHECK(errno == ENOMEM && count < PIECES, "%d pieces: %m", count);
}

int main(void)
{
    fill_space();
    hop(spoil);
    for (int i = 0; i < count; i++) {
        char *at = pieces[i].at;
        CHECK(move_filled(at, 16, (uintptr_t)at) &&
              move_filled(at + pieces[i].bytes - 16, 16, (uintptr_t)at + 1), "piece %d", i);
    }
    return 0;
}
