/* SPDX-License-Identifier: BSD-3-Clause */
/* file.c - see file.h. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/elf.h"
#include "image/file.h"

/* What nodes have from their own packages: the system's folders, and libbproc wherever it is. */
static const char *const system_folders[] = {"/usr/", "/lib/", "/lib64/", "/bin/", "/sbin/"};
static const char libbproc[] = BP_LIBDIR "/libbproc.so";

static bool is_systems(const char *path, const struct stat *st)
{
    if (st->st_uid != 0 || (st->st_mode & 022) != 0)
        return false;
    if (strncmp(path, libbproc, sizeof(libbproc) - 1) == 0)
        return true;
    for (size_t i = 0; i < sizeof(system_folders) / sizeof(system_folders[0]); i++)
        if (strncmp(path, system_folders[i], strlen(system_folders[i])) == 0)
            return strncmp(path, "/usr/local/", 11) != 0;
    return false;
}

static long file_read(void *arg, void *buffer, size_t size, uint64_t offset)
{
    return pread(*(int *)arg, buffer, size, (off_t)offset);
}

static bool is_listed(const char *path, const char *libraries)
{
    for (; libraries != NULL && *libraries != '\0'; libraries += strlen(libraries) + 1)
        if (strcmp(libraries, path) == 0)
            return true;
    return false;
}

bool bp_file_identify(const char *path, uint64_t inode, bool is_program,
                      const struct bp_image_options *options, struct bp_image_file *ret_file,
                      uint64_t *ret_size)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    *ret_size = UINT64_MAX;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_ino != inode)
        return false;
    *ret_size = (uint64_t)st.st_size;
    *ret_file = (struct bp_image_file){.size = (uint64_t)st.st_size, .mtime_s = st.st_mtim.tv_sec,
                                       .mtime_ns = (uint32_t)st.st_mtim.tv_nsec};
    ret_file->id_bytes = bp_elf_build_id(file_read, &fd, ret_file->id, BP_IMAGE_ID_MAX);
    if (options->carry != BP_CARRY_DEFAULT)
        return options->carry == BP_CARRY_NONE;
    if ((options->carry_also & (is_program ? BP_CARRY_PROGRAM : BP_CARRY_LIBRARIES)) != 0)
        return false;
    return (is_systems(path, &st) && ret_file->id_bytes > 0) ||
           is_listed(path, options->libraries);
}
