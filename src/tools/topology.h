/* SPDX-License-Identifier: BSD-3-Clause */
/* topology.h - the hardware of a computer that one has a topology file of. */
#ifndef BP_TOOLS_TOPOLOGY_H
#define BP_TOOLS_TOPOLOGY_H

#include "placement/placement.h"

/* What an hwloc XML file describes, read by bptopo: hwloc takes longer to start than a tool does.
 * *ret is done with bp_hardware_done. 0 or negative errno. */
int topology_file(const char *path, struct bp_hardware *ret, struct bp_error *err);

#endif
