/* SPDX-License-Identifier: BSD-3-Clause */
/* source.h - an image in hand: its prologue, and the frozen process its pages are read from. */
#ifndef BP_IMAGE_SOURCE_H
#define BP_IMAGE_SOURCE_H

#include <sys/types.h>

#include "image/decode.h"
#include "image/image.h"

struct bp_image {
    void *prologue;
    struct bp_image_view view;
    pid_t source;
    int hold_fd; /* the source lives as long as this is open; -1 = `release` ends it */
    int alive_fd; /* pidfd of the source: its PID may become another process's; -1: no such call */
    int memory_fd; /* /proc/SOURCE/mem, opened for pages that cannot be read else; -1 */
    void (*release)(pid_t source); /* NULL = nothing to do */
    /* Where the last read stopped: a run, the offset of its first page, its area. */
    uint64_t run, run_offset;
};

/* An image of the prologue, which it takes over also on failure, as bp_tables_finish() made it. On
 * failure hold_fd and source are still the caller's. */
int bp_image_make(void *prologue, size_t bytes, pid_t source, int hold_fd,
                  void (*release)(pid_t source), struct bp_image **ret_image,
                  struct bp_error *err);

#endif
