/* SPDX-License-Identifier: BSD-3-Clause */
/* output.h - the ranks' stdout and stderr to the launcher's, line by line. */
#ifndef BP_TOOLS_OUTPUT_H
#define BP_TOOLS_OUTPUT_H

#include <stdint.h>

#include "lib/job.h"

#define LINE_MAX_BYTES 65536 /* longer lines may be torn */

enum label {
    LABEL_NONE,
    LABEL_RANK, /* "3: " as srun -l */
    LABEL_NODE, /* "n1: " as bpsh -p */
};

struct output;

struct output *output_new(struct event_base *base, struct bp_job *job, enum label label);
void output_bytes(struct output *output, uint32_t rank, unsigned channel, const uint8_t *bytes,
                  size_t length);
/* Write all that is left, waiting for the readers. */
void output_finish(struct output *output);
void output_free(struct output *output);

#endif
