/* SPDX-License-Identifier: BSD-3-Clause */
/* entry.h - a program held at AT_ENTRY: what in its memory belongs to its arguments and
 * environment. */
#ifndef BP_IMAGE_ENTRY_H
#define BP_IMAGE_ENTRY_H

#include "common/error.h"
#include "image/hold.h"
#include "image/tables.h"

/* Add the patches of the words that hold the address of argv, envp or the auxiliary vector; the
 * tables have all areas and runs, and auxv. Refused: initialisers that changed the environment,
 * floating-point modes, or left a file open. path is for the sentence. */
int bp_entry_finish(const struct bp_hold *hold, const char *path, struct bp_tables *tables,
                    struct bp_error *err);

#endif
