/* SPDX-License-Identifier: BSD-3-Clause */
/* map_show.h - a map shown: one that is only computed, and the one of a job. */
#ifndef BP_TOOLS_MAP_SHOW_H
#define BP_TOOLS_MAP_SHOW_H

#include <stdio.h>

#include "placement/picture.h"
#include "tools/map_options.h"

/* A picture for people on this stream. */
void map_show_picture(const struct bp_picture *picture, FILE *out);
/* A line for each rank. */
void map_show_lines(const struct bp_picture *picture, FILE *out);

/* Dry run: compute what a job of this request would get, and show it. The exit status for the
 * shell. */
int map_show_dry(const Bpmix__Place *place, const struct map_options *options, const char *tool,
                 const char *command);

/* Words of a command line as one text, quoted for a shell; the caller frees it. */
char *map_show_command(char *const *argv, size_t count);

#endif
