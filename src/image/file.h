/* SPDX-License-Identifier: BSD-3-Clause */
/* file.h - the file behind a mapping: is it to be asked of the receiver, or carried. */
#ifndef BP_IMAGE_FILE_H
#define BP_IMAGE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "image/format.h"
#include "image/image.h"

/* Look at the file of this path, which has that inode in the mapping; is_program: it is the one
 * that is executed. *ret_file gets its identity (without a path reference) and *ret_size its size.
 * Returns true when a receiver can be asked for it, under these rules of carrying; false when its
 * content has to travel: it is gone or replaced (*ret_size is then UINT64_MAX), or the rules say
 * so. */
bool bp_file_identify(const char *path, uint64_t inode, bool is_program,
                      const struct bp_image_options *options, struct bp_image_file *ret_file,
                      uint64_t *ret_size);

#endif
