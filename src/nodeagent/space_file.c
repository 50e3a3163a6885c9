/* SPDX-License-Identifier: BSD-3-Clause */
/* space_file.c - files of the node that take the place of a process's standard descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "nodeagent/space_file.h"

/* A decimal number and one blank. */
static int read_number(const char **text, long long most, long long *ret_number)
{
    char *end;
    errno = 0;
    if (**text < '0' || **text > '9')
        return -EPROTO;
    *ret_number = strtoll(*text, &end, 10);
    if (errno != 0 || *end != ' ' || *ret_number > most)
        return -EPROTO;
    *text = end + 1;
    return 0;
}

int bp_space_file_read(const char *text, struct bp_space_file *ret_file)
{
    long long fd, flags, mode, offset;
    if (read_number(&text, BP_SPACE_FILES_MAX - 1, &fd) < 0 ||
        read_number(&text, INT_MAX, &flags) < 0 || read_number(&text, 0777, &mode) < 0 ||
        read_number(&text, LLONG_MAX, &offset) < 0 || *text == '\0')
        return -EPROTO;
    *ret_file = (struct bp_space_file){.fd = (int)fd, .flags = (int)flags, .mode = (uint32_t)mode,
                                       .offset = offset, .path = text};
    return 0;
}

int bp_space_file_open(const struct bp_space_file *file)
{
    int fd = open(file->path, file->flags | O_NOCTTY, (mode_t)file->mode);
    if (fd < 0)
        return -errno;
    if (file->offset > 0 && lseek(fd, (off_t)file->offset, SEEK_SET) < 0)
        return -errno;
    if (fd != file->fd && dup2(fd, file->fd) < 0)
        return -errno;
    if (fd != file->fd)
        close(fd);
    return 0;
}
