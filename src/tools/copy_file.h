/* SPDX-License-Identifier: BSD-3-Clause */
/* copy_file.h - one file at bpcp's destination: it gets its name when it is whole, in place of what
 * had it, and until then none that anybody could take for it. */
#ifndef BP_TOOLS_COPY_FILE_H
#define BP_TOOLS_COPY_FILE_H

#include "tools/copy_record.h"

struct copy_file {
    int fd;     /* -1 = none is open */
    int folder; /* where it will be; the caller's */
    int replaces; /* a file has the name: its mode and owner go on */
    struct stat old;
    char name[COPY_NAME_MAX + 1];
    char temporary[48]; /* "" = it has no name at all (O_TMPFILE) */
};

/* named: with a temporary name, even where files without any are possible. 0, -EISDIR, -EEXIST:
 * what has the name is no file and no link; or another -errno. */
int copy_file_open(struct copy_file *file, int folder, const char *name, int named);
int copy_file_write(struct copy_file *file, uint64_t offset, const void *bytes, size_t length);
/* It is whole: size, mode, times, and its name. An error leaves nothing. */
int copy_file_finish(struct copy_file *file, uint64_t size,
                     const struct copy_attributes *attributes, int preserve);
/* Forget it. */
void copy_file_drop(struct copy_file *file);

/* A link, in place of what had the name. */
int copy_link_make(int folder, const char *name, const char *target,
                   const struct copy_attributes *attributes, int preserve);

/* The mode of a new file or folder: as the source's, less the umask, unless that is to stay. Bits
 * that give a user's rights away are never copied. */
mode_t copy_new_mode(const struct copy_attributes *attributes, int preserve);

#endif
