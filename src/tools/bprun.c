/* SPDX-License-Identifier: BSD-3-Clause */
/* bprun.c - start a parallel job on the nodes, each rank a child of this process. */
#include <string.h>

#include "common/std.h"
#include "tools/io_options.h"
#include "tools/life_options.h"
#include "tools/place_options.h"
#include "tools/run.h"
#include "tools/start.h"

enum { OPT_MPI = 256, OPT_START, OPT_WARM };

struct options {
    struct place_options place;
    struct io_options io;
    struct run_policy policy;
    int mpi;
    Bpmix__Start start;
    int start_chosen, warm;
    int command; /* index of the program in argv */
};

static const struct argp_option rows[] = {
    {NULL, 0, NULL, 0, "How:", 4},
    {"mpi", OPT_MPI, "KIND", 0, "pmix, or none for programs without MPI (pmix)", 4},
    {"start", OPT_START, "WAY", 0,
     "exec: the node executes the program; ld, entry: it gets an image of the program (exec)", 4},
    {"warm", OPT_WARM, NULL, 0,
     "Run the program here until it calls bproc_warm, and start the ranks from there", 4},
    {0}};

static const struct argp_child children[] = {
    {&place_argp, 0, "Where and how many:", 1},
    {&io_argp, 0, "Input and output:", 2},
    {&life_argp, 0, "Life and death:", 3},
    {0}};

static void give_inputs(struct argp_state *state, struct options *options)
{
    state->child_inputs[0] = &options->place;
    state->child_inputs[1] = &options->io;
    state->child_inputs[2] = &options->policy;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        give_inputs(state, options);
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
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        rows, parse, "PROGRAM [ARGUMENT...]",
        "bprun - start a parallel job on the nodes. Each rank is a child of bprun here: ps shows "
        "it, kill reaches it, Ctrl-C and Ctrl-Z work on all.", children, NULL, NULL};
    argp_program_version = "bprun (bpmix) " BP_VERSION;
    struct options options = {
        .policy = {.tool = "bprun", .kill_wait_ms = 5000}, .mpi = 1};
    Bpmix__JobRequest request;
    Bpmix__Place own_place;
    Bpmix__Launcher launcher;
    place_options_init(&options.place);
    bp_std_open();
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &options);
    bp_job_request_init(&request, &own_place, &launcher, argc - options.command,
                        argv + options.command);
    request.place = &options.place.place;
    request.immediate = options.place.immediate;
    request.immediate_s = options.place.immediate_s;
    request.mpi = options.mpi;
    request.start = options.warm ? BPMIX__START__SELF : options.start;
    options.policy.report_bindings = options.place.report_bindings;
    io_options_apply(&options.io, &request, &options.policy);
    int status = run_job(&request, &options.policy);
    bp_job_request_done(&request);
    io_options_done(&options.io);
    return status;
}
