/* SPDX-License-Identifier: BSD-3-Clause */
/* program.h - the file that a held program was executed from: may it run from an image. */
#ifndef BP_IMAGE_PROGRAM_H
#define BP_IMAGE_PROGRAM_H

#include <sys/types.h>

#include "common/error.h"

/* Refuse what would be another program when run from an image: one with the rights of its file, one
 * that may be executed but not read, one that is not for x86-64. path is for the sentence; for a
 * script the file is its interpreter. */
int bp_program_check(pid_t pid, const char *path, struct bp_error *err);

#endif
