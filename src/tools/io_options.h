/* SPDX-License-Identifier: BSD-3-Clause */
/* io_options.h - bprun's options about the ranks' input, output and surroundings. */
#ifndef BP_TOOLS_IO_OPTIONS_H
#define BP_TOOLS_IO_OPTIONS_H

#include <argp.h>

#include "tools/claims.h"
#include "tools/environment.h"
#include "tools/redirect.h"
#include "tools/run.h"

struct io_options {
    struct claims *claims; /* of the whole command line, borrowed */
    int label, stamp;
    struct redirect redirect;
    int has_reader, reader; /* --stdin: a rank, -1 = all, -2 = none */
    const char *cwd;        /* NULL = the tool's */
    struct environment environment;
    struct environment own; /* of the program that is named next, or the only one */
    char **variables;       /* made of it */
    uint32_t limits_left;   /* bit = RLIMIT_* that is not the caller's */
    int has_pty;
    struct terminal terminal;
    Bpmix__Pty pty;
    int has_umask;
    unsigned umask;
};

extern const struct argp io_argp; /* a child of the tool's; its input: struct io_options */

/* Put them into a request that bp_job_request_init made, and into the policy. Both must not
 * outlive them. */
void io_options_apply(struct io_options *options, Bpmix__JobRequest *request,
                      struct run_policy *policy);
void io_options_done(struct io_options *options);

#endif
