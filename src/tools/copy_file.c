/* SPDX-License-Identifier: BSD-3-Clause */
/* copy_file.c - one file at bpcp's destination, there as a whole or not at all.
 *
 * Where the file system can, the file has no name until it is whole, so that even a SIGKILL leaves
 * nothing. A file that replaces another one gets a temporary name for the moment of the rename(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/copy_file.h"

#define TRIES 100

mode_t copy_new_mode(const struct copy_attributes *attributes, int preserve)
{
    mode_t mask = umask(0);
    umask(mask);
    return attributes->mode & 0777 & ~(preserve ? 0 : mask);
}

static void next_name(char name[48])
{
    static unsigned number;
    snprintf(name, 48, ".bpcp.%d.%u", (int)getpid(), number++);
}

/* What has the name now? */
static int look(struct copy_file *file)
{
    if (fstatat(file->folder, file->name, &file->old, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (S_ISDIR(file->old.st_mode))
        return -EISDIR;
    if (!S_ISREG(file->old.st_mode) && !S_ISLNK(file->old.st_mode))
        return -EEXIST;
    struct stat there; /* a link to a device, such as /dev/stdout, is not a file's place either */
    if (S_ISLNK(file->old.st_mode) && fstatat(file->folder, file->name, &there, 0) == 0 &&
        !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode))
        return -EEXIST;
    file->replaces = 1;
    return 0;
}

static int open_named(struct copy_file *file)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    for (int i = 0; i < TRIES; i++) {
        next_name(file->temporary);
        file->fd = openat(file->folder, file->temporary, flags, 0600);
        if (file->fd >= 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    int r = -errno;
    file->temporary[0] = '\0';
    return r;
}

int copy_file_open(struct copy_file *file, int folder, const char *name, int named)
{
    *file = (struct copy_file){.fd = -1, .folder = folder};
    snprintf(file->name, sizeof file->name, "%s", name);
    int r = look(file);
    if (r < 0)
        return r;
    if (!named)
        file->fd = openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (file->fd >= 0)
        return 0;
    if (!named && errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
        return -errno;
    return open_named(file);
}

int copy_file_write(struct copy_file *file, uint64_t offset, const void *bytes, size_t length)
{
    const char *from = bytes;
    while (length > 0) {
        ssize_t put = pwrite(file->fd, from, length, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        from += put;
        offset += (uint64_t)put;
        length -= (size_t)put;
    }
    return 0;
}

static int set_attributes(const struct copy_file *file, const struct copy_attributes *attributes,
                          int preserve)
{
    mode_t mode = copy_new_mode(attributes, preserve);
    if (file->replaces && S_ISREG(file->old.st_mode)) {
        if (fchown(file->fd, file->old.st_uid, file->old.st_gid) < 0 && errno != EPERM)
            return -errno;
        if (!preserve)
            mode = file->old.st_mode & 0777;
    }
    if (fchmod(file->fd, mode) < 0)
        return -errno;
    return preserve && futimens(file->fd, attributes->times) < 0 ? -errno : 0;
}

/* From no name to a temporary one, or at once to its own if that is free. */
static int give_name(struct copy_file *file)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file->fd);
    if (linkat(AT_FDCWD, path, file->folder, file->name, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    for (int i = 0; errno == EEXIST && i < TRIES; i++) {
        next_name(file->temporary);
        if (linkat(AT_FDCWD, path, file->folder, file->temporary, AT_SYMLINK_FOLLOW) == 0)
            return 0;
    }
    int r = -errno;
    file->temporary[0] = '\0';
    return r;
}

int copy_file_finish(struct copy_file *file, uint64_t size,
                     const struct copy_attributes *attributes, int preserve)
{
    int r = ftruncate(file->fd, (off_t)size) < 0 ? -errno : 0;
    if (r == 0)
        r = set_attributes(file, attributes, preserve);
    if (r == 0 && file->temporary[0] == '\0')
        r = give_name(file);
    int fd = file->fd;
    file->fd = -1;
    if (close(fd) < 0 && r == 0) /* some file systems say only here that there was no room */
        r = -errno;
    if (r == 0 && file->temporary[0] != '\0' &&
        renameat(file->folder, file->temporary, file->folder, file->name) < 0)
        r = -errno;
    if (r == 0)
        file->temporary[0] = '\0';
    copy_file_drop(file);
    return r;
}

void copy_file_drop(struct copy_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    if (file->temporary[0] != '\0')
        unlinkat(file->folder, file->temporary, 0);
    file->fd = -1;
    file->temporary[0] = '\0';
}

int copy_link_make(int folder, const char *name, const char *target,
                   const struct copy_attributes *attributes, int preserve)
{
    struct copy_file file = {.fd = -1, .folder = folder};
    snprintf(file.name, sizeof file.name, "%s", name);
    int r = look(&file);
    if (r < 0)
        return r;
    for (int i = 0; i < TRIES; i++) {
        next_name(file.temporary);
        if (symlinkat(target, folder, file.temporary) == 0)
            break;
        r = -errno;
        if (errno != EEXIST || i == TRIES - 1)
            return r;
    }
    r = preserve && utimensat(folder, file.temporary, attributes->times, AT_SYMLINK_NOFOLLOW) < 0
            ? -errno : 0;
    if (r == 0 && renameat(folder, file.temporary, folder, name) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(folder, file.temporary, 0);
    return r;
}
