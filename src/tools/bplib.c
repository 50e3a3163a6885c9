/* SPDX-License-Identifier: BSD-3-Clause */
/* bplib.c - the list of libraries that every node is said to have. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/std.h"
#include "lib/node.h"

struct options {
    int action; /* the option's letter */
    char **paths;
    size_t count;
};

static const struct argp_option rows[] = {
    {"clear", 'c', NULL, 0, "Empty the list", 0},
    {"add", 'a', NULL, 0, "Add these libraries", 0},
    {"delete", 'd', NULL, 0, "Take these libraries out of it", 0},
    {"list", 'l', NULL, 0, "Print it", 0},
    {NULL, 'h', NULL, 0, "Show this summary and exit", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    (void)arg;
    switch (key) {
    case 'c':
    case 'a':
    case 'd':
    case 'l':
        if (options->action != 0)
            argp_error(state, "one of -c, -a, -d and -l");
        options->action = key;
        return 0;
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    case ARGP_KEY_ARGS:
        options->paths = state->argv + state->next;
        options->count = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_END:
        if (options->action == 0)
            argp_error(state, "one of -c, -a, -d and -l is needed");
        if (options->count > 0 && (options->action == 'c' || options->action == 'l'))
            argp_error(state, "-%c takes no libraries", options->action);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int list(struct bp_error *err)
{
    auto_unpack Bpmix__LibraryList *found = bp_library_list(err);
    if (found == NULL)
        return err->code;
    for (size_t i = 0; i < found->n_paths; i++)
        puts(found->paths[i]);
    return 0;
}

static int change(const struct options *options, const char *path, struct bp_error *err)
{
    Bpmix__LibraryChange__Kind kind = options->action == 'a' ? BPMIX__LIBRARY_CHANGE__KIND__ADD
                                                             : BPMIX__LIBRARY_CHANGE__KIND__DELETE;
    return bp_library_change(kind, path, err);
}

/* One a line. */
static int change_from(FILE *from, const struct options *options, struct bp_error *err)
{
    auto_free char *line = NULL;
    size_t size = 0;
    int r = 0;
    while (r == 0 && getline(&line, &size, from) > 0) {
        line[strcspn(line, "\n")] = '\0';
        r = line[0] != '\0' ? change(options, line, err) : 0;
    }
    return r;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        rows, parse, "-c\n-l\n-a [LIBRARY...]\n-d [LIBRARY...]",
        "bplib - the list of libraries that every node is said to have. Without LIBRARY, or where "
        "it is -, they are read from standard input, one a line.", NULL, NULL, NULL};
    argp_program_version = "bplib (bpmix) " BP_VERSION;
    struct options options = {0};
    struct bp_error err = {0};
    int r = 0;
    bp_std_open();
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (options.action == 'l')
        r = list(&err);
    else if (options.action == 'c')
        r = bp_library_change(BPMIX__LIBRARY_CHANGE__KIND__CLEAR, "", &err);
    else if (options.count == 0)
        r = change_from(stdin, &options, &err);
    for (size_t i = 0; r == 0 && i < options.count; i++)
        r = strcmp(options.paths[i], "-") == 0 ? change_from(stdin, &options, &err)
                                               : change(&options, options.paths[i], &err);
    if (r < 0)
        fprintf(stderr, "bplib: %s\n", err.text);
    return r < 0 ? 1 : 0;
}
