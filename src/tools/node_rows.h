/* SPDX-License-Identifier: BSD-3-Clause */
/* node_rows.h - nodes as text: tables, single columns, JSON. */
#ifndef BP_TOOLS_NODE_ROWS_H
#define BP_TOOLS_NODE_ROWS_H

#include <jansson.h>

#include "tools/listing.h"

enum node_format {
    NODE_TABLE,   /* what a node has, and how much of it is in use */
    NODE_COMPACT, /* nodes that are alike in one line */
    NODE_LONG,    /* a line a node: its state, who may use it, its address */
    NODE_ADDRESS, NODE_STATE, NODE_NUMBER, /* this column alone */
    NODE_TOTAL,   /* how many there are */
    NODE_HOSTFILE, /* for mpirun: those that are up */
    NODE_JSON,
};

void node_rows_print(const struct listing *listing, enum node_format format);
void print_json(json_t *take_value);

#endif
