/* SPDX-License-Identifier: BSD-3-Clause */
/* program.c - see program.h. */
#include "image/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/mem.h"

static bool has_rights(int fd, const struct stat *st)
{
    if ((st->st_mode & S_ISUID) != 0 || (st->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        return true;
    return fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

int bp_program_check(pid_t pid, const char *path, struct bp_error *err)
{
    char name[32];
    struct stat st;
    Elf64_Ehdr head;
    snprintf(name, sizeof name, "/proc/%d/exe", pid);
    auto_close int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == EACCES || errno == EPERM))
        return bp_error_set(err, -EACCES, "%s may be executed, but not read", path);
    if (fd < 0 || fstat(fd, &st) < 0)
        return bp_error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (has_rights(fd, &st))
        return bp_error_set(err, -ENOTSUP,
                            "%s gives other rights to who executes it (set-user-id, "
                            "set-group-id or capabilities)",
                            path);
    if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_machine != EM_X86_64)
        return bp_error_set(err, -ENOTSUP, "%s is no program for x86-64", path);
    return 0;
}
