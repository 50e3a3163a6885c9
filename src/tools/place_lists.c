/* SPDX-License-Identifier: BSD-3-Clause */
/* place_lists.c - the number of ranks, hosts, and the files that say where ranks go. */
#include <string.h>

#include "common/mem.h"
#include "tools/lines.h"
#include "tools/place_options.h"
#include "tools/place_words.h"
#include "tools/words.h"

void place_ranks(struct place_options *options, const struct said *said)
{
    uint32_t ranks = word_number(said->state, said->name, said->arg, 1, PLACE_RANKS_MAX);
    auto_free char *value = bp_format("%u", ranks);
    claims_own(options->claims, FACT_RANKS, said, value);
    options->place.ranks = ranks;
}

void place_claim_hint(struct place_options *options, const struct said *said, const char *hint)
{
    struct claims *claims = options->claims;
    int threads = strcmp(hint, "multithread") == 0;
    if (strcmp(hint, "memory_bound") == 0)
        claims_add(claims, FACT_PER_PACKAGE, said, "1");
    else
        claims_add(claims, FACT_THREADS, said, threads ? "yes" : "no");
    if (threads)
        claims_add(claims, FACT_DEAL, said, "hwthread");
}

uint32_t place_take_ranks(struct place_options *options, struct hosts *ret_hosts)
{
    uint32_t ranks = options->place.ranks;
    options->place.ranks = 0;
    options->claims->later = 1;
    claims_forget(options->claims, FACT_RANKS);
    if (options->hosts.count > 0)
        claims_forget(options->claims, FACT_NODES);
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
    const char *typed = claims_typed(options->claims, FACT_DEAL);
    if (typed == NULL)
        typed = claims_typed(options->claims, FACT_NODES);
    if (typed != NULL)
        argp_error(state, "%s: programs with hosts of their own run on those, in their order",
                   typed);
    place_text(&options->place.map_by, "seq");
}

void place_hosts(struct place_options *options, const struct said *said)
{
    struct bp_error err = {0};
    claims_own(options->claims, FACT_NODES, said, "hosts"); /* said again, the list goes on */
    if (hosts_add_words(&options->hosts, said->arg, &err) < 0)
        said_wrong(said, &err);
}

void place_hostfile(struct place_options *options, const struct said *said, const char *path,
                    int srun_file)
{
    struct bp_error err = {0};
    auto_free char *text = NULL;
    size_t length;
    claims_own(options->claims, FACT_NODES, said, "files");
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
    claims_add(options->claims, FACT_RANKFILE, said, path);
    claims_add(options->claims, FACT_DEAL, said, "rankfile");
    rankfile_done(&options->rankfile);
    int r = lines_load(path, &text, &length, &err);
    if (r == 0)
        r = rankfile_read(&options->rankfile, path, text, length, &err);
    if (r < 0)
        said_wrong(said, &err);
}
