/* SPDX-License-Identifier: BSD-3-Clause */
/* propagate.h - which of the caller's resource limits the ranks get. */
#ifndef BP_TOOLS_PROPAGATE_H
#define BP_TOOLS_PROPAGATE_H

#include "proto/pack.h"

#define PROPAGATE_ALL UINT32_MAX

/* ALL, NONE, or names joined by commas (NOFILE, RLIMIT_NOFILE). *ret_mask: bit = RLIMIT_*. 0, or
 * -EINVAL. */
int propagate_read(const char *words, uint32_t *ret_mask, struct bp_error *err);
/* Of the others the ranks get the soft limits that are usual on their node. */
void propagate_apply(uint32_t mask, Bpmix__JobRequest *request);

#endif
