/* SPDX-License-Identifier: BSD-3-Clause */
/* std.h - the standard descriptors of a program. */
#ifndef BP_COMMON_STD_H
#define BP_COMMON_STD_H

/* First of all in main(): a standard descriptor that the caller closed becomes /dev/null, for
 * writing only, so that no other file of this program gets its number. 0 or -errno. */
int bp_std_open(void);

#endif
