/* SPDX-License-Identifier: BSD-3-Clause */
/* test_nodeset.c - node specifications: the whole grammar, the way back, and hostile text. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/nodeset.h"
#include "tap.h"

static const struct bp_nodeset_node table[] = {
    {-1, "up", "alligator"}, {0, "up", "n7.example.org"}, {1, "down", "twin"},
    {2, "up", "n5-rack.x"},  {5, "boot", "3com-n5"},      {9, "up", "twin"},
};

static int parse(const char *text, struct bp_nodeset *set, struct bp_error *err)
{
    return bp_nodeset_parse(text, table, sizeof table / sizeof table[0], set, err);
}

/* text names the nodes of `want`, as bp_nodeset_format writes them. */
static void accept(const char *text, const char *want)
{
    struct bp_nodeset set = {0};
    struct bp_error err = {0};
    if (parse(text, &set, &err) < 0)
        printf("# %s: %s\n", text, err.text);
    CU_ASSERT_EQUAL(err.code, 0);
    auto_free char *got = bp_nodeset_format(set.numbers, set.count, "");
    if (strcmp(got, want) != 0)
        printf("# %s is %s, not %s\n", text, got, want);
    CU_ASSERT_STRING_EQUAL(got, want);
    bp_nodeset_done(&set);
}

static void refuse(const char *text, int code, const char *sentence)
{
    struct bp_nodeset set = {.count = 7};
    struct bp_error err = {0};
    CU_ASSERT_EQUAL(parse(text, &set, &err), code);
    if (strcmp(err.text, sentence) != 0)
        printf("# %.60s: %s\n", text, err.text);
    CU_ASSERT_STRING_EQUAL(err.text, sentence);
    CU_ASSERT(set.numbers == NULL && set.count == 7);
}

static void numbers(void)
{
    accept("5", "5");
    accept("5-10", "5-10");
    accept("7-7", "7");
    accept("1,3,2", "1,3,2");
    accept("3,3", "3,3");
    accept("0-3,7", "0-3,7");
    accept("n5", "5");
    accept(".5", "5");
    accept("n5-n7,n5-7,.1-.2", "5-7,5-7,1-2");
    accept("n[0-3,7]", "0-3,7");
    accept("n[4],5", "4-5");
    accept("[1-2],n[8,7]", "1-2,8,7");
    accept("-1", "-1");
    accept("master", "-1");
    accept("-1,0,1", "-1,0-1");
    accept("master,n0", "-1,0");
    accept("0007", "7");
    accept("65535", "65535");
}

static void words(void)
{
    accept("all", "0-2,5,9");
    accept("allup", "0,2,9");
    accept("alldown", "1");
    accept("allnotup", "1,5");
    accept("allnotdown", "0,2,5,9");
    accept("allboot", "5");
    accept("allhalted", "");
    accept("allnothalted", "0-2,5,9");
    accept("allup,1,-1", "0,2,9,1,-1");
}

static void hosts(void)
{
    accept("n7.example.org,n7", "0,7");
    accept("twin", "1,9");
    accept("alligator,allup", "-1,0,2,9");
    accept("n5-rack,n5-rack.x,n5", "2,2,5");
    accept("3com-n5,3", "5,3");
    accept("2,twin,n[0-1]", "2,1,9,0-1");
}

