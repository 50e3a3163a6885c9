/* SPDX-License-Identifier: BSD-3-Clause */
/* claims.c - what the options of a command line said: nothing twice in two ways. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tools/claims.h"

struct claim {
    enum fact fact;
    const struct argp_option *rows; /* FACT_SELF: which option */
    int key;
    char *typed, *value;
};

static const char *const facts[] = {
    [FACT_RANKS] = "how many ranks there are",
    [FACT_NODES] = "which nodes there are",
    [FACT_PER_NODE] = "how many ranks a node has",
    [FACT_PER_PACKAGE] = "how many ranks a package has",
    [FACT_CPUS] = "how many CPUs a rank has",
    [FACT_THREADS] = "whether hardware threads are CPUs",
    [FACT_DEAL] = "how ranks are dealt out",
    [FACT_ORDER] = "how ranks are numbered",
    [FACT_BIND] = "what ranks are bound to",
    [FACT_CROWD] = "whether there may be more ranks than CPUs",
    [FACT_SHARE] = "whether other jobs may be there too",
    [FACT_DIRECTORY] = "where the ranks work",
    [FACT_TIME] = "how long the job may run",
    [FACT_KILL] = "whether a failing rank ends the others",
    [FACT_READER] = "who reads standard input",
    [FACT_RANKFILE] = "which file has the ranks' places",
    [FACT_SELF] = "the same thing, in two ways",
};

static struct claim *find(const struct claims *claims, enum fact fact, const struct said *said)
{
    for (size_t i = 0; i < claims->count; i++) {
        struct claim *row = &claims->rows[i];
        if (row->fact == fact &&
            (fact != FACT_SELF || (row->rows == said->rows && row->key == said->key)))
            return row;
    }
    return NULL;
}

void claims_job(const struct claims *claims, const struct said *said)
{
    if (!claims->later)
        return;
    auto_free char *words = said_words(said);
    argp_error(said->state, "%s: this is for the whole job, and belongs before the first program",
               words);
}

void claims_own(struct claims *claims, enum fact fact, const struct said *said, const char *value)
{
    auto_free char *words = said_words(said);
    const struct claim *before = find(claims, fact, said);
    if (before == NULL) {
        claims->rows = bp_realloc(claims->rows, claims->count + 1, sizeof *claims->rows);
        claims->rows[claims->count++] = (struct claim){fact, said->rows, said->key,
                                                       bp_take_ptr(words), bp_strdup(value)};
    } else if (strcmp(before->value, value) != 0) {
        argp_error(said->state, "%s and %s both say %s", before->typed, words, facts[fact]);
    }
}

void claims_add(struct claims *claims, enum fact fact, const struct said *said, const char *value)
{
    claims_job(claims, said);
    claims_own(claims, fact, said, value);
}

void claims_add_number(struct claims *claims, enum fact fact, const struct said *said,
                       unsigned value)
{
    auto_free char *text = bp_format("%u", value);
    claims_add(claims, fact, said, text);
}

const char *claims_typed(const struct claims *claims, enum fact fact)
{
    for (size_t i = 0; i < claims->count; i++)
        if (claims->rows[i].fact == fact)
            return claims->rows[i].typed;
    return NULL;
}

static void drop(const struct claim *claim)
{
    free(claim->typed);
    free(claim->value);
}

void claims_forget(struct claims *claims, enum fact fact)
{
    size_t kept = 0;
    for (size_t i = 0; i < claims->count; i++) {
        if (claims->rows[i].fact == fact)
            drop(&claims->rows[i]);
        else
            claims->rows[kept++] = claims->rows[i];
    }
    claims->count = kept;
}

void claims_done(struct claims *claims)
{
    for (size_t i = 0; i < claims->count; i++)
        drop(&claims->rows[i]);
    free(claims->rows);
    *claims = (struct claims){0};
}
