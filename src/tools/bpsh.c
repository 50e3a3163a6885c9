/* SPDX-License-Identifier: BSD-3-Clause */
/* bpsh.c - run a command on nodes, once on each. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/std.h"
#include "tools/run.h"
#include "tools/words.h"

struct options {
    const char *nodes;
    struct run_policy policy;
    int command;
};

static const struct argp_option rows[] = {
    {NULL, 'a', NULL, 0, "On all nodes that are up", 0},
    {NULL, 'n', NULL, 0, "Standard input is /dev/null", 0},
    {NULL, 'p', NULL, 0, "Put the node in front of each line", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'a':
        options->nodes = "allup";
        return 0;
    case 'n':
        options->policy.stdin_rank = -2;
        return 0;
    case 'p':
        options->policy.label = LABEL_NODE;
        return 0;
    case ARGP_KEY_ARG:
        if (options->nodes == NULL) {
            options->nodes = arg;
            return 0;
        }
        options->command = state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_END:
        if (options->command == 0)
            argp_error(state, options->nodes == NULL ? "nodes and a command are missing"
                                                     : "a command is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        rows, parse, "NODES COMMAND [ARGUMENT...]\n-a COMMAND [ARGUMENT...]",
        "bpsh - run a command on nodes, once on each. NODES: 0-3,7 or n0,n2 or allup.\v"
        "The exit status is the command's; of several, that of the first listed node where it "
        "failed.", NULL, NULL, NULL};
    argp_program_version = "bpsh (bpmix) " BP_VERSION;
    struct options options = {.policy = {.tool = "bpsh", .kill_wait_ms = 5000, .no_kill = 1,
                                         .quiet_exits = 1}};
    Bpmix__JobRequest request;
    Bpmix__Place place;
    Bpmix__Launcher launcher;
    bp_std_open();
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &options);
    bp_job_request_init(&request, &place, &launcher, argc - options.command,
                        argv + options.command);
    place.node_list = (char *)options.nodes;
    place.one_each = 1;
    place.bind_to = (char *)"none";
    request.stdin_rank = options.policy.stdin_rank != -2 ? -1 : -2;
    options.policy.stdin_rank = request.stdin_rank;
    int status = run_job(&request, &options.policy);
    bp_job_request_done(&request);
    return status;
}
