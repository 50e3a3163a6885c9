/* SPDX-License-Identifier: BSD-3-Clause */
/* tree.h - a k-ary tree over positions 0..count-1: the parent of p is (p - 1) / k. Pure. */
#ifndef BP_PMIX_TREE_H
#define BP_PMIX_TREE_H

#include <stddef.h>
#include <stdint.h>

#define BP_TREE_NONE SIZE_MAX

struct bp_tree {
    size_t count;
    size_t fanout;
};

/* A fan-out of 0 counts as 1 (a chain); one beyond count as count. */
struct bp_tree bp_tree_make(size_t count, size_t fanout);

/* BP_TREE_NONE for the root. */
size_t bp_tree_parent(const struct bp_tree *tree, size_t position);

/* Children stand side by side: *ret_first and the number of them. */
size_t bp_tree_children(const struct bp_tree *tree, size_t position, size_t *ret_first);

/* weights[p] becomes the sum over the subtree of p. */
void bp_tree_sum(const struct bp_tree *tree, uint32_t *weights);

#endif
