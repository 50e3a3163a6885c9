/* SPDX-License-Identifier: BSD-3-Clause */
/* bpsh.c - run a command on nodes, once on each. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/std.h"
#include "lib/client.h"
#include "tools/run.h"
#include "tools/start.h"
#include "tools/words.h"

enum { FILES = 3 };

struct options {
    const char *nodes;
    const char *files[FILES]; /* on the node, by descriptor */
    struct run_policy policy;
    Bpmix__Start start;
    int command;
};

enum { OPT_START = 256 };

static const struct argp_option rows[] = {
    {NULL, 0, NULL, 0, "Where:", 1},
    {NULL, 'a', NULL, 0, "On all nodes that are up", 1},
    {NULL, 'A', NULL, 0, "On all nodes that are not down", 1},
    {NULL, '1', ",NODES", OPTION_ARG_OPTIONAL,
     "On the master: -1, or with nodes -1,0-3", 1},
    {NULL, 0, NULL, 0, "Input and output:", 2},
    {NULL, 'n', NULL, 0, "Standard input is /dev/null", 2},
    {NULL, 'N', NULL, 0, "Input and output are /dev/null on the node: nothing is forwarded", 2},
    {NULL, 'L', NULL, 0, "Only whole lines, also of a single node", 2},
    {NULL, 'p', NULL, 0, "Put the node in front of each line (with -L)", 2},
    {NULL, 's', NULL, 0, "One node's output after the other's, in the order of NODES", 2},
    {NULL, 'd', NULL, 0, "A line that divides them before each node's output (with -s)", 2},
    {NULL, 'b', "BYTES", 0, "Lines up to this length stay whole (65536)", 2},
    {NULL, 'I', "FILE", 0, "Standard input from this file of the node", 2},
    {NULL, 'O', "FILE", 0, "Standard output to this file of the node", 2},
    {NULL, 'E', "FILE", 0, "Standard error to this file of the node", 2},
    {NULL, 0, NULL, 0, "More:", 3},
    {NULL, 't', "TIME", 0, "End it after minutes or minutes:seconds (exit status 124)", 3},
    {"start", OPT_START, "WAY", 0,
     "exec: the node executes the command; ld, entry: it gets an image of it (exec)", 3},
    {NULL, 'h', NULL, 0, "Show this summary and exit", 3},
    {NULL, 'v', NULL, 0, "Show the version and exit", 3},
    {0}};

