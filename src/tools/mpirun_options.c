/* SPDX-License-Identifier: BSD-3-Clause */
/* mpirun_options.c - what bprun's options are called by mpirun. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "tools/mpirun_options.h"
#include "tools/place_words.h"
#include "tools/words.h"

enum {
    OPT_NP = 'n', OPT_HOST = 'H', OPT_PER_NODE = 'N', OPT_ENV = 'x', OPT_FILE = 'f',
    OPT_VERBOSE = 'v', OPT_QUIET = 'q', OPT_MAP_BY = 256, OPT_RANK_BY, OPT_BIND_TO, OPT_HOSTFILE,
    OPT_RANKFILE, OPT_CPU_SET, OPT_OVERSUBSCRIBE, OPT_NO_OVERSUBSCRIBE, OPT_PER_PACKAGE, OPT_WDIR,
    OPT_TIMEOUT, OPT_TAG, OPT_STAMP, OPT_MERGE, OPT_OUTPUT, OPT_MCA, OPT_GENV, OPT_PREFIX,
    OPT_HWTHREADS, OPT_ROOT
};

static const struct argp_option rows[] = {
    {"np", OPT_NP, "N", 0, "Number of ranks", 0},
    {NULL, 'c', NULL, OPTION_ALIAS, NULL, 0},
    {"npernode", OPT_PER_NODE, "N", 0, "Ranks on every node", 0},
    {"ppn", 0, NULL, OPTION_ALIAS, NULL, 0},
    {"npersocket", OPT_PER_PACKAGE, "N", 0, "Ranks on every package", 0},
    {"map-by", OPT_MAP_BY, "HOW", 0, "Deal ranks out by slot, hwthread, core, l1, l2, l3, numa, "
     "package, node, device=gpu, device=nic, ppr:N:OBJECT, seq, rankfile or pe-list=CPUS; then "
     ":pe=N, :span, :fill, :oversubscribe, :nooversubscribe", 0},
    {"use-hwthread-cpus", OPT_HWTHREADS, NULL, 0, "Hardware threads are CPUs: map by hwthread", 0},
    {"rank-by", OPT_RANK_BY, "HOW", 0, "Number ranks by slot, node, fill or span", 0},
    {"bind-to", OPT_BIND_TO, "WHAT", 0, "Bind each rank to a hwthread, core, l1, l2, l3, numa, "
     "package, or none; :overload-allowed lets them share", 0},
    {"host", OPT_HOST, "NODES", 0, "Run on these nodes, n0:4 gives slots", 0},
    {"hosts", 0, NULL, OPTION_ALIAS, NULL, 0},
    {"hostfile", OPT_HOSTFILE, "FILE", 0, "Run on the nodes of the file, in its order", 0},
    {"machinefile", 'f', NULL, OPTION_ALIAS, NULL, 0},
    {"rankfile", OPT_RANKFILE, "FILE", 0, "Each rank's node and CPUs", 0},
    {"cpu-set", OPT_CPU_SET, "CPUS", 0, "Use only these CPUs of each node", 0},
    {"cpu-list", 0, NULL, OPTION_ALIAS, NULL, 0},
    {"oversubscribe", OPT_OVERSUBSCRIBE, NULL, 0, "More ranks than slots are meant to be", 0},
    {"nooversubscribe", OPT_NO_OVERSUBSCRIBE, NULL, 0, "More ranks than slots are an error", 0},
    {NULL, OPT_ENV, "NAME[=VALUE]", 0, "A variable of the ranks", 0},
    {"wdir", OPT_WDIR, "DIR", 0, "Working directory of the ranks", 0},
    {"timeout", OPT_TIMEOUT, "SECONDS", 0, "End the job after so long", 0},
    {"tag-output", OPT_TAG, NULL, 0, "Put the rank in front of each line", 0},
    {"timestamp-output", OPT_STAMP, NULL, 0, "Put the time in front of each line", 0},
    {"merge-stderr-to-stdout", OPT_MERGE, NULL, 0, "Standard error goes where the output goes", 0},
    {"output", OPT_OUTPUT, "HOW", 0, "tag, timestamp, merge-stderr-to-stdout: as those; "
     "file=NAME: a file for each rank, NAME.RANK", 0},
    {"mca", OPT_MCA, "NAME VALUE", 0, "Set Open MPI's parameter NAME for the ranks", 0},
    {"genv", OPT_GENV, "NAME VALUE", 0, "Set a variable for the ranks", 0},
    {"prefix", OPT_PREFIX, "DIR", 0, "DIR/bin and DIR/lib come first in the ranks' PATH and "
     "LD_LIBRARY_PATH", 0},
    {NULL, OPT_VERBOSE, NULL, 0, "As --verbose", 0},
    {NULL, OPT_QUIET, NULL, 0, "As --quiet", 0},
    {"allow-run-as-root", OPT_ROOT, NULL, 0, "Nothing: bpmaster's configuration decides", 0},
    {0}};

static const struct text_row {
    int key;
    enum fact fact;
    size_t field; /* of Place: what came of it */
    int (*read)(Bpmix__Place *place, const char *value, struct bp_error *err);
} texts[] = {{OPT_RANK_BY, FACT_ORDER, offsetof(Bpmix__Place, rank_by), place_rank_by},
             {OPT_BIND_TO, FACT_BIND, offsetof(Bpmix__Place, bind_to), place_bind_to},
             {OPT_CPU_SET, FACT_SELF, offsetof(Bpmix__Place, cpu_list), place_cpu_set}};

