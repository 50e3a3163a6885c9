/* SPDX-License-Identifier: BSD-3-Clause */
/* life_options.h - bprun's options about how a job lives and ends. */
#ifndef BP_TOOLS_LIFE_OPTIONS_H
#define BP_TOOLS_LIFE_OPTIONS_H

#include <argp.h>

#include "tools/run.h"

extern const struct argp life_argp; /* a child of the tool's; its input: struct run_policy */

#endif
