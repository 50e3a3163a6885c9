/* SPDX-License-Identifier: BSD-3-Clause */
/* space_rank.h - what space_driver does when a space runs it as a rank. */
#ifndef BP_TEST_SPACE_RANK_H
#define BP_TEST_SPACE_RANK_H

/* Be the rank called mode; returns its exit status. */
int space_rank(const char *mode);

#endif
