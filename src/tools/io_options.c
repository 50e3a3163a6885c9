/* SPDX-License-Identifier: BSD-3-Clause */
/* io_options.c - bprun's options about the ranks' input, output and surroundings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tools/io_options.h"
#include "tools/propagate.h"
#include "tools/words.h"

enum { OPT_STDIN = 256, OPT_OPEN_MODE, OPT_EXPORT, OPT_ENV, OPT_PROPAGATE, OPT_UMASK,
       OPT_PTY };

static const struct argp_option rows[] = {
    {"label", 'l', NULL, 0, "Put the rank in front of each line", 0},
    {"output", 'o', "WHERE", 0,
     "Standard output (and error) of all, none, one rank, or to a FILE (out.%t: one for each rank)",
     0},
    {"error", 'e', "WHERE", 0, "Standard error, likewise", 0},
    {"input", 'i', "WHERE", 0, "Standard input of all, none, one rank (0), or from a FILE", 0},
    {"open-mode", OPT_OPEN_MODE, "HOW", 0, "Such files: truncate or append (truncate)", 0},
    {"stdin", OPT_STDIN, "WHO", 0, "Who reads standard input: all, none or a rank (0)", 0},
    {"pty", OPT_PTY, NULL, 0, "A terminal for rank 0 on its node, connected to this one", 0},
    {"chdir", 'D', "DIR", 0, "Working directory of the ranks", 0},
    {"export", OPT_EXPORT, "LIST", 0,
     "Variables of the ranks: ALL, NONE, NAME, NAME=VALUE, joined by commas (ALL)", 0},
    {"env", OPT_ENV, "NAME[=VALUE]", 0, "One variable more", 0},
    {"propagate", OPT_PROPAGATE, "LIMITS", OPTION_ARG_OPTIONAL,
     "Limits that go along: ALL, NONE, or names as NOFILE,CORE (ALL)", 0},
    {"umask", OPT_UMASK, "MASK", 0, "File mode mask of the ranks, octal", 0},
    {0}};

static int parse_reader(struct argp_state *state, const char *arg)
{
    if (strcmp(arg, "all") == 0)
        return -1;
    if (strcmp(arg, "none") == 0)
        return -2;
    return (int)word_number(state, "--stdin", arg, 0, 1000000);
}

static int parse_open_mode(struct argp_state *state, const char *arg)
{
    int append = strcmp(arg, "append") == 0 || strcmp(arg, "a") == 0;
    if (!append && strcmp(arg, "truncate") != 0 && strcmp(arg, "t") != 0)
        argp_error(state, "--open-mode takes truncate or append, not \"%s\"", arg);
    return append;
}

static unsigned parse_umask(struct argp_state *state, const char *arg)
{
    char *end;
    unsigned long mask = strtoul(arg, &end, 8);
    if (arg[0] < '0' || arg[0] > '7' || *end != '\0' || mask > 0777)
        argp_error(state, "--umask takes an octal number up to 777, not \"%s\"", arg);
    return (unsigned)mask;
}

/* -i that is no file says what --stdin can say, too. */
static void claim_reader(const struct io_options *options, const struct said *said)
{
    const struct redirect_end *end = &options->redirect.ends[0];
    if (end->kind == REDIRECT_RANK)
        claims_add_number(options->claims, FACT_READER, said, end->rank);
    else if (end->name == NULL)
        claims_add(options->claims, FACT_READER, said, said->arg);
}

