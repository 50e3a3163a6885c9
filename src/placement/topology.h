/* SPDX-License-Identifier: BSD-3-Clause */
/* topology.h - the hardware of a computer by hwloc. Only bptopo and tests link it. */
#ifndef BP_PLACEMENT_TOPOLOGY_H
#define BP_PLACEMENT_TOPOLOGY_H

#include "placement/placement.h"

/* What this computer has and this process may use (cgroup and affinity), or, with xml, of the
 * computer in that hwloc XML file. Numbers are hwloc's logical ones of the whole computer, so they
 * are equal for all nodes on it whatever each may use. Placement order: the first thread of each
 * core before second ones, faster cores before slower ones. *ret is the caller's. 0 or negative
 * errno. */
int bp_topology_load(const char *xml, struct bp_hardware *ret, struct bp_error *err);

/* The same of a computer that hwloc makes up: "pack:2 numa:2 l3:2 core:4 pu:2". */
int bp_topology_synthetic(const char *text, struct bp_hardware *ret, struct bp_error *err);

/* This computer as hwloc XML, with the devices that libpmix and Open MPI look at (finding those is
 * what takes hwloc its time). The caller frees *ret_xml. 0 or negative errno. */
int bp_topology_export(char **ret_xml, struct bp_error *err);

#endif
