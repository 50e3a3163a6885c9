/* SPDX-License-Identifier: BSD-3-Clause */
/* map_show.h - a map shown: one that is only computed, and the one of a job. */
#ifndef BP_TOOLS_MAP_SHOW_H
#define BP_TOOLS_MAP_SHOW_H

#include "tools/map_job.h"
#include "tools/map_options.h"

/* Of a job that bpmaster has opened: show on stderr what is wanted (NULL = nothing). Returns the
 * map with what the nodes have, for what is told later (`needed`); NULL if nobody needs it or it
 * is not to be had, which is no reason to fail. The JobMap must last as long. */
struct map_job *map_show_job(const Bpmix__JobMap *map, const struct map_options *wanted,
                             const char *tool, bool needed);

/* Dry run: compute what a job of this request would get, and show it. The exit status for the
 * shell. */
int map_show_dry(const Bpmix__Place *place, const struct map_options *options, const char *tool,
                 const char *command);

/* Words of a command line as one text, quoted for a shell; the caller frees it. */
char *map_show_command(char *const *argv, size_t count);

#endif
