/* SPDX-License-Identifier: BSD-3-Clause */
/* tap.c - a CUnit run that prints the Test Anything Protocol, plan first. */
#include <stdio.h>

#include <CUnit/TestRun.h>

#include "tap.h"

static unsigned test_number;
static unsigned tests_failed;

static void test_complete(const CU_pTest test, const CU_pSuite suite,
                          const CU_pFailureRecord failure)
{
    (void)suite;
    test_number++;
    printf("%s %u - %s\n", failure == NULL ? "ok" : "not ok", test_number, test->pName);
    if (failure != NULL)
        tests_failed++;
    for (CU_pFailureRecord f = failure; f != NULL; f = f->pNext)
        printf("# %s:%u: %s\n", f->strFileName, f->uiLineNumber, f->strCondition);
    fflush(stdout);
}

int bp_tap_run(const char *suite_name, const struct bp_test *tests)
{
    unsigned planned = 0;
    while (tests[planned].name != NULL)
        planned++;
    printf("1..%u\n", planned);
    fflush(stdout);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 99;
    CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);
    for (unsigned i = 0; i < planned; i++)
        if (suite == NULL || CU_add_test(suite, tests[i].name, tests[i].run) == NULL)
            return 99;
    CU_set_test_complete_handler(test_complete);
    CU_run_all_tests();
    CU_cleanup_registry();
    return tests_failed == 0 && test_number == planned ? 0 : 1;
}
