/* SPDX-License-Identifier: BSD-3-Clause */
/* nodeset.h - node specifications: "5", "0-3,7", "n[0-3,7]", "all", "allup", "master", names. */
#ifndef BP_COMMON_NODESET_H
#define BP_COMMON_NODESET_H

#include <stddef.h>

#include "common/error.h"

#define BP_NODE_MASTER     (-1)  /* the number of the master */
#define BP_NODE_NUMBER_MAX 65535 /* the highest number of a node */
#define BP_NODESET_MAX     65536 /* the most nodes one specification may name */

/* One node as names, and the words "all", "all<state>" and "allnot<state>", see it. */
struct bp_nodeset_node {
    int number;
    const char *state; /* such as "up" */
    const char *host;  /* its host's name; NULL = not known */
};

/* Node numbers in the order written; a node named twice is in it twice. */
struct bp_nodeset {
    int *numbers;
    size_t count;
};

/* Read a node specification: parts joined by commas. A part is a number, a range a-b, both with "n"
 * or "." in front if the user likes, ranges in brackets (n[0-3,7]), "-1" or "master", or a word:
 * "all", "all<state>" (allup, alldown) or "allnot<state>" (allnotup), which name the nodes of the
 * table of node_count nodes in the table's order, never the master; or the name of a host of the
 * table, with its domain or without: all nodes there. What can be read as a number is never a name.
 * A word may name no node at all: then the count is 0 and the caller decides what that means.
 * Whether a number exists is not looked up. 0, -EINVAL (err names the bad part), -E2BIG or
 * -ENOMEM. */
int bp_nodeset_parse(const char *text, const struct bp_nodeset_node *nodes, size_t node_count,
                     struct bp_nodeset *ret_set, struct bp_error *err);
void bp_nodeset_done(struct bp_nodeset *set);

/* The shortest list that reads back as these numbers in this order: "0-3,7"; with prefix "n":
 * "n0-n3,n7". The master is "-1", with a prefix "master". The caller frees it. */
char *bp_nodeset_format(const int *numbers, size_t count, const char *prefix);

#endif
