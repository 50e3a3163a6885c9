/* SPDX-License-Identifier: BSD-3-Clause */
/* space_ghost.h - what processes of the space need to have placeholders as children. */
#ifndef BP_NODEAGENT_SPACE_GHOST_H
#define BP_NODEAGENT_SPACE_GHOST_H

#include "nodeagent/space_job.h"

/* In this space bpghost may choose PIDs. Before the job's directory is mounted; where it cannot be,
 * processes here have no placeholders. 0 or -errno. */
int bp_space_ghost_allow(const struct bp_space_job *job);

#endif