static void bad_parts(void)
{
#define NO_NODE "is not a node, a range of nodes or a word such as 'all' or 'allup'"
    refuse("", -EINVAL, "node specification: it is empty");
    refuse("1,x5,2", -EINVAL, "node specification: 'x5' " NO_NODE);
    refuse("1,,2", -EINVAL, "node specification: '' " NO_NODE);
    refuse("1,", -EINVAL, "node specification: '' " NO_NODE);
    refuse(" 1", -EINVAL, "node specification: ' 1' " NO_NODE);
    refuse("1 ,2", -EINVAL, "node specification: '1 ' " NO_NODE);
    refuse("n", -EINVAL, "node specification: 'n' " NO_NODE);
    refuse("nn5", -EINVAL, "node specification: 'nn5' " NO_NODE);
    refuse("5-", -EINVAL, "node specification: '5-' " NO_NODE);
    refuse("-2", -EINVAL, "node specification: '-2' " NO_NODE);
    refuse("-1-5", -EINVAL, "node specification: '-1-5' " NO_NODE);
    refuse("masters", -EINVAL, "node specification: 'masters' " NO_NODE);
    refuse("0x10", -EINVAL, "node specification: '0x10' " NO_NODE);
    refuse("1-2-3", -EINVAL, "node specification: '1-2-3' " NO_NODE);
    refuse("10-5", -EINVAL, "node specification: '10-5' is a range that runs backwards");
    refuse("1,65536", -EINVAL, "node specification: '65536' has a node number above 65535");
    refuse("99999999999999999999", -EINVAL,
           "node specification: '99999999999999999999' has a node number above 65535");
    refuse("n[0-3,7", -EINVAL, "node specification: 'n[0-3,7' lacks its ']'");
    refuse("1,n[0;3],4", -EINVAL, "node specification: 'n[0;3]' lacks its ']'");
    refuse("n[]", -EINVAL, "node specification: 'n[]' " NO_NODE);
    refuse("n[1]2", -EINVAL, "node specification: 'n[1]2' " NO_NODE);
    refuse("n[[1]]", -EINVAL, "node specification: 'n[[1]]' " NO_NODE);
    refuse("twi", -EINVAL, "node specification: 'twi' " NO_NODE);
    refuse("n5-", -EINVAL, "node specification: 'n5-' " NO_NODE);
    refuse("n5-rack.", -EINVAL, "node specification: 'n5-rack.' " NO_NODE);
    refuse("allnot", -EINVAL, "node specification: 'allnot' lacks a state, such as 'up' or 'down'");
    refuse("all5", -EINVAL, "node specification: 'all5' " NO_NODE);
    refuse("allUP", -EINVAL, "node specification: 'allUP' " NO_NODE);
    refuse("\033[2J\n", -EINVAL, "node specification: '?[2J?' " NO_NODE);
}

/* A bound on the nodes, and on what an error shows of a huge part. */
static void huge(void)
{
    accept("0-65535", "0-65535");
    refuse("0-65535,3", -E2BIG, "node specification: more than 65536 nodes are named");
    refuse("n[0-65535,0-65535]", -E2BIG, "node specification: more than 65536 nodes are named");
    auto_free char *text = bp_calloc(1 << 20, 1);
    memset(text, 'y', (1 << 20) - 1);
    refuse(text, -EINVAL,
           "node specification: 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy' " NO_NODE);
    memset(text, '[', (1 << 20) - 1);
    struct bp_nodeset set;
    CU_ASSERT_EQUAL(parse(text, &set, NULL), -EINVAL);
}

static void format(const int *list, size_t count, const char *prefix, const char *want)
{
    auto_free char *text = bp_nodeset_format(list, count, prefix);
    CU_ASSERT_STRING_EQUAL(text, want);
}

static void formats(void)
{
    static const int list[] = {-1, 0, 1, 2, 7, 9, 8, 8, 9};
    format(list, 9, "", "-1,0-2,7,9,8,8-9");
    format(list, 9, "n", "master,n0-n2,n7,n9,n8,n8-n9");
    format(list, 0, "n", "");
    static const int odd[] = {INT_MAX, INT_MIN, INT_MIN};
    format(odd, 3, "", "2147483647,-2147483648,-2147483648");
}

/* What format writes, parse reads: with and without a prefix. */
static void there_and_back(void)
{
    unsigned state = 1;
    for (unsigned round = 0; round < 500; round++) {
        int list[20];
        size_t count = 1 + round % 20;
        for (size_t i = 0; i < count; i++) {
            state = state * 1103515245 + 12345;
            list[i] = (int)(state >> 16) % 6 - 1;
        }
        auto_free char *text = bp_nodeset_format(list, count, round % 2 == 0 ? "n" : "");
        struct bp_nodeset set = {0};
        CU_ASSERT_EQUAL(parse(text, &set, NULL), 0);
        CU_ASSERT_EQUAL(set.count, count);
        CU_ASSERT(set.count == count && memcmp(set.numbers, list, count * sizeof *list) == 0);
        bp_nodeset_done(&set);
    }
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"numbers, ranges and lists", numbers},
        {"words for all nodes in a state", words},
        {"names of hosts", hosts},
        {"the bad part is named", bad_parts},
        {"huge specifications", huge},
        {"formatting", formats},
        {"what is written can be read", there_and_back},
        {NULL, NULL},
    };
    return bp_tap_run("nodeset", tests);
}
