/* SPDX-License-Identifier: BSD-3-Clause */
/* test_cpuset.c - CPU masks are those of the kernel, and lists are read and written. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "common/cpuset.h"
#include "common/mem.h"
#include "tap.h"

static void accept(const char *text, const char *want, size_t want_bytes)
{
    auto_free uint8_t *mask = NULL;
    size_t bytes = 0;
    CU_ASSERT_EQUAL(bp_cpuset_parse(text, &mask, &bytes, NULL), 0);
    CU_ASSERT_EQUAL(bytes, want_bytes);
    auto_free char *got = bp_cpuset_format(mask, bytes);
    CU_ASSERT_STRING_EQUAL(got, want);
}

static void lists(void)
{
    accept("0", "0", 8);
    accept("0-3,8", "0-3,8", 8);
    accept("8,0,2,1", "0-2,8", 8);
    accept("63", "63", 8);
    accept("64", "64", 16);
    accept("3-70,70-72", "3-72", 16);
    accept("8191", "8191", 1024);
    accept("0-8191", "0-8191", 1024);
    auto_free char *empty = bp_cpuset_format(NULL, 0);
    CU_ASSERT_STRING_EQUAL(empty, "");
}

static void bad_lists(void)
{
    static const char *const texts[] = {"",    ",",   "1,",   "1,,2",   "-1",
                                        "1-",  "3-1", "8192", "1-8192", "99999999999999999999",
                                        "0x1", " 1",  "1 ",   "1;2",    "1-2-3"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t *mask = NULL;
        size_t bytes = 3;
        struct bp_error err = {0};
        int r = bp_cpuset_parse(texts[i], &mask, &bytes, &err);
        if (r != -EINVAL)
            printf("# not refused: \"%s\"\n", texts[i]);
        CU_ASSERT_EQUAL(r, -EINVAL);
        CU_ASSERT(mask == NULL && bytes == 3);
    }
    struct bp_error err = {0};
    bp_cpuset_parse("0,x", &(uint8_t *){NULL}, &(size_t){0}, &err);
    CU_ASSERT_STRING_EQUAL(err.text, "not a list of CPUs at character 3: wanted is a list such as "
                                     "0-3,8 with numbers below 8192");
}

static void members(void)
{
    uint8_t mask[8] = {0};
    bp_cpuset_add(mask, sizeof mask, 0);
    bp_cpuset_add(mask, sizeof mask, 13);
    bp_cpuset_add(mask, sizeof mask, 63);
    CU_ASSERT_EQUAL(bp_cpuset_count(mask, sizeof mask), 3);
    CU_ASSERT(bp_cpuset_has(mask, sizeof mask, 13));
    CU_ASSERT(!bp_cpuset_has(mask, sizeof mask, 12));
    CU_ASSERT(!bp_cpuset_has(mask, sizeof mask, 64));
    CU_ASSERT_EQUAL(bp_cpuset_bytes(0), 0);
    CU_ASSERT_EQUAL(bp_cpuset_bytes(1), 8);
    CU_ASSERT_EQUAL(bp_cpuset_bytes(64), 8);
    CU_ASSERT_EQUAL(bp_cpuset_bytes(65), 16);
}

/* The bytes are what the kernel takes and gives. */
static void kernel_agrees(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) < 0) {
        CU_FAIL("sched_getaffinity failed");
        return;
    }
    CU_ASSERT_EQUAL((int)bp_cpuset_count((const uint8_t *)&set, sizeof set), CPU_COUNT(&set));
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (bp_cpuset_has((const uint8_t *)&set, sizeof set, cpu) != (CPU_ISSET(cpu, &set) != 0))
            CU_FAIL("a CPU stands on another bit");
    auto_free char *text = bp_cpuset_format((const uint8_t *)&set, sizeof set);
    auto_free uint8_t *mask = NULL;
    size_t bytes = 0;
    CU_ASSERT_EQUAL(bp_cpuset_parse(text, &mask, &bytes, NULL), 0);
    CU_ASSERT_EQUAL(sched_setaffinity(0, bytes, (const cpu_set_t *)mask), 0);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"lists are read and written", lists},
        {"bad lists are refused", bad_lists},
        {"members and sizes", members},
        {"the kernel agrees", kernel_agrees},
        {NULL, NULL},
    };
    return bp_tap_run("cpuset", tests);
}
