/* SPDX-License-Identifier: BSD-3-Clause */
/* lines.h - a small text file that a user names, line by line, so that errors tell where. */
#ifndef BP_TOOLS_LINES_H
#define BP_TOOLS_LINES_H

#include <stddef.h>

#include "common/error.h"

#define LINES_BYTES_MAX (4u << 20) /* of a file */

struct lines { /* of text that lasts as long; zeroed but for the first three */
    const char *name; /* of the file, for messages */
    const char *next, *end;
    unsigned number; /* of the line at hand, from 1; 0 = the whole file */
    char *line;      /* that line, its end cut off: for the reader to change */
};

/* Read a whole file; one NUL stands behind its *ret_length bytes. The caller frees it. 0 or a
 * sentence with the file's name. */
int lines_load(const char *path, char **ret_text, size_t *ret_length, struct bp_error *err);

/* Go on to the next line. 1, 0 at the end, or -EINVAL: it has a NUL in it. */
int lines_next(struct lines *lines, struct bp_error *err);
/* The next line belongs to this one, which ends in a backslash. */
int lines_join(struct lines *lines, struct bp_error *err);
void lines_done(struct lines *lines);

/* -EINVAL with "FILE:LINE: ", or "FILE: ", and the sentence. */
int lines_refuse(const struct lines *lines, struct bp_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Cut the next word off at blanks: *text goes on behind it. NULL when there is none. */
char *lines_word(char **text);

#endif
