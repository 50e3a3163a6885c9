/* SPDX-License-Identifier: BSD-3-Clause */
/* place_options.h - bprun's options that say where the ranks run and how many there are. */
#ifndef BP_TOOLS_PLACE_OPTIONS_H
#define BP_TOOLS_PLACE_OPTIONS_H

#include <argp.h>

#include "proto/pack.h"

struct place_options {
    Bpmix__Place place; /* borrows from the command line */
    int report_bindings;
    int immediate;        /* fail instead of waiting longer than */
    uint32_t immediate_s; /* so many seconds */
};

extern const struct argp place_argp; /* a child of the tool's; its input: struct place_options */

void place_options_init(struct place_options *options);

#endif
