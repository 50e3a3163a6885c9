/* SPDX-License-Identifier: BSD-3-Clause */
/* space_file.h - files of the node that take the place of a process's standard descriptors. */
#ifndef BP_NODEAGENT_SPACE_FILE_H
#define BP_NODEAGENT_SPACE_FILE_H

#include <stdint.h>

#include "proto/space_record.h"

struct bp_space_file {
    int fd; /* 0 to 2 */
    int flags; /* open's; or BP_SPACE_CONNECT and perhaps BP_SPACE_SEND_INFO */
    uint32_t mode;
    int64_t offset; /* where reading or writing begins; 0 = as it is opened */
    const char *path;
};

/* A file as the strings of SETUP say it; *ret_file's path points into text. -EPROTO. */
int bp_space_file_read(const char *text, struct bp_space_file *ret_file);

/* Open it as the calling process, in place of its descriptor. 0 or -errno. */
int bp_space_file_open(const struct bp_space_file *file);

#endif
