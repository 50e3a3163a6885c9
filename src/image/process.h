/* SPDX-License-Identifier: BSD-3-Clause */
/* process.h - what /proc tells of a process beside its memory. */
#ifndef BP_IMAGE_PROCESS_H
#define BP_IMAGE_PROCESS_H

#include <sys/types.h>

#include "image/image.h"
#include "image/tables.h"

/* Refuse, by name, what status and timers of a process show and an image cannot hold. Of the
 * calling process when pid is its own. Fills umask and thp_disable. */
int bp_process_check(struct bp_tables *tables, pid_t pid, const struct bp_image_options *options,
                     struct bp_error *err);

/* Fill head.memory (but brk), auxv, exe and cwd. */
int bp_process_capture(struct bp_tables *tables, pid_t pid, struct bp_error *err);

#endif
