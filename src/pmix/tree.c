/* SPDX-License-Identifier: BSD-3-Clause */
/* tree.c - arithmetic of the tree of shepherds. */
#include "pmix/tree.h"

struct bp_tree bp_tree_make(size_t count, size_t fanout)
{
    if (fanout > count)
        fanout = count;
    if (fanout == 0)
        fanout = 1;
    return (struct bp_tree){.count = count, .fanout = fanout};
}

size_t bp_tree_parent(const struct bp_tree *tree, size_t position)
{
    return position == 0 ? BP_TREE_NONE : (position - 1) / tree->fanout;
}

size_t bp_tree_children(const struct bp_tree *tree, size_t position, size_t *ret_first)
{
    *ret_first = tree->count;
    if (tree->count < 2 || position > (tree->count - 2) / tree->fanout)
        return 0;
    size_t first = position * tree->fanout + 1;
    size_t left = tree->count - first;
    *ret_first = first;
    return left < tree->fanout ? left : tree->fanout;
}

void bp_tree_sum(const struct bp_tree *tree, uint32_t *weights)
{
    for (size_t p = tree->count; p-- > 1;)
        weights[(p - 1) / tree->fanout] += weights[p];
}
