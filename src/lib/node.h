/* SPDX-License-Identifier: BSD-3-Clause */
/* node.h - questions and orders about nodes to bpmaster, each on a connection of its own. 0 or
 * negative errno (or BE_ number) with a sentence in *err; node -1 is the master. */
#ifndef BP_LIB_NODE_H
#define BP_LIB_NODE_H

#include "common/error.h"
#include "proto/pack.h"

/* All nodes, and the master; bp_unpack_free it. NULL with a sentence in *err. */
Bpmix__NodeList *bp_node_list(struct bp_error *err);

/* What every node has, and what jobs use of it. */
Bpmix__HardwareList *bp_node_hardware(struct bp_error *err);

int bp_node_set_rights(int node, const Bpmix__NodeRights *rights, struct bp_error *err);
int bp_node_set_state(int node, const char *state, struct bp_error *err);
/* Without a "bproc." in front; length 0 takes it away. */
int bp_node_set_attribute(int node, const char *name, const void *value, size_t length,
                          struct bp_error *err);
Bpmix__NodeAttribute *bp_node_attribute(int node, const char *name, struct bp_error *err);
/* Returns when the node has done it, or is gone; with no_wait when it is on its way. */
int bp_node_order(int node, const Bpmix__NodeOrder *order, struct bp_error *err);
/* The same in two steps, for many at once: what start returns is a descriptor for end. */
int bp_node_order_start(int node, const Bpmix__NodeOrder *order, struct bp_error *err);
int bp_node_order_end(int take_fd, struct bp_error *err);

/* A connection that becomes readable when nodes or configuration have changed. */
int bp_node_watch(struct bp_error *err);
/* The nodes through such a connection; what it had to tell until now is told. */
Bpmix__NodeList *bp_node_list_watched(int fd, struct bp_error *err);

/* Remote processes of one node, or of all (-4). */
Bpmix__ProcList *bp_node_procs(int node, struct bp_error *err);

Bpmix__LibraryList *bp_library_list(struct bp_error *err);
int bp_library_change(Bpmix__LibraryChange__Kind kind, const char *path, struct bp_error *err);

#endif
