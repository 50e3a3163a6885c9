/* SPDX-License-Identifier: BSD-3-Clause */
/* app.c - a rank's own program, where the job has several. */
#include <string.h>

#include "common/mem.h"
#include "common/pattern.h"
#include "nodeagent/agent.h"

int app_prepare(struct space *space, struct bp_error *err)
{
    const Bpmix__SpaceOpen *open = space->open;
    if (open->n_apps == 0)
        return 0;
    return bp_apps_ranks(open->apps, open->n_apps, (uint32_t)space->rank_total, &space->app_ranks,
                         err);
}

const Bpmix__App *app_of(const struct rank *rank)
{
    const struct space *space = rank->space;
    if (space->app_ranks == NULL || rank->rank >= space->rank_total)
        return NULL;
    return space->open->apps[space->app_ranks[rank->rank].app];
}

char *app_word(const struct rank *rank, const char *word)
{
    const struct bp_app_rank *of = &rank->space->app_ranks[rank->rank];
    const struct bp_pattern_value values[] = {{.letter = 't', .number = rank->rank},
                                              {.letter = 'o', .number = of->place}};
    return app_of(rank)->expand ? bp_pattern_expand(word, values, 2, 1) : bp_strdup(word);
}
