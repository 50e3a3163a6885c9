/* SPDX-License-Identifier: BSD-3-Clause */
/* tap.h - a CUnit run that prints the Test Anything Protocol, plan first. */
#ifndef BP_TEST_TAP_H
#define BP_TEST_TAP_H

#include <CUnit/CUnit.h>

struct bp_test {
    const char *name;
    void (*run)(void);
};

/* Run tests (up to the first with a NULL name) as one suite; returns main's exit status. */
int bp_tap_run(const char *suite, const struct bp_test *tests);

#endif
