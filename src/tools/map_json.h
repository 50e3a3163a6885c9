/* SPDX-License-Identifier: BSD-3-Clause */
/* map_json.h - a map for programs. */
#ifndef BP_TOOLS_MAP_JSON_H
#define BP_TOOLS_MAP_JSON_H

#include <stdio.h>

#include <jansson.h>

#include "placement/picture.h"
#include "proto/apps.h"

/* One object in one line; bpmap's man page says what is in it. apps: by rank; NULL = there is one
 * program. */
void map_json_print(const struct bp_picture *picture, const struct bp_app_rank *apps, FILE *out);

/* Add the packages, NUMA nodes, L3 caches and cores that a mask touches to a rank's object. */
void map_json_where(json_t *row, const uint8_t *cpus, size_t cpus_bytes,
                    const struct bp_hardware *hardware);

#endif
