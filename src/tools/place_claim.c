/* SPDX-License-Identifier: BSD-3-Clause */
/* place_claim.c - what bprun's options about places say together, and where they contradict each
 * other. */
#include <string.h>

#include "common/mem.h"
#include "tools/lines.h"
#include "tools/place_options.h"
#include "tools/place_words.h"
#include "tools/words.h"

static const char *const facts[FACTS] = {
    [FACT_RANKS] = "how many ranks there are", [FACT_NODES] = "which nodes there are",
    [FACT_PER_NODE] = "how many ranks a node has", [FACT_CPUS] = "how many CPUs a rank has",
    [FACT_DEAL] = "how ranks are dealt out", [FACT_ORDER] = "how ranks are numbered",
    [FACT_BIND] = "what ranks are bound to", [FACT_CROWD] = "whether there may be more ranks than "
    "CPUs", [FACT_SHARE] = "whether other jobs may be there too"};

void place_options_init(struct place_options *options)
{
    *options = (struct place_options){.report_bindings = 0};
    bpmix__place__init(&options->place);
}

/* own: each program may have its own. */
static void claim(struct place_options *options, enum place_fact fact, int own,
                  const struct said *said)
{
    auto_free char *words = said_words(said);
    if (options->later && !own)
        argp_error(said->state, "%s: the ranks of all programs are placed together; say this in "
                   "front of the first one", words);
    if (fact == FACT_OTHER)
        return;
    const struct said *before = &options->said[fact];
    if (options->typed[fact] != NULL && (before->key != said->key || before->rows != said->rows))
        argp_error(said->state, "%s and %s both say %s", options->typed[fact], words,
                   facts[fact]);
    free(options->typed[fact]);
    options->typed[fact] = bp_take_ptr(words);
    options->said[fact] = *said;
}

void place_claim(struct place_options *options, enum place_fact fact, const struct said *said)
{
    claim(options, fact, 0, said);
}

void place_ranks(struct place_options *options, const struct said *said)
{
    claim(options, FACT_RANKS, 1, said);
    options->place.ranks = word_number(said->state, said->name, said->arg, 1, PLACE_RANKS_MAX);
}

static void forget(struct place_options *options, enum place_fact fact)
{
    free(options->typed[fact]);
    options->typed[fact] = NULL;
}

uint32_t place_take_ranks(struct place_options *options, struct hosts *ret_hosts)
{
    uint32_t ranks = options->place.ranks;
    options->place.ranks = 0;
    options->later = 1;
    forget(options, FACT_RANKS);
    if (options->hosts.count > 0)
        forget(options, FACT_NODES);
    *ret_hosts = options->hosts;
    options->hosts = (struct hosts){0};
    return ranks;
}

void place_give_hosts(struct place_options *options, struct hosts *take_hosts, int seq,
                      struct argp_state *state)
{
    options->hosts = *take_hosts;
    *take_hosts = (struct hosts){0};
    if (!seq)
        return;
    if (options->typed[FACT_DEAL] != NULL || options->typed[FACT_NODES] != NULL)
        argp_error(state, "%s: programs with hosts of their own run on those, in their order",
                   options->typed[options->typed[FACT_DEAL] != NULL ? FACT_DEAL : FACT_NODES]);
    place_text(&options->place.map_by, "seq");
}

/* ---- files, and lists ---- */

void place_hosts(struct place_options *options, const struct said *said)
{
    struct bp_error err = {0};
    claim(options, FACT_NODES, 1, said);
    if (hosts_add_words(&options->hosts, said->arg, &err) < 0)
        said_wrong(said, &err);
}

void place_hostfile(struct place_options *options, const struct said *said)
{
    struct bp_error err = {0};
    auto_free char *text = NULL;
    size_t length;
    claim(options, FACT_NODES, 1, said);
    int r = lines_load(said->arg, &text, &length, &err);
    if (r == 0)
        r = hosts_add_file(&options->hosts, said->arg, text, length, &err);
    if (r < 0)
        said_wrong(said, &err);
}

void place_rankfile(struct place_options *options, const struct said *said)
{
    struct bp_error err = {0};
    auto_free char *text = NULL;
    size_t length;
    place_claim(options, FACT_DEAL, said);
    rankfile_done(&options->rankfile);
    int r = lines_load(said->arg, &text, &length, &err);
    if (r == 0)
        r = rankfile_read(&options->rankfile, said->arg, text, length, &err);
    if (r < 0)
        said_wrong(said, &err);
}

/* ---- all together ---- */

