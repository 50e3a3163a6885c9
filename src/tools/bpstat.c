/* SPDX-License-Identifier: BSD-3-Clause */
/* bpstat.c - the nodes, the jobs, the remote processes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/std.h"
#include "lib/node.h"
#include "tools/job_rows.h"
#include "tools/node_rows.h"
#include "tools/proc_rows.h"
#include "tools/wait_up.h"
#include "tools/words.h"

enum { OPT_JSON = 256, OPT_HOSTFILE, OPT_WAIT };

#define WAIT_MS 30000

struct options {
    enum { NODES, JOBS, PROCESSES, PS } what;
    enum node_format format;
    enum listing_order order;
    int json, reverse, update;
    int shows; /* something to show was said */
    uint32_t wait_up;
    char **specs;
    size_t spec_count;
};

static const struct argp_option rows[] = {
    {NULL, 0, NULL, 0, "What of the nodes (else a table of what they have):", 1},
    {"compact", 'c', NULL, 0, "State and rights, nodes that are alike in one line", 1},
    {"long", 'l', NULL, 0, "State, rights and address, a line a node", 1},
    {"address", 'a', NULL, 0, "Addresses only", 1},
    {"status", 's', NULL, 0, "States only", 1},
    {"number", 'n', NULL, 0, "Numbers only", 1},
    {"total", 't', NULL, 0, "How many there are", 1},
    {"hostfile", OPT_HOSTFILE, NULL, 0, "Those that are up, as a hostfile for mpirun", 1},
    {NULL, 0, NULL, 0, "In which order:", 2},
    {"by-number", 'N', NULL, 0, "By number", 2},
    {"by-status", 'S', NULL, 0, "By state", 2},
    {"by-owner", 'O', NULL, 0, "By user and group", 2},
    {"reverse", 'R', NULL, 0, "The other way round", 2},
    {NULL, 0, NULL, 0, "Other things:", 3},
    {"jobs", 'j', NULL, 0, "List jobs instead of nodes", 3},
    {"processes", 'p', NULL, 0, "List the remote processes of the nodes", 3},
    {"ps", 'P', NULL, 0, "Copy what ps prints, with the node in front of each line", 3},
    {"update", 'U', NULL, 0, "Show the nodes again whenever something changes", 3},
    {"json", OPT_JSON, NULL, 0, "As JSON", 3},
    {"wait-up", OPT_WAIT, "N", 0, "Wait until N nodes are up, 30 s at most (exit status 1)", 3},
    {NULL, 'h', NULL, 0, "Show this summary and exit", 3},
    {0}};

static error_t parse_what(int key, struct options *options)
{
    static const struct {
        int key;
        enum node_format format;
    } formats[] = {{'c', NODE_COMPACT}, {'l', NODE_LONG},  {'a', NODE_ADDRESS},
                   {'s', NODE_STATE},   {'n', NODE_NUMBER}, {'t', NODE_TOTAL},
                   {OPT_HOSTFILE, NODE_HOSTFILE}};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (formats[i].key != key)
            continue;
        options->format = formats[i].format;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    options->shows |= key != OPT_WAIT && (key <= 0xffff || key == (int)ARGP_KEY_ARGS);
    switch (key) {
    case 'N': options->order = LISTING_BY_NUMBER; return 0;
    case 'S': options->order = LISTING_BY_STATE; return 0;
    case 'O': options->order = LISTING_BY_OWNER; return 0;
    case 'R': options->reverse = 1; return 0;
    case 'j': options->what = JOBS; return 0;
    case 'p': options->what = PROCESSES; return 0;
    case 'P': options->what = PS; return 0;
    case 'U': options->update = 1; return 0;
    case OPT_JSON: options->json = 1; return 0;
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    case OPT_WAIT:
        options->wait_up = word_number(state, "--wait-up", arg, 1, 65536);
        return 0;
    case ARGP_KEY_ARGS:
        options->specs = state->argv + state->next;
        options->spec_count = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_END:
        if (options->update && options->what != NODES)
            argp_error(state, "-U is for nodes");
        if (options->spec_count > 0 && (options->what == JOBS || options->what == PS))
            argp_error(state, "%s: NODES are not for -j and -P", options->specs[0]);
        if (options->json)
            options->format = NODE_JSON;
        return 0;
    default:
        return parse_what(key, options);
    }
}

static int show_nodes(Bpmix__NodeList *take_list, const struct options *options,
                      struct bp_error *err)
{
    struct listing listing;
    if (take_list == NULL)
        return err->code;
    int r = listing_make(take_list, options->specs, options->spec_count, &listing, err);
    if (r < 0)
        return r;
    listing_sort(&listing, options->order, options->reverse);
    if (options->what == PROCESSES)
        r = proc_rows_show(&listing, options->json, err);
    else
        node_rows_print(&listing, options->format);
    if (r == 0 && listing.missing >= 0)
        r = bp_error_set(err, -ENOENT, "there is no node %d", listing.missing);
    listing_done(&listing);
    return r;
}

/* A terminal is cleared before each; what goes elsewhere gets an empty line between. */
static int show_updates(const struct options *options, struct bp_error *err)
{
    char byte;
    int r, count = 0;
    auto_close int fd = r = bp_node_watch(err);
    if (fd < 0)
        return r;
    do {
        if (isatty(STDOUT_FILENO))
            fputs("\033[H\033[J", stdout);
        else if (count++ > 0)
            putchar('\n');
        r = show_nodes(bp_node_list_watched(fd, err), options, err);
        if (r == 0 && bp_std_put("") < 0)
            return 0; /* the end of the program tells */
    } while (r == 0 && recv(fd, &byte, 1, MSG_PEEK) > 0);
    return r < 0 ? r : bp_error_set(err, -ECONNRESET, "bpmaster has gone");
}

static int show(const struct options *options, struct bp_error *err)
{
    int r = options->wait_up > 0 ? wait_up(options->wait_up, WAIT_MS, err) : 0;
    if (r < 0 || (options->wait_up > 0 && !options->shows))
        return r;
    if (options->what == JOBS)
        return job_rows_show(options->json, err);
    if (options->what == PS)
        return proc_rows_mix(stdin, stdout, err);
    if (options->update)
        return show_updates(options, err);
    return show_nodes(bp_node_list(err), options, err);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        rows, parse, "[NODES...]",
        "bpstat - the nodes, the jobs and the remote processes of the cluster. NODES: 0-3,7 or "
        "n[0-3,7] or allup.", NULL, NULL, NULL};
    argp_program_version = "bpstat (bpmix) " BP_VERSION;
    struct options options = {0};
    struct bp_error err = {0};
    bp_std_open();
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    int r = show(&options, &err);
    if (r < 0)
        fprintf(stderr, "bpstat: %s\n", err.text);
    return r < 0 ? 1 : 0;
}
