/* SPDX-License-Identifier: BSD-3-Clause */
/* said.h - an option as the user typed it, so that errors can name it with those words. */
#ifndef BP_TOOLS_SAID_H
#define BP_TOOLS_SAID_H

#include <argp.h>

#include "common/error.h"

struct said {
    struct argp_state *state;
    const struct argp_option *rows; /* the table that it stands in */
    int key;
    char *arg;     /* NULL = it has none */
    const char *typed; /* what was typed in its place, where another word stands for the option */
    char name[64]; /* "-c", "--cpus-per-task" */
    char joint;    /* between the two: ' ', '=', or nothing */
};

/* Is a parser called for an option, and not for an argument or one of argp's own reasons? */
int said_is_option(int key);
/* The option that an argp parser is called for; key and arg as the parser gets them. Where another
 * word was typed for it, state->hook is the address of the value that was typed. */
void said_init(struct said *said, struct argp_state *state, const struct argp_option *rows, int key,
               char *arg);
/* With its value: "-c 8", "--map-by=core"; the caller frees it. */
char *said_words(const struct said *said);
/* argp's error, with the option's name in front. */
void said_wrong(const struct said *said, const struct bp_error *err);

#endif
