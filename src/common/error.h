/* SPDX-License-Identifier: BSD-3-Clause */
/* error.h - the one error shape: a negative errno, and a sentence where a person will read it. */
#ifndef BP_COMMON_ERROR_H
#define BP_COMMON_ERROR_H

struct bp_error {
    int code;       /* negative errno; 0 = no error */
    char text[384]; /* one line, no newline; says what failed and what to do */
};

/* Fill *err (which may be NULL) with code and the formatted sentence; returns code.
 * code is a negative errno; 0 is turned into -EINVAL. */
int bp_error_set(struct bp_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "format: " in front of the sentence already there; returns err's code. */
int bp_error_prefix(struct bp_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