static void fill_hosts(struct place_options *options)
{
    size_t count = options->hosts.count;
    Bpmix__PlaceHost **list = bp_calloc(count, sizeof *list + sizeof **list);
    Bpmix__PlaceHost *rows = (Bpmix__PlaceHost *)(list + count);
    for (size_t i = 0; i < count; i++) {
        bpmix__place_host__init(&rows[i]);
        rows[i].node = options->hosts.rows[i].node;
        rows[i].slots = options->hosts.rows[i].slots;
        list[i] = &rows[i];
    }
    options->place.hosts = list;
    options->place.n_hosts = count;
}

static void fill_rankfile(struct place_options *options)
{
    size_t count = options->rankfile.count;
    Bpmix__PlaceRow **list = bp_calloc(count, sizeof *list + sizeof **list);
    Bpmix__PlaceRow *rows = (Bpmix__PlaceRow *)(list + count);
    for (size_t i = 0; i < count; i++) {
        bpmix__place_row__init(&rows[i]);
        rows[i].rank = (uint32_t)i;
        rows[i].node = options->rankfile.rows[i].node;
        rows[i].slots = options->rankfile.rows[i].slots;
        list[i] = &rows[i];
    }
    options->place.rankfile = list;
    options->place.n_rankfile = count;
    place_text(&options->place.map_by, "rankfile");
}

/* mpirun's ranks of each node or package: a map by itself, else a limit of the map that is said. */
static void fill_each(struct place_options *options)
{
    Bpmix__Place *place = &options->place;
    int mapped = place->map_by[0] != '\0' || place->distribution[0] != '\0';
    uint32_t each = options->per_node > 0 ? options->per_node : options->per_package;
    if (each > 0 && !mapped) {
        auto_free char *map =
            bp_format("ppr:%u:%s", each, options->per_node > 0 ? "node" : "package");
        place_text(&place->map_by, map);
    } else if (options->per_node > 0) {
        place->ranks_per_node = options->per_node;
    }
    if (options->per_package > 0 && (mapped || options->per_node > 0))
        place->ranks_per_package = options->per_package;
}

/* The N of ":pe=N", or 0. */
static uint32_t map_cpus(const char *map_by)
{
    const char *pe = strstr(map_by, ":pe=");
    return pe != NULL ? (uint32_t)strtoul(pe + 4, NULL, 10) : 0;
}

static void check_cpus(struct place_options *options, struct argp_state *state)
{
    uint32_t cpus = map_cpus(options->place.map_by);
    if (cpus > 0 && options->place.cpus_per_rank > 0 && cpus != options->place.cpus_per_rank)
        argp_error(state, "%s and %s both say %s", options->typed[FACT_CPUS],
                   options->typed[FACT_DEAL], facts[FACT_CPUS]);
}

/* Programs with threads of their own are told how many CPUs they have, and placement is told of
 * threads that the user has asked for. Of nested counts ("4,2") the first is meant. */
static void agree_on_threads(struct place_options *options)
{
    Bpmix__Place *place = &options->place;
    uint32_t said = place->cpus_per_rank > 0 ? place->cpus_per_rank : map_cpus(place->map_by);
    const char *threads = getenv("OMP_NUM_THREADS");
    if (threads != NULL && said == 0) {
        auto_free char *first = bp_strdup(threads);
        first[strcspn(first, ", ")] = '\0';
        if (word_value(first, 1, PLACE_CPUS_MAX, &place->threads_per_rank) < 0)
            place->threads_per_rank = 0; /* OpenMP's own runtime will say so */
    } else if (threads == NULL) {
        options->threads = said;
    }
}

void place_options_finish(struct place_options *options, struct argp_state *state)
{
    Bpmix__Place *place = &options->place;
    if (options->rankfile.count > 0)
        fill_rankfile(options);
    if (options->hosts.count > 0)
        fill_hosts(options);
    else if (strncmp(place->map_by, "seq", 3) == 0 || strcmp(place->distribution, "arbitrary") == 0)
        argp_error(state, "%s: a list says each rank's node: --hostfile or --host is missing",
                   options->typed[FACT_DEAL]);
    if (strncmp(place->map_by, "rankfile", 8) == 0 && options->rankfile.count == 0)
        argp_error(state, "%s: --rankfile FILE is missing", options->typed[FACT_DEAL]);
    if (place->ranks == 0)
        place->ranks = (uint32_t)options->rankfile.count;
    fill_each(options);
    check_cpus(options, state);
    agree_on_threads(options);
}

void place_options_done(struct place_options *options)
{
    free(options->place.hosts);
    free(options->place.rankfile);
    place_words_done(&options->place);
    hosts_done(&options->hosts);
    rankfile_done(&options->rankfile);
    for (int i = 0; i < FACTS; i++)
        free(options->typed[i]);
}
