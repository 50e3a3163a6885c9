/* SPDX-License-Identifier: BSD-3-Clause */
/* io_options.c - bprun's options about the ranks' input, output and surroundings. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tools/io_options.h"
#include "tools/words.h"

enum { OPT_STDIN = 256 };

static const struct argp_option rows[] = {
    {"label", 'l', NULL, 0, "Put the rank in front of each line", 0},
    {"stdin", OPT_STDIN, "WHO", 0, "Who reads standard input: all, none or a rank (0)", 0},
    {"chdir", 'D', "DIR", 0, "Working directory of the ranks", 0},
    {0}};

static int parse_stdin(struct argp_state *state, const char *arg)
{
    if (strcmp(arg, "all") == 0)
        return -1;
    if (strcmp(arg, "none") == 0)
        return -2;
    return (int)word_number(state, "--stdin", arg, 0, 1000000);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct io_options *options = state->input;
    switch (key) {
    case 'l':
        options->label = 1;
        return 0;
    case OPT_STDIN:
        options->stdin_rank = parse_stdin(state, arg);
        return 0;
    case 'D':
        options->cwd = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp io_argp = {.options = rows, .parser = parse};

void io_options_apply(const struct io_options *options, Bpmix__JobRequest *request,
                      struct run_policy *policy)
{
    if (options->label)
        policy->style.label = LABEL_RANK;
    request->stdin_rank = policy->stdin_rank = options->stdin_rank;
    if (options->cwd != NULL) {
        char *cwd = options->cwd[0] == '/' ? bp_strdup(options->cwd)
                                           : bp_format("%s/%s", request->cwd, options->cwd);
        free(request->cwd);
        request->cwd = cwd;
    }
}
