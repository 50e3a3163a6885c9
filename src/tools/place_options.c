/* SPDX-License-Identifier: BSD-3-Clause */
/* place_options.c - srun's options that say where the ranks run and how many there are. */
#include <string.h>

#include "common/mem.h"
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
    int (*read)(Bpmix__Place *place, const char *value, struct bp_error *err);
    int (*read_loud)(Bpmix__Place *place, const char *value, int *report, struct bp_error *err);
} texts[] = {{'N', place_nodes, NULL},          {'m', place_deal, NULL},
             {OPT_HINT, place_hint, NULL},      {OPT_GPUS, place_gpus, NULL},
             {OPT_CPU_BIND, NULL, place_cpu_bind}, {OPT_MEM_BIND, NULL, place_mem_bind},
             {OPT_GPU_BIND, NULL, place_gpu_bind}};

/* The CPUs of all local ranks, as one text for the caller to free. */
static char *maps_text(const Bpmix__Place *place)
{
    size_t length = 1;
    for (size_t i = 0; i < place->n_cpu_maps; i++)
        length += strlen(place->cpu_maps[i]) + 1;
    char *text = bp_calloc(length, 1), *next = text;
    for (size_t i = 0; i < place->n_cpu_maps; i++)
        next = stpcpy(stpcpy(next, place->cpu_maps[i]), " ");
    return text;
}

/* What the option said, in words that are the same for the same meaning. */
static void claim_text(struct place_options *options, const struct said *said)
{
    const Bpmix__Place *place = &options->place;
    enum fact fact = said->key == OPT_CPU_BIND ? FACT_BIND : FACT_SELF;
    auto_free char *maps = maps_text(place);
    const char *value = said->arg;
    if (said->key == OPT_CPU_BIND)
        value = place->n_cpu_maps > 0 ? maps : place->bind_to;
    else if (said->key == OPT_MEM_BIND)
        value = place->mem_bind;
    else if (said->key == OPT_GPU_BIND)
        value = place->gpu_bind;
    if (value[0] != '\0') /* or it was "verbose" alone */
        claims_add(options->claims, fact, said, value);
    if (said->key == 'm')
        claims_add(options->claims, FACT_DEAL, said, "-m");
    else if (said->key == OPT_HINT)
        place_claim_hint(options, said, said->arg);
}

static int parse_text(struct place_options *options, const struct said *said)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct text_row *row = &texts[i];
        struct bp_error err = {0};
        if (row->key != said->key)
            continue;
        int r = row->read != NULL
                    ? row->read(&options->place, said->arg, &err)
                    : row->read_loud(&options->place, said->arg, &options->report_bindings, &err);
        if (r < 0)
            said_wrong(said, &err);
        claims_job(options->claims, said);
        claim_text(options, said);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static int parse_number(struct place_options *options, const struct said *said)
{
    Bpmix__Place *place = &options->place;
    const struct {
        int key;
        enum fact fact;
        uint32_t *field;
        uint32_t high;
    } numbers[] = {{OPT_PER_NODE, FACT_PER_NODE, &place->ranks_per_node, PLACE_RANKS_MAX},
                   {OPT_PER_PACKAGE, FACT_PER_PACKAGE, &place->ranks_per_package, PLACE_RANKS_MAX},
                   {OPT_PER_CORE, FACT_SELF, &place->ranks_per_core, PLACE_RANKS_MAX},
                   {'c', FACT_CPUS, &place->cpus_per_rank, PLACE_CPUS_MAX}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i].key != said->key)
            continue;
        *numbers[i].field = word_number(said->state, said->name, said->arg, 1, numbers[i].high);
        claims_add_number(options->claims, numbers[i].fact, said, *numbers[i].field);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static int parse_flag(struct place_options *options, const struct said *said)
{
    switch (said->key) {
    case 'O':
        claims_add(options->claims, FACT_CROWD, said, "yes");
        options->place.oversubscribe = BPMIX__PLACE__CHOICE__YES;
        return 0;
    case OPT_EXCLUSIVE:
        claims_add(options->claims, FACT_SHARE, said, "no");
        options->place.exclusive = 1;
        return 0;
    case 's':
        claims_add(options->claims, FACT_SHARE, said, "yes");
        options->place.overlap = 1;
        return 0;
    case 'I':
        options->immediate = 1;
        options->immediate_s =
            said->arg != NULL ? word_number(said->state, said->name, said->arg, 0, 1000000) : 0;
        claims_add_number(options->claims, FACT_SELF, said, options->immediate_s);
        return 0;
    case OPT_MULTI_PROG:
        claims_job(options->claims, said);
        options->multi_prog = 1;
        return 0;
    case OPT_REPORT:
        claims_job(options->claims, said);
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
        claims_add(options->claims, FACT_NODES, said, said->arg);
        options->place.node_list = said->arg;
        return 0;
    case 'F':
        place_hostfile(options, said, said->arg, 1);
        return 0;
    case 'x':
        claims_add(options->claims, FACT_SELF, said, said->arg);
        options->place.exclude = said->arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void place_options_init(struct place_options *options, struct claims *claims)
{
    *options = (struct place_options){.claims = claims};
    bpmix__place__init(&options->place);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    static int (*const parsers[])(struct place_options *options, const struct said *said) = {
        parse_text, parse_number, parse_flag};
    struct place_options *options = state->input;
    struct said said;
    if (!said_is_option(key))
        return ARGP_ERR_UNKNOWN;
    said_init(&said, state, rows, key, arg);
    int r = parse_nodes(options, &said);
    for (size_t i = 0; r != 0 && i < sizeof parsers / sizeof *parsers; i++)
        r = parsers[i](options, &said);
    return r;
}

const struct argp place_argp = {.options = rows, .parser = parse};
