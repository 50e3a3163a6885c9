/* SPDX-License-Identifier: BSD-3-Clause */
/* test_tree.c - tree arithmetic: parents and children agree for all sizes and fan-outs. */
#include <stdbool.h>

#include "common/mem.h"
#include "pmix/tree.h"
#include "tap.h"

static void test_agree(void)
{
    bool agree = true;
    for (size_t count = 1; count < 70; count++) {
        for (size_t fanout = 0; fanout < 75; fanout++) {
            struct bp_tree tree = bp_tree_make(count, fanout);
            size_t reached = 1; /* the root */
            for (size_t p = 0; p < count; p++) {
                size_t first, n = bp_tree_children(&tree, p, &first);
                for (size_t i = 0; i < n; i++)
                    agree &= first + i < count && bp_tree_parent(&tree, first + i) == p;
                reached += n;
            }
            agree &= reached == count && bp_tree_parent(&tree, 0) == BP_TREE_NONE;
        }
    }
    CU_ASSERT(agree);
}

static void test_sum(void)
{
    struct bp_tree tree = bp_tree_make(7, 2);
    uint32_t weights[7] = {1, 2, 3, 4, 5, 6, 7};
    bp_tree_sum(&tree, weights);
    CU_ASSERT_EQUAL(weights[0], 28);
    CU_ASSERT_EQUAL(weights[1], 11);
    CU_ASSERT_EQUAL(weights[2], 16);
    CU_ASSERT_EQUAL(weights[6], 7);
}

static void test_huge_fanout(void)
{
    struct bp_tree tree = bp_tree_make(3, SIZE_MAX);
    size_t first;
    CU_ASSERT_EQUAL(bp_tree_children(&tree, 0, &first), 2);
    CU_ASSERT_EQUAL(bp_tree_children(&tree, 2, &first), 0);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"parents and children agree", test_agree},
        {"sums over subtrees", test_sum},
        {"a fan-out beyond the count", test_huge_fanout},
        {NULL, NULL},
    };
    return bp_tap_run("tree", tests);
}
