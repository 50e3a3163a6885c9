/* SPDX-License-Identifier: BSD-3-Clause */
/* wait_up.h - waiting until nodes are up. */
#ifndef BP_TOOLS_WAIT_UP_H
#define BP_TOOLS_WAIT_UP_H

#include <stdint.h>

#include "common/error.h"

/* Wait until bpmaster is there and `nodes` nodes are up, limit_ms at most. 0 or negative errno. */
int wait_up(uint32_t nodes, unsigned limit_ms, struct bp_error *err);

#endif
