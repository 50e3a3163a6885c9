/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.h - the memory of a frozen process as areas, runs and files of an image. */
#ifndef BP_IMAGE_MEMORY_H
#define BP_IMAGE_MEMORY_H

#include <sys/types.h>

#include "image/image.h"
#include "image/tables.h"

/* Fill the tables from a process that does not run; memory_fd is its /proc/PID/mem. -EOPNOTSUPP
 * with a sentence that names what cannot travel. */
int bp_memory_capture(struct bp_tables *tables, pid_t pid, int memory_fd,
                      const struct bp_image_options *options, struct bp_error *err);

#endif
