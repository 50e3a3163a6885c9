/* SPDX-License-Identifier: BSD-3-Clause */
/* map_json.h - a map for programs. */
#ifndef BP_TOOLS_MAP_JSON_H
#define BP_TOOLS_MAP_JSON_H

#include <stdio.h>

#include <jansson.h>

#include "placement/picture.h"

/* One object in one line; bprun's man page says what is in it. */
void map_json_print(const struct bp_picture *picture, FILE *out);

/* Add the packages, NUMA nodes, L3 caches and cores that a mask touches to a rank's object. */
void map_json_where(json_t *row, const uint8_t *cpus, size_t cpus_bytes,
                    const struct bp_hardware *hardware);

#endif