static int parse_io(int key, char *arg, struct argp_state *state, struct options *options)
{
    struct run_policy *policy = &options->policy;
    switch (key) {
    case 'n':
        policy->stdin_rank = -2;
        return 0;
    case 'N':
        for (int i = 0; i < FILES; i++)
            options->files[i] = "/dev/null";
        return 0;
    case 'p':
        policy->style.label = LABEL_NODE;
        /* fall through */
    case 'L':
        policy->style.lines = 1;
        return 0;
    case 'd':
        policy->dividers = 1;
        /* fall through */
    case 's':
        policy->turns = 1;
        return 0;
    case 'b':
        policy->style.line_bytes = word_number(state, "-b", arg, 1, 1 << 30);
        return 0;
    case 'I':
        options->files[0] = arg;
        return 0;
    case 'O':
        options->files[1] = arg;
        return 0;
    case 'E':
        options->files[2] = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int parse_word(char *arg, struct argp_state *state, struct options *options)
{
    if (options->nodes == NULL) {
        options->nodes = arg;
        return 0;
    }
    options->command = state->next - 1;
    state->next = state->argc;
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'a':
        options->nodes = "allup";
        return 0;
    case 'A':
        options->nodes = "allnotdown";
        return 0;
    case '1':
        options->nodes = arg == NULL ? "-1" : bp_format("-1%s", arg);
        return 0;
    case 't':
        options->policy.limit_s = word_time(state, "-t", arg);
        return 0;
    case OPT_START:
        options->start = start_way(state, arg);
        return 0;
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    case 'v':
        puts(argp_program_version);
        exit(0);
    case ARGP_KEY_ARG:
        return parse_word(arg, state, options);
    case ARGP_KEY_END:
        if (options->command == 0)
            argp_error(state, options->nodes == NULL ? "nodes and a command are missing"
                                                     : "a command is missing");
        return 0;
    default:
        return parse_io(key, arg, state, options);
    }
}

/* The request's files, made of the words of -I, -O and -E. */
struct files {
    Bpmix__OpenFile rows[FILES], *list[FILES];
};

static void add_files(Bpmix__JobRequest *request, const struct options *options,
                      struct files *files)
{
    request->files = files->list;
    for (int i = 0; i < FILES; i++) {
        if (options->files[i] == NULL)
            continue;
        Bpmix__OpenFile *row = &files->rows[i];
        bpmix__open_file__init(row);
        row->fd = (uint32_t)i;
        row->path = (char *)options->files[i];
        row->flags = i == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
        row->mode = 0666;
        if (i == 2 && options->files[1] != NULL && strcmp(options->files[1], row->path) == 0)
            row->flags = files->rows[1].flags = O_WRONLY | O_CREAT | O_APPEND;
        request->files[request->n_files++] = row;
    }
}

/* ---- the master ---- */

/* The command alone, here: bpsh becomes it. */
static int become(const Bpmix__JobRequest *request, int no_input)
{
    const char *what = request->argv[0];
    int r = 0;
    for (size_t i = 0; r == 0 && i < request->n_files; i++) {
        what = request->files[i]->path;
        int fd = open(what, (int)request->files[i]->flags | O_NOCTTY | O_CLOEXEC, 0666);
        r = fd < 0 || dup2(fd, (int)request->files[i]->fd) < 0;
    }
    if (r == 0 && no_input && (request->n_files == 0 || request->files[0]->fd != 0)) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        r = fd < 0 || dup2(fd, STDIN_FILENO) < 0;
    }
    if (r == 0) {
        auto_free char **argv = bp_calloc(request->n_argv + 1, sizeof *argv);
        memcpy(argv, request->argv, request->n_argv * sizeof *argv);
        setenv("BPROC_NODE", "-1", 1);
        setenv("BPROC_RANK", "0", 1);
        what = argv[0];
        execvp(argv[0], argv);
        r = errno == ENOENT || errno == ENOTDIR ? 127 : 126;
    }
    fprintf(stderr, "bpsh: %s: %s\n", what, strerror(errno));
    return r == 1 ? 125 : r;
}

static int is_plain(const struct run_policy *policy)
{
    return policy->style.label == LABEL_NONE && !policy->style.lines && policy->limit_s == 0 &&
           !policy->turns;
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
                                         .quiet_exits = 1, .stdin_rank = -1}};
    Bpmix__JobRequest request;
    Bpmix__Place place;
    Bpmix__Launcher launcher;
    struct files files;
    bp_std_open();
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &options);
    bp_job_request_init(&request, &place, &launcher, argc - options.command,
                        argv + options.command);
    auto_free char *nodes = NULL;
    options.policy.local = word_master(options.nodes, &nodes);
    if (options.policy.local > 0 && bp_client_node() >= 0) {
        fprintf(stderr, "bpsh: -1: from a node nothing is started on the master\n");
        return 125;
    }
    place.node_list = nodes;
    place.one_each = 1;
    place.bind_to = (char *)"none";
    request.start = nodes[0] != '\0' ? options.start : BPMIX__START__EXEC; /* here it is exec */
    add_files(&request, &options, &files);
    if (options.files[0] != NULL)
        options.policy.stdin_rank = -2;
    request.stdin_rank = options.policy.stdin_rank;
    int here = options.policy.local == 1 && nodes[0] == '\0' && is_plain(&options.policy);
    int status = here ? become(&request, options.policy.stdin_rank == -2)
                      : run_job(&request, &options.policy);
    bp_job_request_done(&request);
    return status;
}
