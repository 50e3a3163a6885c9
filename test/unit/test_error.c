/* SPDX-License-Identifier: BSD-3-Clause */
/* test_error.c - the error object keeps its code and its sentence. */
#include <errno.h>
#include <string.h>

#include "common/error.h"
#include "tap.h"

static void set_and_prefix(void)
{
    struct bp_error err;
    CU_ASSERT_EQUAL(bp_error_set(&err, -ENOENT, "%s is missing", "a"), -ENOENT);
    CU_ASSERT_EQUAL(bp_error_prefix(&err, "node %d", 3), -ENOENT);
    CU_ASSERT_STRING_EQUAL(err.text, "node 3: a is missing");
    CU_ASSERT_EQUAL(bp_error_set(NULL, -EIO, "nobody reads this"), -EIO);
    CU_ASSERT_EQUAL(bp_error_set(&err, 0, "zero is no error code"), -EINVAL);
}

static void too_long(void)
{
    struct bp_error err;
    char name[1024];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    bp_error_set(&err, -EIO, "%s", name);
    bp_error_prefix(&err, "%s", name);
    CU_ASSERT(strlen(err.text) < sizeof err.text);
    CU_ASSERT_EQUAL(err.code, -EIO);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"set and prefix", set_and_prefix},
        {"too long sentences are cut", too_long},
        {NULL, NULL},
    };
    return bp_tap_run("error", tests);
}
