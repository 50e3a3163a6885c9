/* SPDX-License-Identifier: BSD-3-Clause */
/* space_file.c - files and connections that take the place of a process's descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/dial.h"
#include "common/mem.h"
#include "common/pattern.h"
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
    if (read_number(&text, BP_SPACE_FD_MAX, &fd) < 0 ||
        read_number(&text, INT_MAX, &flags) < 0 || read_number(&text, 0777, &mode) < 0 ||
        read_number(&text, LLONG_MAX, &offset) < 0 || *text == '\0')
        return -EPROTO;
    *ret_file = (struct bp_space_file){.fd = (int)fd, .flags = (int)flags, .mode = (uint32_t)mode,
                                       .offset = offset, .path = text};
    return 0;
}

static int connect_to(const struct bp_space_file *file)
{
    int32_t info[] = {getpid(), file->fd};
    return bp_dial(file->path, (file->flags & BP_SPACE_SEND_INFO) != 0 ? info : NULL);
}

/* The first rank truncates. The lock keeps others from writing before; a file system that has
 * none may lose lines of ranks that begin at the same instant. */
static int truncate_once(int fd, _Atomic unsigned char *truncated)
{
    flock(fd, LOCK_EX);
    int r = *truncated == 0 && ftruncate(fd, 0) < 0 && errno != EINVAL ? -errno : 0; /* a FIFO */
    if (r == 0)
        *truncated = 1;
    flock(fd, LOCK_UN);
    return r;
}

static int open_file(const struct bp_space_file *file, uint64_t rank)
{
    struct bp_pattern_value value = {.letter = 't', .number = rank};
    auto_free char *path = (file->flags & BP_SPACE_PATTERN) != 0
                               ? bp_pattern_expand(file->path, &value, 1, 1)
                               : bp_strdup(file->path);
    int flags = (file->flags & BP_SPACE_OPEN_FLAGS) | O_NOCTTY;
    int once = (file->flags & BP_SPACE_SHARED) != 0 && (flags & O_TRUNC) != 0;
    if (once)
        flags = (flags & ~O_TRUNC) | O_APPEND;
    auto_close int fd = open(path, flags, (mode_t)file->mode);
    if (fd < 0 || (file->offset > 0 && lseek(fd, (off_t)file->offset, SEEK_SET) < 0))
        return -errno;
    int r = once ? truncate_once(fd, file->truncated) : 0;
    return r < 0 ? r : bp_take_fd(fd);
}

static int put(int from, int fd)
{
    return dup2(from, fd) < 0 ? -errno : 0;
}

static int put_file(const struct bp_space_file *file, uint64_t rank)
{
    int fd = (file->flags & BP_SPACE_CONNECT) != 0 ? connect_to(file) : open_file(file, rank);
    if (fd < 0)
        return fd;
    if (fd == file->fd) /* it stays open at the exec */
        return fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
    int r = put(fd, file->fd);
    close(fd);
    return r;
}

/* stderr's file is stdout's: one opening, one place in it. */
static int is_stdouts(const struct bp_space_file *files, uint32_t count,
                      const struct bp_space_file *file)
{
    for (uint32_t i = 0; i < count && file->fd == STDERR_FILENO; i++)
        if (files[i].fd == STDOUT_FILENO && files[i].flags == file->flags &&
            files[i].offset == file->offset && strcmp(files[i].path, file->path) == 0)
            return (file->flags & BP_SPACE_CONNECT) == 0;
    return 0;
}

static int is_taken(const struct bp_space_file *files, uint32_t count, int fd)
{
    for (uint32_t i = 0; i < count; i++)
        if (files[i].fd == fd)
            return 1;
    return 0;
}

int bp_space_file_step_aside(const struct bp_space_file *files, uint32_t count, int fd)
{
    int to = STDERR_FILENO + 1, flags = fcntl(fd, F_GETFD);
    if (!is_taken(files, count, fd))
        return fd;
    while (is_taken(files, count, to) || fcntl(to, F_GETFD) >= 0)
        to++;
    int r = dup3(fd, to, (flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0);
    if (r >= 0)
        close(fd);
    return r < 0 ? -errno : to;
}

static int open_one(const struct bp_space_file *files, uint32_t count, uint32_t i, uint64_t rank)
{
    return is_stdouts(files, count, &files[i]) ? put(STDOUT_FILENO, STDERR_FILENO)
                                               : put_file(&files[i], rank);
}

int bp_space_files_open(const struct bp_space_file *files, uint32_t count, uint64_t rank,
                        int *ret_fd)
{
    int r = 0;
    for (int fd = 0; fd <= STDERR_FILENO + 1; fd++) /* and then those above */
        for (uint32_t i = 0; r == 0 && i < count; i++) {
            if (files[i].fd != fd && (fd <= STDERR_FILENO || files[i].fd < fd))
                continue;
            *ret_fd = files[i].fd;
            r = open_one(files, count, i, rank);
        }
    return r;
}
