/* SPDX-License-Identifier: BSD-3-Clause */
/* node.h - questions to bpmaster about the nodes, each on a connection of its own. */
#ifndef BP_LIB_NODE_H
#define BP_LIB_NODE_H

#include "common/error.h"
#include "proto/pack.h"

/* All nodes, and the master; bp_unpack_free it. NULL with a sentence in *err. */
Bpmix__NodeList *bp_node_list(struct bp_error *err);

#endif
