/* SPDX-License-Identifier: BSD-3-Clause */
/* letters.c - a parser's options without their letters, where those mean other things. */
#include <string.h>

#include "common/mem.h"
#include "tools/letters.h"

#define HIDDEN 0x8000 /* added to a letter, as the key of its option */

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct letterless *letterless = state->input;
    int hidden = key >= HIDDEN && key < HIDDEN + 128;
    state->input = letterless->input;
    error_t r = letterless->from->parser(hidden ? key - HIDDEN : key, arg, state);
    state->input = letterless;
    return r;
}

void letterless_init(struct letterless *letterless, const struct argp *from, void *input,
                     const char *without)
{
    size_t count = 0, kept = 0;
    while (from->options[count].name != NULL || from->options[count].key != 0)
        count++;
    struct argp_option *rows = bp_calloc(count + 1, sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        if (from->options[i].name == NULL || strcmp(from->options[i].name, without) == 0)
            continue;
        rows[kept] = from->options[i];
        if (rows[kept].key > 0 && rows[kept].key < 128)
            rows[kept].key += HIDDEN;
        kept++;
    }
    *letterless = (struct letterless){.argp = {.options = rows, .parser = parse}, .from = from,
                                      .input = input};
}

void letterless_done(struct letterless *letterless)
{
    free((void *)letterless->argp.options);
}
