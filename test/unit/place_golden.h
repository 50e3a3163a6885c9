/* SPDX-License-Identifier: BSD-3-Clause */
/* place_golden.h - maps written down in text files: what is asked, on what, and what comes out. */
#ifndef BP_TEST_PLACE_GOLDEN_H
#define BP_TEST_PLACE_GOLDEN_H

/* Compute each map of golden/NAME (its own head says how it is written) and compare; computers of
 * XML files are in `folder`. How many are not as written; each is printed as it should be. -1: the file
 * cannot be read. */
int place_golden_check(const char *name, const char *folder);

#endif
