/* SPDX-License-Identifier: BSD-3-Clause */
/* picture.h - a map as something to look at: text art, SVG, and a line for each rank. */
#ifndef BP_PLACEMENT_PICTURE_H
#define BP_PLACEMENT_PICTURE_H

#include "placement/placement.h"

/* What is drawn. Everything is borrowed; the map is one of bp_place for these nodes. */
struct bp_picture {
    const struct bp_map *map;
    const struct bp_place_node *nodes;
    const char *command;      /* for the title; NULL = none */
    const char *const *notes; /* by index of node, behind its name unless all are equal;
                               * NULL = none */
};

struct bp_picture_style {
    unsigned columns; /* of the terminal */
    bool colour;
};

/* A block of lines for each node, and one for all nodes that look alike. The caller frees it. */
char *bp_picture_text(const struct bp_picture *picture, const struct bp_picture_style *style);

/* One SVG document: packages, NUMA nodes, L3 caches, cores, GPUs and NICs with the ranks in them.
 * Names may hold any bytes. The caller frees it. */
char *bp_picture_svg(const struct bp_picture *picture);

/* "rank 0 on n1: package 0, numa 0, L3 0, core 0 (CPUs 0,8) [BB/../..][../../..], gpu 1, nic
 * mlx5_0"; a rank without a mask: "not bound". The caller frees it. */
char *bp_picture_line(const struct bp_picture *picture, uint32_t rank);

/* Where a mask is: "package 0, numa 0, L3 0, core 0 (CPUs 0,8) [BB/../..][../../..]": in brackets
 * what mpirun's users know, a package each, cores divided by "/", L3 caches by "|", a letter for
 * each thread; left out for computers of more than BP_PICTURE_CORES_MAX cores. Without hardware
 * (NULL): "CPUs 0,8". The caller frees it. */
char *bp_picture_where(const uint8_t *cpus, size_t cpus_bytes, const struct bp_hardware *hardware);

#define BP_PICTURE_CORES_MAX 64

/* A device's number among those of its kind on the node, as people count GPUs. */
unsigned bp_device_number(const struct bp_hardware *hardware, size_t index);

#endif
