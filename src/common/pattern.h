/* SPDX-License-Identifier: BSD-3-Clause */
/* pattern.h - names with letters that stand for a rank, a node, a job: "out.%t", "%4t" with zeros
 * in front, "%%" for a %. */
#ifndef BP_COMMON_PATTERN_H
#define BP_COMMON_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define BP_PATTERN_WIDTH_MAX 20

struct bp_pattern_value {
    char letter;
    const char *text; /* NULL: the number */
    uint64_t number;
};

/* 1 = one of the letters stands in the text. */
int bp_pattern_has(const char *text, const char *letters);

/* 0, or -EINVAL with a sentence: a % without one of the letters, or with too great a width. */
int bp_pattern_check(const char *text, const char *letters, struct bp_error *err);

/* The text with values in place of their letters; free() it. Letters without a value stay as they
 * are. Where it is not the last time that values are put in, so does "%%". */
char *bp_pattern_expand(const char *text, const struct bp_pattern_value *values, size_t count,
                        int is_last);

#endif
