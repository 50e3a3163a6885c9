/* SPDX-License-Identifier: BSD-3-Clause */
/* letters.h - a parser's options without their letters, where those mean other things. */
#ifndef BP_TOOLS_LETTERS_H
#define BP_TOOLS_LETTERS_H

#include <argp.h>

struct letterless {
    struct argp argp; /* the child to use; its input is this struct */
    const struct argp *from;
    void *input; /* of `from` */
};

/* The options of `from` that have a name, but for the one of this name, under their names alone. */
void letterless_init(struct letterless *letterless, const struct argp *from, void *input,
                     const char *without);
void letterless_done(struct letterless *letterless);

#endif
