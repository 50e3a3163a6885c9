/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c - the command line of bprun and of bpmpirun. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "tools/app_hosts.h"
#include "tools/letters.h"
#include "tools/lines.h"
#include "tools/mpirun_options.h"
#include "tools/options.h"
#include "tools/other_words.h"
#include "tools/start.h"

enum { OPT_MPI = 256, OPT_START, OPT_WARM };
enum { PARSERS = 6 };

#define OTHERS   "\vMore words of srun and of mpirun are understood, see OTHER WORDS in bprun(1)."
#define THREADS  "OMP_NUM_THREADS"
#define PROGRAMS "PROGRAM [ARGUMENT...]\nPROGRAM [ARGUMENT...] : --np=N PROGRAM..."

static const struct argp_option rows[] = {
    {NULL, 0, NULL, 0, "How:", 6},
    {"mpi", OPT_MPI, "KIND", 0, "pmix, or none for programs without MPI (pmix)", 6},
    {"start", OPT_START, "WAY", 0,
     "exec: the node executes the program; ld, entry: it gets an image of the program (exec)", 6},
    {"warm", OPT_WARM, NULL, 0,
     "Run the program here until it calls bproc_warm, and start the ranks from there", 6},
    {NULL, 'h', NULL, 0, "Show this summary and exit", 6},
    {0}};

struct parsing {
    struct options *options;
    struct life_options life;
    struct mpirun_options mpirun;
    struct other_words others;
    struct letterless letterless[PARSERS];
    struct argp_child children[PARSERS + 1];
    void *inputs[PARSERS];
};

/* ---- programs ---- */

/* Does another program follow? As an argument ":" is rare but possible, so that in bprun an option
 * of the next program, such as its number of ranks, has to stand behind it. */
static int is_colon(const struct argp_state *state, const struct options *options, int i)
{
    if (strcmp(state->argv[i], ":") != 0)
        return 0;
    return options->mpirun || (i + 1 < state->argc && state->argv[i + 1][0] == '-');
}

static char *absolute(const char *path)
{
    auto_free char *here = path[0] != '/' ? getcwd(NULL, 0) : NULL;
    return here != NULL ? bp_format("%s/%s", here, path) : bp_strdup(path);
}

/* What was said in front of a program is its own. */
static void give_own(struct options *options, struct app *app)
{
    app->ranks = place_take_ranks(&options->place, &app->hosts);
    if (options->io.cwd != NULL)
        app->cwd = absolute(options->io.cwd);
    options->io.cwd = NULL;
    claims_forget(&options->claims, FACT_DIRECTORY);
    struct environment *own = &options->io.own;
    for (size_t i = 0; i < own->count; i++) {
        const char *said = own->said[i], *value = getenv(said);
        if (strchr(said, '=') != NULL)
            app_add_variable(app, bp_strdup(said));
        else if (value != NULL)
            app_add_variable(app, bp_format("%s=%s", said, value));
    }
    environment_done(own);
}

static void take_program(struct argp_state *state, struct options *options)
{
    int i = state->next - 1;
    struct app *app = apps_add(&options->apps);
    if (app == NULL)
        argp_error(state, "more than %d programs", APPS_MAX);
    for (; i < state->argc && !is_colon(state, options, i); i++)
        app_add_word(app, state->argv[i]);
    if (app->argc == 0)
        argp_error(state, "a program is missing in front of \":\"");
    if (i < state->argc || options->apps.count > 1)
        give_own(options, app);
    options->goes_on = i < state->argc;
    state->next = i < state->argc ? i + 1 : i;
    state->quoted = 0; /* "--" was for the program in front of the colon */
}

static void read_multi_prog(struct argp_state *state, struct options *options)
{
    struct bp_error err = {0};
    auto_free char *text = NULL;
    size_t length;
    struct app *file = &options->apps.rows[0];
    struct apps apps = {.count = 0};
    if (options->apps.count == 0)
        argp_error(state, "--multi-prog: a file of programs is missing");
    if (options->apps.count > 1 || file->argc > 1)
        argp_error(state, "--multi-prog: the program is a file of programs; nothing follows it");
    int r = lines_load(file->argv[0], &text, &length, &err);
    if (r == 0)
        r = multiprog_read(&apps, file->argv[0], text, length, options->place.place.ranks, &err);
    if (r < 0)
        argp_error(state, "--multi-prog: %s", err.text);
    apps_done(&options->apps);
    options->apps = apps;
}

/* The hosts in front of the first program are those of all, unless each has its own. */
static int finish_hosts(struct argp_state *state, struct options *options, struct bp_error *err)
{
    struct hosts each = {0};
    struct apps *apps = &options->apps;
    int seq = app_hosts_deal(apps, &each, err);
    if (seq >= 0)
        place_give_hosts(&options->place, seq > 0 ? &each : &apps->rows[0].hosts, seq, state);
    return seq < 0 ? seq : 0;
}

static void finish_programs(struct argp_state *state, struct options *options)
{
    struct bp_error err = {0};
    int r = 0;
    if (options->goes_on)
        argp_error(state, "a program is missing behind \":\"");
    if (options->place.multi_prog)
        read_multi_prog(state, options);
    else if (options->apps.count > 1)
        r = apps_number(&options->apps, &err);
    if (r == 0 && options->apps.count > 1 && !options->place.multi_prog)
        r = finish_hosts(state, options, &err);
    if (r == 0 && options->apps.ranks > 0)
        r = apps_check(&options->apps, &err);
    if (r < 0)
        argp_error(state, "%s", err.text);
    if (options->apps.ranks > 0)
        options->place.place.ranks = options->apps.ranks;
}

