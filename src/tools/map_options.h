/* SPDX-License-Identifier: BSD-3-Clause */
/* map_options.h - bprun's options that show where the ranks are, or would be. */
#ifndef BP_TOOLS_MAP_OPTIONS_H
#define BP_TOOLS_MAP_OPTIONS_H

#include <argp.h>

#include "tools/claims.h"
#include "tools/map_nodes.h"

struct map_options {
    int dry; /* compute the map and run nothing */
    struct claims *claims; /* of the whole command line, borrowed */
    struct map_file *files;
    size_t file_count;
    const char *svg; /* file to write; NULL = none */
    int json;
    int show_map, show_bindings;
    Bpmix__App **apps; /* several programs, borrowed: JSON tells each rank's */
    size_t app_count;
};

extern const struct argp map_argp; /* a child of the tool's; its input: struct map_options */

void map_options_done(struct map_options *options);

#endif
