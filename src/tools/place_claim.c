/* SPDX-License-Identifier: BSD-3-Clause */
/* place_claim.c - which options said what about places: no two the same. */
#include <string.h>

#include "common/mem.h"
#include "tools/lines.h"
#include "tools/place_options.h"
#include "tools/place_words.h"
#include "tools/words.h"

static const char *const facts[FACTS] = {
    [FACT_RANKS] = "how many ranks there are",
    [FACT_NODES] = "which nodes there are",
    [FACT_PER_NODE] = "how many ranks a node has",
    [FACT_CPUS] = "how many CPUs a rank has",
    [FACT_DEAL] = "how ranks are dealt out",
    [FACT_ORDER] = "how ranks are numbered",
    [FACT_BIND] = "what ranks are bound to",
    [FACT_CROWD] = "whether there may be more ranks than CPUs",
    [FACT_SHARE] = "whether other jobs may be there too",
};

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

void place_hostfile(struct place_options *options, const struct said *said, const char *path,
                    int srun_file)
{
    struct bp_error err = {0};
    auto_free char *text = NULL;
    size_t length;
    claim(options, FACT_NODES, 1, said);
    int r = lines_load(path, &text, &length, &err);
    if (r == 0)
        r = hosts_add_file(&options->hosts, path, text, length, &err);
    options->srun_file = srun_file;
    if (r < 0)
        said_wrong(said, &err);
}

void place_rankfile(struct place_options *options, const struct said *said, const char *path)
{
    struct bp_error err = {0};
    auto_free char *text = NULL;
    size_t length;
    if (strcmp(options->place.map_by, "rankfile") != 0)
        place_claim(options, FACT_DEAL, said);
    rankfile_done(&options->rankfile);
    int r = lines_load(path, &text, &length, &err);
    if (r == 0)
        r = rankfile_read(&options->rankfile, path, text, length, &err);
    if (r < 0)
        said_wrong(said, &err);
}
