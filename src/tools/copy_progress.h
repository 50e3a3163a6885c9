/* SPDX-License-Identifier: BSD-3-Clause */
/* copy_progress.h - how far a copy is, on one line of the terminal. */
#ifndef BP_TOOLS_COPY_PROGRESS_H
#define BP_TOOLS_COPY_PROGRESS_H

#include <stdint.h>

struct copy_progress {
    int show;
    int shown; /* there is a line to clear */
    char name[64];
    uint64_t size, done; /* of the file */
    uint64_t sum;        /* of all files so far */
    uint64_t begin_ms, next_ms;
};

void copy_progress_file(struct copy_progress *progress, const char *path, uint64_t size);
void copy_progress_bytes(struct copy_progress *progress, uint64_t offset, uint64_t bytes);
/* Leave no trace on the terminal, until more is told. */
void copy_progress_clear(struct copy_progress *progress);

#endif
