/* SPDX-License-Identifier: BSD-3-Clause */
/* text.h - text that others chose (users, ranks, nodes), made fit for a terminal and for JSON. */
#ifndef BP_TOOLS_TEXT_H
#define BP_TOOLS_TEXT_H

/* A copy in which control characters, and all that is not ASCII where the whole is no UTF-8 (or a
 * part was cut off), are question marks; free() it. */
char *text_plain(const char *text);

#endif
