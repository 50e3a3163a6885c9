/* SPDX-License-Identifier: BSD-3-Clause */
/* life_options.h - bprun's options about how a job lives and ends. */
#ifndef BP_TOOLS_LIFE_OPTIONS_H
#define BP_TOOLS_LIFE_OPTIONS_H

#include <argp.h>

#include "tools/claims.h"
#include "tools/run.h"

struct life_options { /* where they go */
    struct run_policy *policy;
    struct claims *claims;
};

extern const struct argp life_argp; /* a child of the tool's; its input: struct life_options */

#endif
