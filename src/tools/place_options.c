/* SPDX-License-Identifier: BSD-3-Clause */
/* place_options.c - srun's options that say where the ranks run and how many there are. */
#include <string.h>

#include "tools/place_options.h"
#include "tools/place_words.h"
#include "tools/words.h"

enum {
    OPT_PER_NODE = 256, OPT_PER_PACKAGE, OPT_PER_CORE, OPT_CPU_BIND, OPT_MEM_BIND, OPT_HINT,
    OPT_EXCLUSIVE, OPT_GPUS, OPT_GPU_BIND, OPT_MULTI_PROG, OPT_REPORT
};

static const struct argp_option rows[] = {
    {"ntasks", 'n', "N", 0, "Number of ranks", 0},
    {"nodes", 'N', "MIN[-MAX]", 0, "Number of nodes", 0},
    {"ntasks-per-node", OPT_PER_NODE, "N", 0, "Ranks on each node, at most", 0},
    {"ntasks-per-socket", OPT_PER_PACKAGE, "N", 0, "Ranks on each package, at most", 0},
    {"ntasks-per-core", OPT_PER_CORE, "N", 0, "Ranks on each core, at most", 0},
    {"cpus-per-task", 'c', "N", 0, "CPUs (cores) of each rank", 0},
    {"nodelist", 'w', "NODES", 0, "Run on these nodes: 0-3,7 or n0,n2 or allup; or a FILE with a "
     "/ in its name", 0},
    {"nodefile", 'F', "FILE", 0, "Run on the nodes that are listed there", 0},
    {"exclude", 'x', "NODES", 0, "Not on these", 0},
    {"distribution", 'm', "HOW", 0, "Deal ranks out to nodes: block, cyclic, plane=N, arbitrary; "
     "then :block, :cyclic or :fcyclic for packages, and once more for cores", 0},
    {"cpu-bind", OPT_CPU_BIND, "WHAT", 0, "Bind ranks: none, cores, threads, sockets, ldoms, "
     "map_cpu:LIST, mask_cpu:LIST; verbose, in front tells", 0},
    {"mem-bind", OPT_MEM_BIND, "WHAT", 0, "Bind the ranks' memory: none, local", 0},
    {"hint", OPT_HINT, "WHAT", 0, "compute_bound, memory_bound, multithread, nomultithread", 0},
    {"gpus-per-task", OPT_GPUS, "N", 0, "GPUs of each rank, the nearest ones", 0},
    {"gpu-bind", OPT_GPU_BIND, "WHAT", 0, "Which GPUs a rank sees: closest, none (all of the "
     "job's), map:LIST, single:N", 0},
    {"overcommit", 'O', NULL, 0, "More ranks than CPUs are meant to be", 0},
    {"exclusive", OPT_EXCLUSIVE, NULL, 0, "No other job on the nodes of this one", 0},
    {"overlap", 's', NULL, 0, "Share CPUs with other jobs, and do not wait for them", 0},
    {"immediate", 'I', "SECONDS", OPTION_ARG_OPTIONAL,
     "Fail if the job cannot start now (or within SECONDS) instead of waiting for its CPUs", 0},
    {"multi-prog", OPT_MULTI_PROG, NULL, 0, "PROGRAM is a file that says which ranks run what", 0},
    {"report-bindings", OPT_REPORT, NULL, 0, "Tell each rank's node and CPUs, as its "
     "kernel has them", 0},
    {0}};

/* Options that fill one text by a function of place_words.h. */
static const struct text_row {
    int key;
    enum place_fact fact;
    int (*read)(Bpmix__Place *place, const char *value, struct bp_error *err);
    int (*read_loud)(Bpmix__Place *place, const char *value, int *report, struct bp_error *err);
} texts[] = {{'N', FACT_OTHER, place_nodes, NULL},
             {'m', FACT_DEAL, place_deal, NULL},
             {OPT_HINT, FACT_OTHER, place_hint, NULL},
             {OPT_GPUS, FACT_OTHER, place_gpus, NULL},
             {OPT_CPU_BIND, FACT_BIND, NULL, place_cpu_bind},
             {OPT_MEM_BIND, FACT_OTHER, NULL, place_mem_bind},
             {OPT_GPU_BIND, FACT_OTHER, NULL, place_gpu_bind}};