/* ":file=NAME" behind rankfile or seq, taken out of the words. NULL = there is none. */
static char *take_file(char *words)
{
    for (char *p = strchr(words, ':'); p != NULL; p = strchr(p + 1, ':')) {
        if (strncasecmp(p, ":file=", 6) != 0)
            continue;
        size_t length = strcspn(p + 6, ":");
        char *name = strndup(p + 6, length);
        memmove(p, p + 6 + length, strlen(p + 6 + length) + 1);
        return name;
    }
    return NULL;
}

/* What a map says that other options can say as well. */
static void claim_map(struct place_options *options, const struct said *said)
{
    const Bpmix__Place *place = &options->place;
    struct claims *claims = options->claims;
    const char *map = place->map_by, *pe = strstr(map, ":pe=");
    unsigned each;
    int length = 0;
    if (map[0] != '\0')
        claims_add(claims, FACT_DEAL, said, map);
    if (pe != NULL)
        claims_add_number(claims, FACT_CPUS, said, (unsigned)strtoul(pe + 4, NULL, 10));
    if (strncmp(map, "hwthread", 8) == 0)
        claims_add(claims, FACT_THREADS, said, "yes");
    if (sscanf(map, "ppr:%u:%n", &each, &length) == 1 && length > 0) {
        if (strncmp(map + length, "node", 4) == 0)
            claims_add_number(claims, FACT_PER_NODE, said, each);
        else if (strncmp(map + length, "package", 7) == 0)
            claims_add_number(claims, FACT_PER_PACKAGE, said, each);
    }
}

static void claim_crowd(struct place_options *options, const struct said *said,
                        Bpmix__Place__Choice choice)
{
    claims_add(options->claims, FACT_CROWD, said,
               choice == BPMIX__PLACE__CHOICE__YES ? "yes" : "no");
    options->place.oversubscribe = choice;
}

static void map_by(struct place_options *options, const struct said *said)
{
    struct bp_error err = {0};
    auto_free char *words = bp_strdup(said->arg);
    auto_free char *file = take_file(words);
    if (file != NULL && strncasecmp(words, "rankfile", 8) == 0)
        place_rankfile(options, said, file);
    else if (file != NULL && strncasecmp(words, "seq", 3) == 0)
        place_hostfile(options, said, file, 0);
    else if (file != NULL)
        argp_error(said->state, "%s: file= is for rankfile and for seq", said->name);
    Bpmix__Place__Choice before = options->place.oversubscribe;
    options->place.oversubscribe = BPMIX__PLACE__CHOICE__DEFAULT;
    if (place_map_by(&options->place, words, &err) < 0)
        said_wrong(said, &err);
    if (options->place.oversubscribe != BPMIX__PLACE__CHOICE__DEFAULT)
        claim_crowd(options, said, options->place.oversubscribe);
    else
        options->place.oversubscribe = before;
    claims_job(options->claims, said);
    claim_map(options, said);
}

