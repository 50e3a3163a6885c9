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
    int memory_fd; /* /proc/SOURCE/mem: of that process, even when its PID is another's later. -1:
                    * it must not be read */
    void (*release)(pid_t source); /* NULL = nothing to do */
    /* Where the last read stopped: a run, the offset of its first page, its area. */
    uint64_t run, run_offset;
};

/* The memory of a frozen process, to be read. A descriptor, or -errno and why it must not be. */
int bp_source_open(pid_t source, struct bp_error *err);

/* An image of the prologue, which it takes over also on failure, as bp_tables_finish() made it.
 * memory_fd may be -1: it is opened then, if it may be. On failure the descriptors and the source
 * are still the caller's. */
int bp_image_make(void *prologue, size_t bytes, pid_t source, int hold_fd, int memory_fd,
                  void (*release)(pid_t source), struct bp_image **ret_image,
                  struct bp_error *err);

#endif