/* ---- options ---- */

static void finish(struct argp_state *state, struct options *options)
{
    if (options->warm && options->start_chosen)
        argp_error(state, "--start and --warm exclude each other");
    finish_programs(state, options);
    if (options->warm && options->apps.ranks > 0)
        argp_error(state, "--warm is for one program");
    environment_take(&options->io.environment, &options->io.own);
    place_options_finish(&options->place, state);
    if (options->place.threads > 0 && !environment_has(&options->io.environment, THREADS)) {
        auto_free char *variable = bp_format(THREADS "=%u", options->place.threads);
        environment_add(&options->io.environment, variable, &(struct bp_error){0});
    }
}

/* srun's words too: the list, and its plug-ins for each version of PMIx. */
static int mpi_kind(struct argp_state *state, const char *word)
{
    if (strcmp(word, "list") == 0) {
        puts("pmix\nnone");
        exit(0);
    }
    if (strcmp(word, "none") != 0 && strcmp(word, "pmix") != 0 && strncmp(word, "pmix_v", 6) != 0)
        argp_error(state, "--mpi takes pmix or none, not \"%s\"", word);
    return strcmp(word, "none") != 0;
}

static int parse_option(struct options *options, const struct said *said)
{
    struct argp_state *state = said->state;
    switch (said->key) {
    case OPT_MPI:
        claims_add(&options->claims, FACT_SELF, said, said->arg);
        options->mpi = mpi_kind(state, said->arg);
        return 0;
    case OPT_START:
        claims_add(&options->claims, FACT_SELF, said, said->arg);
        options->start = start_way(state, said->arg);
        options->start_chosen = 1;
        return 0;
    case OPT_WARM:
        claims_job(&options->claims, said);
        options->warm = 1;
        return 0;
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct parsing *parsing = state->input;
    struct options *options = parsing->options;
    struct said said;
    switch (key) {
    case ARGP_KEY_INIT:
        memcpy(state->child_inputs, parsing->inputs, sizeof parsing->inputs);
        return 0;
    case ARGP_KEY_ARG: /* the program: what follows is its own */
        take_program(state, options);
        return 0;
    case ARGP_KEY_SUCCESS:
        finish(state, options);
        return 0;
    case ARGP_KEY_NO_ARGS:
        if (!options->map.dry)
            argp_error(state, "a program is missing");
        return 0;
    default:
        if (!said_is_option(key))
            return ARGP_ERR_UNKNOWN;
        said_init(&said, state, rows, key, arg);
        return parse_option(options, &said);
    }
}

/* The letters, and the meaning of --output, are those of one of the two grammars. */
static void add_child(struct parsing *parsing, int i, const struct argp *argp, void *input,
                      int letters, const char *header)
{
    parsing->inputs[i] = input;
    if (i + 1 < PARSERS) {
        parsing->others.parsers[i] = argp;
        parsing->others.inputs[i] = input;
    }
    if (!letters) {
        letterless_init(&parsing->letterless[i], argp, input, "output");
        argp = &parsing->letterless[i].argp;
        parsing->inputs[i] = &parsing->letterless[i];
    }
    parsing->children[i] = (struct argp_child){argp, 0, header, i + 1};
}

void options_parse(struct options *options, int argc, char **argv)
{
    struct parsing parsing = {.options = options,
                              .life = {.policy = &options->policy, .claims = &options->claims},
                              .mpirun = {.place = &options->place, .io = &options->io,
                                         .policy = &options->policy, .claims = &options->claims}};
    int srun = !options->mpirun;
    const struct argp argp = {
        rows, parse, options->map.dry ? "[PROGRAM [ARGUMENT...]]\n" PROGRAMS : PROGRAMS,
        options->map.dry
        ? "bpmap - show where bprun with the same options would place its ranks; nothing is run."
          OTHERS
        : srun
        ? "bprun - start a parallel job on the nodes. Each rank is a child of bprun here: ps shows "
          "it, kill reaches it, Ctrl-C and Ctrl-Z work on all." OTHERS
        : "bpmpirun - bprun for those used to mpirun: letters and options with one dash mean what "
          "mpirun's do." OTHERS, parsing.children, NULL, NULL};
    place_options_init(&options->place, &options->claims);
    options->map.claims = options->io.claims = &options->claims;
    options->place.all_slots = options->mpirun;
    parsing.others.parsers[PARSERS - 1] = &argp;
    parsing.others.inputs[PARSERS - 1] = &parsing;
    other_words_init(&parsing.others);
    add_child(&parsing, 0, &place_argp, &options->place, srun, "Where and how many:");
    add_child(&parsing, 1, &mpirun_argp, &parsing.mpirun, !srun, "The same in mpirun's words:");
    add_child(&parsing, 2, &map_argp, &options->map, srun, "To see where the ranks are:");
    add_child(&parsing, 3, &io_argp, &options->io, srun, "Input and output:");
    add_child(&parsing, 4, &life_argp, &parsing.life, srun, "Life and death:");
    add_child(&parsing, 5, &parsing.others.argp, &parsing.others, srun, NULL);
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER | (srun ? 0 : ARGP_LONG_ONLY), NULL, &parsing);
    for (int i = 0; i < PARSERS; i++)
        letterless_done(&parsing.letterless[i]);
    other_words_done(&parsing.others);
}

void options_done(struct options *options)
{
    place_options_done(&options->place);
    map_options_done(&options->map);
    io_options_done(&options->io);
    apps_done(&options->apps);
    claims_done(&options->claims);
}