static int parse_text(struct mpirun_options *options, const struct said *said)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct bp_error err = {0};
        Bpmix__Place *place = &options->place->place;
        if (texts[i].key != said->key)
            continue;
        if (texts[i].read(place, said->arg, &err) < 0)
            said_wrong(said, &err);
        claims_add(options->claims, texts[i].fact, said,
                   *(char **)((char *)place + texts[i].field));
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static int parse_ranks(struct mpirun_options *options, const struct said *said)
{
    struct place_options *place = options->place;
    struct claims *claims = options->claims;
    switch (said->key) {
    case OPT_NP:
    case 'c':
        place_ranks(place, said);
        return 0;
    case OPT_MAP_BY:
        map_by(place, said);
        return 0;
    case OPT_HWTHREADS:
        place_claim_hint(place, said, "multithread");
        return place_hint(&place->place, "multithread", NULL);
    case OPT_PER_NODE:
        place->per_node = word_number(said->state, said->name, said->arg, 1, PLACE_RANKS_MAX);
        claims_add_number(claims, FACT_PER_NODE, said, place->per_node);
        return 0;
    case OPT_PER_PACKAGE:
        place->per_package = word_number(said->state, said->name, said->arg, 1, PLACE_RANKS_MAX);
        claims_add_number(claims, FACT_PER_PACKAGE, said, place->per_package);
        return 0;
    case OPT_OVERSUBSCRIBE:
    case OPT_NO_OVERSUBSCRIBE:
        claim_crowd(place, said, said->key == OPT_OVERSUBSCRIBE ? BPMIX__PLACE__CHOICE__YES
                                                                : BPMIX__PLACE__CHOICE__NO);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int parse_nodes(struct mpirun_options *options, const struct said *said)
{
    switch (said->key) {
    case OPT_HOST:
        place_hosts(options->place, said);
        return 0;
    case OPT_HOSTFILE:
    case OPT_FILE:
        place_hostfile(options->place, said, said->arg, 0);
        return 0;
    case OPT_RANKFILE:
        place_rankfile(options->place, said, said->arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What each program may have for itself. */
static int parse_own(struct mpirun_options *options, const struct said *said)
{
    struct io_options *io = options->io;
    switch (said->key) {
    case OPT_WDIR:
        claims_own(options->claims, FACT_DIRECTORY, said, said->arg);
        io->cwd = said->arg;
        return 0;
    case OPT_ENV:
        if (strchr(said->arg, '*') == NULL || strchr(said->arg, '=') != NULL)
            mpirun_add_variable(&io->own, said, said->arg);
        return 0; /* "OMPI_*": all go along anyhow */
    case OPT_PREFIX:
        mpirun_set_prefix(&io->own, said);
        return 0;
    case OPT_MCA:
        mpirun_set_variable(&io->own, said, "OMPI_MCA_");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int parse_rest(struct mpirun_options *options, const struct said *said)
{
    struct run_policy *policy = options->policy;
    claims_job(options->claims, said);
    switch (said->key) {
    case OPT_TIMEOUT:
        policy->limit_s = word_number(said->state, said->name, said->arg, 0, INT32_MAX);
        claims_add_number(options->claims, FACT_TIME, said, policy->limit_s);
        return 0;
    case OPT_TAG:
        options->io->label = 1;
        return 0;
    case OPT_STAMP:
        options->io->stamp = 1;
        return 0;
    case OPT_MERGE:
        options->io->redirect.merge = 1;
        return 0;
    case OPT_OUTPUT:
        mpirun_set_output(options, said);
        return 0;
    case OPT_GENV:
        mpirun_set_variable(&options->io->environment, said, "");
        return 0;
    case OPT_VERBOSE:
        policy->verbose++;
        return 0;
    case OPT_QUIET:
        policy->quiet = 1;
        return 0;
    case OPT_ROOT:
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    static int (*const parsers[])(struct mpirun_options *options, const struct said *said) = {
        parse_text, parse_ranks, parse_nodes, parse_own, parse_rest};
    struct said said;
    int r = ARGP_ERR_UNKNOWN;
    if (!said_is_option(key))
        return r;
    said_init(&said, state, rows, key, arg);
    for (size_t i = 0; r != 0 && i < sizeof parsers / sizeof *parsers; i++)
        r = parsers[i](state->input, &said);
    return r;
}

const struct argp mpirun_argp = {.options = rows, .parser = parse};
