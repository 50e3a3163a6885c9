/* SPDX-License-Identifier: BSD-3-Clause */
/* io_options.h - bprun's options about the ranks' input, output and surroundings. */
#ifndef BP_TOOLS_IO_OPTIONS_H
#define BP_TOOLS_IO_OPTIONS_H

#include <argp.h>

#include "tools/run.h"

struct io_options {
    int label;
    int stdin_rank;
    const char *cwd; /* NULL = the tool's */
};

extern const struct argp io_argp; /* a child of the tool's; its input: struct io_options */

/* Put them into a request that bp_job_request_init made, and into the policy. */
void io_options_apply(const struct io_options *options, Bpmix__JobRequest *request,
                      struct run_policy *policy);

#endif
