/* SPDX-License-Identifier: BSD-3-Clause */
/* spew.c - writes MIB mebibytes of 128-byte lines to standard output. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char block[1 << 20];

int main(int argc, char **argv)
{
    long mib = argc > 1 ? atol(argv[1]) : 1;
    memset(block, 'x', sizeof block);
    for (size_t i = 127; i < sizeof block; i += 128)
        block[i] = '\n';
    for (; mib > 0; mib--)
        for (size_t done = 0; done < sizeof block;) {
            ssize_t put = write(STDOUT_FILENO, block + done, sizeof block - done);
            if (put < 0 && errno == EINTR)
                continue;
            if (put < 0)
                return 1;
            done += (size_t)put;
        }
    return 0;
}
