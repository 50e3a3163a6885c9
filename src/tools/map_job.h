/* SPDX-License-Identifier: BSD-3-Clause */
/* map_job.h - the map that bpmaster has made for a job, with what its nodes have. */
#ifndef BP_TOOLS_MAP_JOB_H
#define BP_TOOLS_MAP_JOB_H

#include "placement/picture.h"
#include "tools/map_nodes.h"

struct map_job {
    struct map_nodes all;
    struct bp_place_node *rows; /* the job's nodes, in its order */
    struct bp_map map;
    struct bp_picture picture;
};

/* Asks bpmaster for the hardware. The JobMap must last as long. NULL with a sentence in *err. */
struct map_job *map_job_new(const Bpmix__JobMap *map, struct bp_error *err);
void map_job_free(struct map_job *job);

/* What the node of a rank has. */
const struct bp_hardware *map_job_hardware(const struct map_job *job, uint32_t rank);

#endif
