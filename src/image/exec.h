/* SPDX-License-Identifier: BSD-3-Clause */
/* exec.h - the tables of a held program's image; image.h has the call. */
#ifndef BP_IMAGE_EXEC_H
#define BP_IMAGE_EXEC_H

#include "image/hold.h"
#include "image/image.h"
#include "image/tables.h"

/* A program is carried to nodes that may have another one, or none, up to this size. */
#define BP_EXEC_CARRY_MAX (16u << 20)

/* Fill tables of kind BP_IMAGE_LD or BP_IMAGE_ENTRY from a program that is held. */
int bp_exec_tables(struct bp_tables *tables, const struct bp_hold *hold,
                   const struct bp_image_program *program, const struct bp_image_options *options,
                   struct bp_error *err);

#endif
