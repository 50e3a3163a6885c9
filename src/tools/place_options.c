/* SPDX-License-Identifier: BSD-3-Clause */
/* place_options.c - bprun's options that say where the ranks run and how many there are. */
#include <string.h>

#include "tools/place_options.h"
#include "tools/words.h"


enum { OPT_NP = 256, OPT_PER_NODE, OPT_MAP_BY, OPT_BIND_TO, OPT_REPORT, OPT_OVERLAP };

static const struct argp_option rows[] = {
    {"ntasks", 'n', "N", 0, "Number of ranks", 0},
    {"np", OPT_NP, "N", 0, "The same, as mpirun spells it (also -np)", 0},
    {"nodes", 'N', "N", 0, "Number of nodes", 0},
    {"ntasks-per-node", OPT_PER_NODE, "N", 0, "Ranks on each node", 0},
    {"cpus-per-task", 'c', "N", 0, "CPUs of each rank", 0},
    {"nodelist", 'w', "NODES", 0, "Run on these nodes (0-3,7 or n0,n2 or allup)", 0},
    {"exclude", 'x', "NODES", 0, "Not on these", 0},
    {"map-by", OPT_MAP_BY, "HOW", 0, "Deal ranks out by slot, core or node", 0},
    {"bind-to", OPT_BIND_TO, "WHAT", 0, "Bind each rank to a core, or none", 0},
    {"immediate", 'I', "SECONDS", OPTION_ARG_OPTIONAL,
     "Fail if the job cannot start now (or within SECONDS) instead of waiting for its CPUs", 0},
    {"overlap", OPT_OVERLAP, NULL, 0, "Share CPUs with other jobs, and do not wait for them", 0},
    {"report-bindings", OPT_REPORT, NULL, 0, "Tell each rank's node and CPUs", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct place_options *options = state->input;
    Bpmix__Place *place = &options->place;
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
    case 'I':
        options->immediate = 1;
        options->immediate_s = arg != NULL ? word_number(state, "-I", arg, 0, 1000000) : 0;
        return 0;
    case OPT_OVERLAP:
        place->overlap = 1;
        return 0;
    case OPT_REPORT:
        options->report_bindings = 1;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp place_argp = {.options = rows, .parser = parse};

void place_options_init(struct place_options *options)
{
    *options = (struct place_options){.report_bindings = 0};
    bpmix__place__init(&options->place);
}