/* Of words that may be wrong. 0, ARGP_ERR_UNKNOWN, or -errno. */
static int parse_words(struct io_options *options, const struct said *said, struct bp_error *err)
{
    uint32_t mask = PROPAGATE_ALL;
    int r = 0;
    switch (said->key) {
    case 'i':
        r = redirect_set(&options->redirect, 0, said->arg, err);
        if (r == 0)
            claim_reader(options, said);
        break;
    case 'o':
        r = redirect_set(&options->redirect, 1, said->arg, err);
        break;
    case 'e':
        r = redirect_set(&options->redirect, 2, said->arg, err);
        break;
    case OPT_EXPORT:
        r = environment_export(&options->environment, said->arg, err);
        if (r < 0)
            bp_error_prefix(err, "--export");
        break;
    case OPT_PROPAGATE:
        r = said->arg != NULL ? propagate_read(said->arg, &mask, err) : 0;
        options->limits_left = ~mask;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    if (r == 0)
        claims_add(options->claims, FACT_SELF, said, said->arg != NULL ? said->arg : "ALL");
    return r;
}

/* What each program may have for itself. 0, ARGP_ERR_UNKNOWN, or -errno. */
static int parse_own(struct io_options *options, const struct said *said, struct bp_error *err)
{
    switch (said->key) {
    case 'D':
        claims_own(options->claims, FACT_DIRECTORY, said, said->arg);
        options->cwd = said->arg;
        return 0;
    case OPT_ENV:
        return environment_add(&options->own, said->arg, err) < 0 ? bp_error_prefix(err, "--env")
                                                                  : 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int redirects(const struct io_options *options)
{
    const struct redirect_end *ends = options->redirect.ends;
    return ends[0].said || ends[1].said || ends[2].said || options->has_reader;
}

static int parse_rest(struct io_options *options, const struct said *said)
{
    struct claims *claims = options->claims;
    switch (said->key) {
    case 'l':
        options->label = 1;
        return 0;
    case OPT_STDIN:
        options->has_reader = 1;
        options->reader = parse_reader(said->state, said->arg);
        if (options->reader >= 0)
            claims_add_number(claims, FACT_READER, said, (unsigned)options->reader);
        else
            claims_add(claims, FACT_READER, said, said->arg);
        return 0;
    case OPT_OPEN_MODE:
        options->redirect.append = parse_open_mode(said->state, said->arg);
        claims_add_number(claims, FACT_SELF, said, (unsigned)options->redirect.append);
        return 0;
    case OPT_PTY:
        options->has_pty = 1;
        return 0;
    case OPT_UMASK:
        options->has_umask = 1;
        options->umask = parse_umask(said->state, said->arg);
        claims_add_number(claims, FACT_SELF, said, options->umask);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct io_options *options = state->input;
    struct bp_error err = {0};
    struct said said;
    if (key == ARGP_KEY_SUCCESS && options->has_pty && redirects(options))
        argp_error(state, "--pty and --input, --output, --error, --stdin exclude each other");
    if (key == ARGP_KEY_SUCCESS && options->redirect.merge && options->redirect.ends[2].said)
        argp_error(state, "--merge-stderr-to-stdout and --error exclude each other");
    if (!said_is_option(key))
        return ARGP_ERR_UNKNOWN;
    said_init(&said, state, rows, key, arg);
    int r = parse_own(options, &said, &err);
    if (r == ARGP_ERR_UNKNOWN) {
        claims_job(options->claims, &said);
        r = parse_words(options, &said, &err);
    }
    if (r < 0)
        argp_error(state, "%s", err.text);
    return r == ARGP_ERR_UNKNOWN ? parse_rest(options, &said) : 0;
}

const struct argp io_argp = {.options = rows, .parser = parse};

/* Who reads the launcher's standard input, or the file in its place. */
static int reader(const struct io_options *options)
{
    const struct redirect_end *end = &options->redirect.ends[0];
    switch (end->kind) {
    case REDIRECT_RANK:
        return (int)end->rank;
    case REDIRECT_NONE:
    case REDIRECT_NODE:
        return -2;
    case REDIRECT_HERE:
        return options->has_reader ? options->reader : -1;
    default:
        return end->said ? -1 : options->reader;
    }
}

static void apply_environment(struct io_options *options, Bpmix__JobRequest *request,
                              const struct run_policy *policy)
{
    const char *missing = environment_missing(&options->environment, request->env);
    if (missing != NULL && !policy->quiet)
        fprintf(stderr, "%s: the environment has no %s to give to the ranks\n", policy->tool,
                missing);
    options->variables = environment_make(&options->environment, request->env, &request->n_env);
    request->env = options->variables;
}

void io_options_apply(struct io_options *options, Bpmix__JobRequest *request,
                      struct run_policy *policy)
{
    if (options->label)
        policy->style.label = LABEL_RANK;
    policy->style.stamp = options->stamp;
    request->stdin_rank = policy->stdin_rank = reader(options);
    redirect_settle(&options->redirect, request);
    policy->redirect = &options->redirect;
    apply_environment(options, request, policy);
    propagate_apply(~options->limits_left, request);
    if (options->has_pty) {
        terminal_init(&options->terminal, &options->pty, request);
        policy->terminal = &options->terminal;
    }
    if (options->has_umask)
        request->umask = options->umask;
    if (options->cwd != NULL) {
        char *cwd = options->cwd[0] == '/' ? bp_strdup(options->cwd)
                                           : bp_format("%s/%s", request->cwd, options->cwd);
        free(request->cwd);
        request->cwd = cwd;
    }
}

void io_options_done(struct io_options *options)
{
    redirect_done(&options->redirect);
    environment_done(&options->environment);
    environment_done(&options->own);
    free(options->variables);
}
