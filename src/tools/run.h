/* SPDX-License-Identifier: BSD-3-Clause */
/* run.h - run a job from its opening to its exit status: what bprun and bpsh have in common. */
#ifndef BP_TOOLS_RUN_H
#define BP_TOOLS_RUN_H

#include "lib/job.h"
#include "tools/map_options.h"
#include "tools/output.h"
#include "tools/redirect.h"
#include "tools/terminal.h"

struct run_policy {
    const char *tool;   /* name in messages */
    int verbose, quiet; /* tell the steps (2: of each rank); no more than what went wrong */
    int no_kill;        /* a rank's failure does not end the others */
    int quiet_exits;    /* say nothing about plain exit statuses */
    unsigned kill_wait_ms;
    unsigned limit_s;   /* 0 = none */
    int warn_signal;    /* sent warn_s before the limit; 0 = none */
    unsigned warn_s;
    unsigned wait_s;    /* after the first rank ended, the others go on so long; 0 = no limit */
    struct output_style style;
    int turns;    /* one rank's output after the other's, in their order */
    int dividers; /* a line before each one's */
    int stdin_rank;
    struct redirect *redirect; /* NULL = nothing is */
    struct terminal *terminal; /* NULL = rank 0 has none on its node */
    uint32_t local; /* so many ranks more, here on the master */
    int report_bindings;
    const struct map_options *map; /* what to show of the job's map; NULL = nothing */
    const char *status; /* NULL, or where the JSON goes: "" = stderr, else a file */
};

/* Open the job (none, if no node is asked for), run it, tell what happened on stderr. The
 * exit status for the shell. */
int run_job(Bpmix__JobRequest *request, const struct run_policy *policy);

#endif
