/* SPDX-License-Identifier: BSD-3-Clause */
/* bprun.c - start a parallel job on the nodes, each rank a child of this process. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/std.h"
#include "tools/run.h"
#include "tools/start.h"
#include "tools/words.h"

enum { /* options without a short form */
    OPT_NP = 256, OPT_PER_NODE, OPT_MAP_BY, OPT_BIND_TO, OPT_REPORT, OPT_NO_KILL, OPT_KILL_WAIT,
    OPT_STATUS, OPT_MPI, OPT_STDIN, OPT_START, OPT_WARM
};

struct options {
    Bpmix__Place place;
    struct run_policy policy;
    const char *cwd;
    int mpi;
    Bpmix__Start start;
    int start_chosen, warm;
    int command; /* index of the program in argv */
};

static const struct argp_option rows[] = {
    {NULL, 0, NULL, 0, "Where and how many:", 1},
    {"ntasks", 'n', "N", 0, "Number of ranks", 1},
    {"np", OPT_NP, "N", 0, "The same, as mpirun spells it (also -np)", 1},
    {"nodes", 'N', "N", 0, "Number of nodes", 1},
    {"ntasks-per-node", OPT_PER_NODE, "N", 0, "Ranks on each node", 1},
    {"cpus-per-task", 'c', "N", 0, "CPUs of each rank", 1},
    {"nodelist", 'w', "NODES", 0, "Run on these nodes (0-3,7 or n0,n2 or allup)", 1},
    {"exclude", 'x', "NODES", 0, "Not on these", 1},
    {"map-by", OPT_MAP_BY, "HOW", 0, "Deal ranks out by slot, core or node", 1},
    {"bind-to", OPT_BIND_TO, "WHAT", 0, "Bind each rank to a core, or none", 1},
    {"report-bindings", OPT_REPORT, NULL, 0, "Tell each rank's node and CPUs", 1},
    {NULL, 0, NULL, 0, "Input and output:", 2},
    {"label", 'l', NULL, 0, "Put the rank in front of each line", 2},
    {"stdin", OPT_STDIN, "WHO", 0, "Who reads standard input: all, none or a rank (0)", 2},
    {"chdir", 'D', "DIR", 0, "Working directory of the ranks", 2},
    {NULL, 0, NULL, 0, "Life and death:", 3},
    {"time", 't', "TIME", 0, "End the job after minutes or minutes:seconds (exit status 124)", 3},
    {"no-kill", OPT_NO_KILL, NULL, 0, "A failing rank does not end the others", 3},
    {"kill-wait", OPT_KILL_WAIT, "SECONDS", 0, "From the polite signal to SIGKILL (5)", 3},
    {"status", OPT_STATUS, "json[:FILE]", 0, "Tell the end of every rank, on stderr or in FILE",
     3},
    {NULL, 0, NULL, 0, "How:", 4},
    {"mpi", OPT_MPI, "KIND", 0, "pmix, or none for programs without MPI (pmix)", 4},
    {"start", OPT_START, "WAY", 0,
     "exec: the node executes the program; ld, entry: it gets an image of the program (exec)", 4},
    {"warm", OPT_WARM, NULL, 0,
     "Run the program here until it calls bproc_warm, and start the ranks from there", 4},
    {0}};

static void parse_status(struct argp_state *state, struct options *options, char *arg)
{
    if (strcmp(arg, "json") == 0)
        options->policy.status = "";
    else if (strncmp(arg, "json:", 5) == 0 && arg[5] != '\0')
        options->policy.status = arg + 5;
    else
        argp_error(state, "--status takes json or json:FILE, not \"%s\"", arg);
}

static void parse_stdin(struct argp_state *state, struct options *options, char *arg)
{
    if (strcmp(arg, "all") == 0)
        options->policy.stdin_rank = -1;
    else if (strcmp(arg, "none") == 0)
        options->policy.stdin_rank = -2;
    else
        options->policy.stdin_rank = (int)word_number(state, "--stdin", arg, 0, 1000000);
}

