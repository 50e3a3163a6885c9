/* SPDX-License-Identifier: BSD-3-Clause */
/* place_settle.c - what bprun's options about places say together. */
#include <string.h>

#include "common/mem.h"
#include "tools/place_options.h"
#include "tools/place_words.h"
#include "tools/words.h"

static void fill_hosts(struct place_options *options)
{
    size_t count = options->hosts.count;
    Bpmix__PlaceHost **list = bp_calloc(count, sizeof *list + sizeof **list);
    Bpmix__PlaceHost *rows = (Bpmix__PlaceHost *)(list + count);
    for (size_t i = 0; i < count; i++) {
        bpmix__place_host__init(&rows[i]);
        rows[i].node = options->hosts.rows[i].node;
        rows[i].slots = options->hosts.rows[i].slots;
        rows[i].most = options->hosts.rows[i].most;
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

/* Nothing is said that gives a number of ranks. */
static int is_open(const struct place_options *options)
{
    const Bpmix__Place *place = &options->place;
    for (size_t i = 0; i < options->hosts.count; i++)
        if (options->hosts.rows[i].slots > 0)
            return 0;
    return place->ranks == 0 && place->map_by[0] == '\0' && place->distribution[0] == '\0' &&
           place->nodes_min == 0 && place->ranks_per_node == 0 && place->ranks_per_package == 0 &&
           place->ranks_per_core == 0 && place->gpus_per_rank == 0;
}

/* srun deals ranks out evenly to the nodes of a file, as to those of -w. */
static void list_hosts(struct place_options *options)
{
    size_t length = 0;
    for (size_t i = 0; i < options->hosts.count; i++) {
        if (options->hosts.rows[i].slots > 0 || options->hosts.rows[i].most > 0)
            return;
        length += strlen(options->hosts.rows[i].node) + 1;
    }
    auto_free char *list = bp_calloc(length + 1, 1);
    char *next = list;
    for (size_t i = 0; i < options->hosts.count; i++)
        next = stpcpy(stpcpy(next, i > 0 ? "," : ""), options->hosts.rows[i].node);
    options->node_list = options->place.node_list = bp_take_ptr(list);
    hosts_done(&options->hosts);
}

/* The N of ":pe=N", or 0. */
static uint32_t map_cpus(const char *map_by)
{
    const char *pe = strstr(map_by, ":pe=");
    return pe != NULL ? (uint32_t)strtoul(pe + 4, NULL, 10) : 0;
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
    const char *map = claims_typed(options->claims, FACT_DEAL);
    if (options->rankfile.count > 0)
        fill_rankfile(options);
    int each = strncmp(place->map_by, "seq", 3) == 0 ||
               strncmp(place->distribution, "arbitrary", 9) == 0; /* a host for each rank */
    if (options->hosts.count > 0 && options->srun_file && !each)
        list_hosts(options);
    if (options->hosts.count > 0)
        fill_hosts(options);
    else if (each && place->node_list[0] == '\0')
        argp_error(state, "%s: a list says each rank's node: --hostfile or --host is missing",
                   map);
    if (strncmp(place->map_by, "rankfile", 8) == 0 && options->rankfile.count == 0)
        argp_error(state, "%s: --rankfile FILE is missing", map);
    if (place->ranks == 0)
        place->ranks = (uint32_t)options->rankfile.count;
    fill_each(options);
    if (options->all_slots && is_open(options))
        place_text(&place->map_by, "ppr:1:core");
    agree_on_threads(options);
}

void place_options_done(struct place_options *options)
{
    free(options->place.hosts);
    free(options->place.rankfile);
    free(options->node_list);
    place_words_done(&options->place);
    hosts_done(&options->hosts);
    rankfile_done(&options->rankfile);
}
