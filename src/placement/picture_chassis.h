/* SPDX-License-Identifier: BSD-3-Clause */
/* picture_chassis.h - a node of a map as boxes: packages, NUMA nodes, caches, cores, devices. */
#ifndef BP_PLACEMENT_PICTURE_CHASSIS_H
#define BP_PLACEMENT_PICTURE_CHASSIS_H

#include "placement/picture_board.h"
#include "placement/picture_box.h"

/* Leaves have the board as owner, and from `first` to `end` the tiles of a core, or in `first` the
 * index of a device. */
void bp_chassis_build(const struct bp_board *board, struct bp_box *ret_node);

#endif
