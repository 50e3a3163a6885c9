/* SPDX-License-Identifier: BSD-3-Clause */
/* dial.h - a connection in place of a file, as a process of libbproc's asks for. */
#ifndef BP_COMMON_DIAL_H
#define BP_COMMON_DIAL_H

#include <stdint.h>

/* Connect to "ADDRESS:PORT" (IPv4); info: two numbers to say first, or NULL. The descriptor, closed
 * on exec, or -errno. */
int bp_dial(const char *where, const int32_t info[2]);

#endif
