/* SPDX-License-Identifier: BSD-3-Clause */
/* bpcopy.c - one end of bpcp as a program: what bpcp starts on a node.
 *
 *     bpcopy send FLAGS PATH...                  the stream goes to stdout
 *     bpcopy take FLAGS DESTINATION NAME...      it comes from stdin
 *
 * FLAGS: letters, or "-": r recursive, p preserve, d the destination must be a folder. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/std.h"
#include "tools/copy.h"

int main(int argc, char **argv)
{
    bp_std_open();
    signal(SIGPIPE, SIG_IGN);
    int send = argc >= 4 && strcmp(argv[1], "send") == 0;
    if (send || (argc >= 5 && strcmp(argv[1], "take") == 0)) {
        struct copy_options options = {.recursive = strchr(argv[2], 'r') != NULL,
                                       .preserve = strchr(argv[2], 'p') != NULL,
                                       .folder = strchr(argv[2], 'd') != NULL};
        if (send)
            return copy_send(STDOUT_FILENO, argv + 3, (unsigned)argc - 3, &options) != 0;
        return copy_take(STDIN_FILENO, argv[3], argv + 4, (unsigned)argc - 4, &options);
    }
    fputs("bpcopy: bpcp starts this\n", stderr);
    return 2;
}
