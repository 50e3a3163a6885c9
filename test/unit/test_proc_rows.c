/* SPDX-License-Identifier: BSD-3-Clause */
/* test_proc_rows.c - where the PID stands in lines of ps. */
#include "tap.h"
#include "tools/proc_rows.h"

static int in_table(const char *head, const char *line)
{
    int column = 0, field = 0;
    CU_ASSERT_EQUAL(head != NULL ? proc_rows_find(head, &column, &field) : 0, 0);
    return proc_rows_find(line, &column, &field);
}

static void columns(void)
{
    CU_ASSERT_EQUAL(in_table("    PID TTY          TIME CMD", "   1234 pts/0    00:00:00 bash"), 1234);
    CU_ASSERT_EQUAL(in_table("    PID TTY          TIME CMD", "1234567 pts/0    00:00:00 bash"),
                    1234567);
    CU_ASSERT_EQUAL(in_table("USER         PID %CPU CMD", "root          12  0.0 9 8 7"), 12);
    CU_ASSERT_EQUAL(in_table("UID          PID    PPID  C CMD", "root           1       0  0 init"),
                    1);
}

static void words_where_columns_do_not_fit(void)
{
    CU_ASSERT_EQUAL(in_table("USER         PID %CPU CMD", "averylongname+  4194304  0.0 x"), 4194304);
    CU_ASSERT_EQUAL(in_table("S USER PID CMD", "S a 77 x"), 77);
}

static void without_a_head_they_come_first(void)
{
    CU_ASSERT_EQUAL(in_table(NULL, "  77 sleep"), 77);
    CU_ASSERT_EQUAL(in_table(NULL, "77"), 77);
    CU_ASSERT_EQUAL(in_table(NULL, "sleep 77"), 0);
}

static void what_is_no_line_of_ps(void)
{
    static const char *const lines[] = {"", " ", "x", "PI D", "77x", "    99999999999999999999 x"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        in_table("    PID TTY", lines[i]);
    CU_ASSERT_EQUAL(in_table("    PID TTY", ""), 0);
    CU_ASSERT_EQUAL(in_table("    PID TTY", "77x"), 0);
    CU_ASSERT_EQUAL(in_table("   PPID TTY", "      7 x"), 7); /* PPID is not PID: no head line */
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"below the word PID", columns},
        {"by words where columns do not fit", words_where_columns_do_not_fit},
        {"first, without a head line", without_a_head_they_come_first},
        {"other text has none", what_is_no_line_of_ps},
        {NULL, NULL},
    };
    return bp_tap_run("proc_rows", tests);
}
