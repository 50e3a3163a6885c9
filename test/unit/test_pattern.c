/* SPDX-License-Identifier: BSD-3-Clause */
/* test_pattern.c - names with letters for rank, node and job. */
#include <string.h>

#include "common/mem.h"
#include "common/pattern.h"
#include "tap.h"

static int is(const char *pattern, int is_last, const char *wanted)
{
    static const struct bp_pattern_value values[] = {
        {.letter = 't', .number = 7}, {.letter = 'j', .number = UINT64_MAX},
        {.letter = 'N', .text = "n1"}, {.letter = 'x', .text = "a%t%"}, {.letter = 'e', .text = ""}};
    auto_free char *made =
        bp_pattern_expand(pattern, values, sizeof values / sizeof *values, is_last);
    return strcmp(made, wanted) == 0;
}

static void letters(void)
{
    CU_ASSERT(is("", 1, ""));
    CU_ASSERT(is("out", 1, "out"));
    CU_ASSERT(is("out.%t", 1, "out.7"));
    CU_ASSERT(is("%t%t/%N.%4t", 1, "77/n1.0007"));
    CU_ASSERT(is("%20t", 1, "00000000000000000007"));
    CU_ASSERT(is("%2j", 1, "18446744073709551615"));
    CU_ASSERT(is("%9N", 1, "n1"));
    CU_ASSERT(is("a%e%", 1, "a%"));
    CU_ASSERT(is("100%%", 1, "100%"));
    CU_ASSERT(is("%%t", 1, "%t"));
    CU_ASSERT(is("%q %21t %1234567890t %", 1, "%q %21t %1234567890t %"));
}

static void twice(void)
{
    CU_ASSERT(is("%%t-%q-%t", 0, "%%t-%q-7"));
    CU_ASSERT(is("%x", 1, "a%t%"));
    CU_ASSERT(is("%x", 0, "a%%t%%"));
    static const struct bp_pattern_value rank = {.letter = 't', .number = 3};
    static const struct bp_pattern_value node = {.letter = 'N', .text = "%t"};
    auto_free char *half = bp_pattern_expand("%N.%3t.%%", &node, 1, 0);
    auto_free char *whole = bp_pattern_expand(half, &rank, 1, 1);
    CU_ASSERT_STRING_EQUAL(whole, "%t.003.%");
}

static void has(void)
{
    CU_ASSERT_EQUAL(bp_pattern_has("a.%t", "tn"), 1);
    CU_ASSERT_EQUAL(bp_pattern_has("a.%07n", "tn"), 1);
    CU_ASSERT_EQUAL(bp_pattern_has("%%t", "tn"), 0);
    CU_ASSERT_EQUAL(bp_pattern_has("%%%t", "tn"), 1);
    CU_ASSERT_EQUAL(bp_pattern_has("%j", "tn"), 0);
    CU_ASSERT_EQUAL(bp_pattern_has("t", "tn"), 0);
    CU_ASSERT_EQUAL(bp_pattern_has("%", "tn"), 0);
}

static void check(void)
{
    struct bp_error err = {0};
    CU_ASSERT_EQUAL(bp_pattern_check("a.%t.%3N.%%", "tN", &err), 0);
    CU_ASSERT_EQUAL(bp_pattern_check("%20t", "tN", &err), 0);
    static const char *const wrong[] = {"%", "a%", "%j", "%21t", "%3%", "%3", "%-3t", "%t%q"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        err = (struct bp_error){0};
        CU_ASSERT(bp_pattern_check(wrong[i], "tN", &err) < 0);
        CU_ASSERT(strstr(err.text, wrong[i]) != NULL);
    }
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"letters, widths, and what is none", letters},
        {"values put in one after the other", twice},
        {"which letters a name has", has},
        {"a wrong name is named", check},
        {NULL, NULL},
    };
    return bp_tap_run("pattern", tests);
}
