/* SPDX-License-Identifier: BSD-3-Clause */
/* std.c - the standard descriptors of a program. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/std.h"

static int put_error; /* of the first bp_std_put that failed */

static void check_output(void)
{
    int bad = ferror(stdout), error = EIO; /* why is not known any more */
    if (fclose(stdout) == EOF) {
        bad = 1;
        error = errno;
    }
    if (!bad)
        return;
    dprintf(STDERR_FILENO, "%s: standard output: %s\n", program_invocation_short_name,
            strerror(put_error != 0 ? put_error : error));
    _exit(1);
}

int bp_std_put(const char *text)
{
    if (fputs(text, stdout) != EOF && fflush(stdout) != EOF)
        return 0;
    if (put_error == 0)
        put_error = errno;
    return -put_error;
}

int bp_std_open(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* The lowest free number is this one. */
        if (open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY) != fd)
            return -errno;
    }
    return atexit(check_output) == 0 ? 0 : -ENOMEM;
}
