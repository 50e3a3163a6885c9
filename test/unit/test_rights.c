/* SPDX-License-Identifier: BSD-3-Clause */
/* test_rights.c - who may place processes on a node, and who may change that. */
#include <errno.h>

#include "master/rights.h"
#include "tap.h"

static const gid_t groups[] = {50, 60};

static struct bp_person person(uid_t uid, gid_t gid)
{
    return (struct bp_person){.uid = uid, .gid = gid, .groups = groups, .group_count = 2};
}

static void the_most_fitting_bit_decides(void)
{
    static const struct {
        uid_t uid;
        gid_t gid;
        unsigned mode;
        int allowed;
    } rows[] = {
        {7, 7, 0100, 1}, {7, 50, 0011, 0}, /* the owner: his bit alone */
        {8, 40, 0010, 1}, {8, 40, 0101, 0}, /* a member */
        {8, 9, 0010, 0}, {8, 9, 0001, 1}, {8, 9, 0110, 0},
        {0, 0, 0000, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bp_rights rights = {.user = 7, .group = 40, .mode = rows[i].mode};
        struct bp_person who = person(rows[i].uid, rows[i].gid);
        CU_ASSERT_EQUAL(bp_rights_allow(&rights, &who), rows[i].allowed);
    }
    struct bp_rights rights = {.user = 7, .group = 60, .mode = 0010};
    struct bp_person who = person(8, 9); /* by a supplementary group */
    CU_ASSERT(bp_rights_allow(&rights, &who));
}

static void who_may_change(void)
{
    struct bp_rights now = {.user = 7, .group = 40, .mode = 0111}, wanted = now;
    struct bp_person root = person(0, 0), owner = person(7, 7), other = person(8, 8);
    wanted.mode = 0;
    CU_ASSERT_EQUAL(bp_rights_check_change(&now, &wanted, &owner), 0);
    CU_ASSERT_EQUAL(bp_rights_check_change(&now, &wanted, &root), 0);
    CU_ASSERT_EQUAL(bp_rights_check_change(&now, &wanted, &other), -EPERM);
    wanted.group = 50;
    CU_ASSERT_EQUAL(bp_rights_check_change(&now, &wanted, &owner), 0);
    wanted.group = 51;
    CU_ASSERT_EQUAL(bp_rights_check_change(&now, &wanted, &owner), -EPERM);
    wanted = now;
    wanted.user = 8;
    CU_ASSERT_EQUAL(bp_rights_check_change(&now, &wanted, &owner), -EPERM);
    CU_ASSERT_EQUAL(bp_rights_check_change(&now, &wanted, &other), -EPERM);
    CU_ASSERT_EQUAL(bp_rights_check_change(&now, &wanted, &root), 0);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"the most fitting x bit decides", the_most_fitting_bit_decides},
        {"root changes all, the owner mode and group", who_may_change},
        {NULL, NULL},
    };
    return bp_tap_run("rights", tests);
}
