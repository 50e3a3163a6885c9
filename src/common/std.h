/* SPDX-License-Identifier: BSD-3-Clause */
/* std.h - the standard descriptors of a program. */
#ifndef BP_COMMON_STD_H
#define BP_COMMON_STD_H

/* First of all in main(): a standard descriptor that the caller closed becomes /dev/null, so that
 * no other file of this program gets its number. Standard input cannot be read and standard output
 * not be written then; what goes to standard error is lost. What cannot be written to standard
 * output by the end is one line, and exit status 1. 0 or -errno. */
int bp_std_open(void);

/* Text to standard output, now, with all that was printed before. 0 or -errno, which the end of the
 * program tells. */
int bp_std_put(const char *text);

#endif