static int parse_place(int key, char *arg, struct argp_state *state, Bpmix__Place *place)
{
    switch (key) {
    case 'n':
        if (strcmp(arg, "p") == 0 && state->next < state->argc) /* mpirun's -np */
            arg = state->argv[state->next++];
        /* fall through */
    case OPT_NP:
        place->ranks = word_number(state, "-n", arg, 1, 60000);
        return 0;
    case 'N':
        place->nodes_min = word_number(state, "-N", arg, 1, 65536);
        return 0;
    case OPT_PER_NODE:
        place->ranks_per_node = word_number(state, "--ntasks-per-node", arg, 1, 60000);
        return 0;
    case 'c':
        place->cpus_per_rank = word_number(state, "-c", arg, 1, 8192);
        return 0;
    case 'w':
        place->node_list = arg;
        return 0;
    case 'x':
        place->exclude = arg;
        return 0;
    case OPT_MAP_BY:
        place->map_by = arg;
        return 0;
    case OPT_BIND_TO:
        place->bind_to = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int parse_rest(int key, char *arg, struct argp_state *state, struct options *options)
{
    switch (key) {
    case OPT_REPORT:
        options->policy.report_bindings = 1;
        return 0;
    case 'l':
        options->policy.style.label = LABEL_RANK;
        return 0;
    case OPT_STDIN:
        parse_stdin(state, options, arg);
        return 0;
    case 'D':
        options->cwd = arg;
        return 0;
    case 't':
        options->policy.limit_s = word_time(state, "-t", arg);
        return 0;
    case OPT_NO_KILL:
        options->policy.no_kill = 1;
        return 0;
    case OPT_KILL_WAIT:
        options->policy.kill_wait_ms = 1000 * word_number(state, "--kill-wait", arg, 0, 86400);
        return 0;
    case OPT_STATUS:
        parse_status(state, options, arg);
        return 0;
    case OPT_MPI:
        options->mpi = strcmp(arg, "none") != 0;
        if (options->mpi && strcmp(arg, "pmix") != 0)
            argp_error(state, "--mpi takes pmix or none, not \"%s\"", arg);
        return 0;
    case OPT_START:
        options->start = start_way(state, arg);
        options->start_chosen = 1;
        return 0;
    case OPT_WARM:
        options->warm = 1;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case ARGP_KEY_ARG: /* the program: what follows is its own */
        options->command = state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_SUCCESS:
        if (options->warm && options->start_chosen)
            argp_error(state, "--start and --warm exclude each other");
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "a program is missing");
        return 0;
    default:
        if (parse_place(key, arg, state, &options->place) == 0)
            return 0;
        return parse_rest(key, arg, state, options);
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        rows, parse, "PROGRAM [ARGUMENT...]",
        "bprun - start a parallel job on the nodes. Each rank is a child of bprun here: ps shows "
        "it, kill reaches it, Ctrl-C and Ctrl-Z work on all.", NULL, NULL, NULL};
    argp_program_version = "bprun (bpmix) " BP_VERSION;
    struct options options = {
        .policy = {.tool = "bprun", .kill_wait_ms = 5000}, .mpi = 1};
    Bpmix__JobRequest request;
    Bpmix__Place own_place;
    Bpmix__Launcher launcher;
    bpmix__place__init(&options.place);
    bp_std_open();
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &options);
    bp_job_request_init(&request, &own_place, &launcher, argc - options.command,
                        argv + options.command);
    request.place = &options.place;
    request.mpi = options.mpi;
    request.start = options.warm ? BPMIX__START__SELF : options.start;
    request.stdin_rank = options.policy.stdin_rank;
    if (options.cwd != NULL) {
        char *cwd = options.cwd[0] == '/' ? bp_strdup(options.cwd)
                                          : bp_format("%s/%s", request.cwd, options.cwd);
        free(request.cwd);
        request.cwd = cwd;
    }
    int status = run_job(&request, &options.policy);
    bp_job_request_done(&request);
    return status;
}
