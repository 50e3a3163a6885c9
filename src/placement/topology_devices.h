/* SPDX-License-Identifier: BSD-3-Clause */
/* topology_devices.h - the GPUs and NICs of a computer by hwloc. */
#ifndef BP_PLACEMENT_TOPOLOGY_DEVICES_H
#define BP_PLACEMENT_TOPOLOGY_DEVICES_H

#include <hwloc.h>

#include "placement/hardware.h"

/* Fill ret's devices, in the order of the bus. */
void bp_topology_devices(hwloc_topology_t topology, struct bp_hardware *ret);

#endif