static int parse_text(struct place_options *options, const struct said *said)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct text_row *row = &texts[i];
        struct bp_error err = {0};
        if (row->key != said->key)
            continue;
        place_claim(options, row->fact, said);
        int r = row->read != NULL
                    ? row->read(&options->place, said->arg, &err)
                    : row->read_loud(&options->place, said->arg, &options->report_bindings, &err);
        if (r < 0)
            said_wrong(said, &err);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

/* Options with a number that is a field of Place. */
static int parse_number(struct place_options *options, const struct said *said)
{
    Bpmix__Place *place = &options->place;
    const struct {
        int key;
        enum place_fact fact;
        uint32_t *field;
        uint32_t high;
    } numbers[] = {{OPT_PER_NODE, FACT_PER_NODE, &place->ranks_per_node, PLACE_RANKS_MAX},
                   {OPT_PER_PACKAGE, FACT_OTHER, &place->ranks_per_package, PLACE_RANKS_MAX},
                   {OPT_PER_CORE, FACT_OTHER, &place->ranks_per_core, PLACE_RANKS_MAX},
                   {'c', FACT_CPUS, &place->cpus_per_rank, PLACE_CPUS_MAX}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i].key != said->key)
            continue;
        place_claim(options, numbers[i].fact, said);
        *numbers[i].field = word_number(said->state, said->name, said->arg, 1, numbers[i].high);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static int parse_flag(struct place_options *options, const struct said *said)
{
    switch (said->key) {
    case 'O':
        place_claim(options, FACT_CROWD, said);
        options->place.oversubscribe = BPMIX__PLACE__CHOICE__YES;
        return 0;
    case OPT_EXCLUSIVE:
        place_claim(options, FACT_SHARE, said);
        options->place.exclusive = 1;
        return 0;
    case 's':
        place_claim(options, FACT_SHARE, said);
        options->place.overlap = 1;
        return 0;
    case 'I':
        options->immediate = 1;
        options->immediate_s =
            said->arg != NULL ? word_number(said->state, said->name, said->arg, 0, 1000000) : 0;
        return 0;
    case OPT_MULTI_PROG:
        options->multi_prog = 1;
        return 0;
    case OPT_REPORT:
        options->report_bindings = 1;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int parse_nodes(struct place_options *options, struct said *said)
{
    switch (said->key) {
    case 'n':
        if (strcmp(said->arg, "p") == 0 && said->state->next < said->state->argc) {
            said->arg = said->state->argv[said->state->next++]; /* mpirun's -np */
            strcpy(said->name, "-np");
        }
        place_ranks(options, said);
        return 0;
    case 'w':
        if (strchr(said->arg, '/') != NULL) {
            place_hostfile(options, said, said->arg, 1);
            return 0;
        }
        if (said->arg[0] == '\0')
            argp_error(said->state, "%s: no node is named", said->name);
        place_claim(options, FACT_NODES, said);
        options->place.node_list = said->arg;
        return 0;
    case 'F':
        place_hostfile(options, said, said->arg, 1);
        return 0;
    case 'x':
        place_claim(options, FACT_OTHER, said);
        options->place.exclude = said->arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    static int (*const parsers[])(struct place_options *options, const struct said *said) = {
        parse_text, parse_number, parse_flag};
    struct place_options *options = state->input;
    struct said said;
    if (key > 0xffff) /* argp's own */
        return ARGP_ERR_UNKNOWN;
    said_init(&said, state, rows, key, arg);
    int r = parse_nodes(options, &said);
    for (size_t i = 0; r != 0 && i < sizeof parsers / sizeof *parsers; i++)
        r = parsers[i](options, &said);
    return r;
}

const struct argp place_argp = {.options = rows, .parser = parse};
