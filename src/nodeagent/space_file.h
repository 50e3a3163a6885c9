/* SPDX-License-Identifier: BSD-3-Clause */
/* space_file.h - files of the node that take the place of a process's descriptors. */
#ifndef BP_NODEAGENT_SPACE_FILE_H
#define BP_NODEAGENT_SPACE_FILE_H

#include <stdint.h>

#include "proto/space_record.h"

struct bp_space_file {
    int fd; /* up to BP_SPACE_FD_MAX */
    int flags; /* open's and BP_SPACE_PATTERN, _SHARED; or BP_SPACE_CONNECT, _SEND_INFO */
    uint32_t mode;
    int64_t offset; /* where reading or writing begins; 0 = as it is opened */
    const char *path;
    _Atomic unsigned char *truncated; /* of a shared one: some rank has done it */
};

/* A file as the strings of SETUP say it; *ret_file's path points into text. -EPROTO. */
int bp_space_file_read(const char *text, struct bp_space_file *ret_file);

/* Move a descriptor out of the way of them, if one will have its number; it is closed by exec if it
 * was before. Its number, or -errno. */
int bp_space_file_step_aside(const struct bp_space_file *files, uint32_t count, int fd);

/* Open them as the calling process, the given rank, in place of their descriptors. 0, or -errno
 * with the descriptor that has none. */
int bp_space_files_open(const struct bp_space_file *files, uint32_t count, uint64_t rank,
                        int *ret_fd);

#endif
