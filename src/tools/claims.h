/* SPDX-License-Identifier: BSD-3-Clause */
/* claims.h - what the options of a command line said, so that none says it again otherwise, and
 * none that is for the whole job stands behind its first program. */
#ifndef BP_TOOLS_CLAIMS_H
#define BP_TOOLS_CLAIMS_H

#include <stddef.h>

#include "tools/said.h"

enum fact { /* what more than one option can say */
    FACT_RANKS, FACT_NODES, FACT_PER_NODE, FACT_PER_PACKAGE, FACT_CPUS, FACT_THREADS, FACT_DEAL,
    FACT_ORDER, FACT_BIND, FACT_CROWD, FACT_SHARE, FACT_DIRECTORY, FACT_TIME, FACT_KILL,
    FACT_READER, FACT_RANKFILE,
    FACT_SELF /* an option's own, which no other one says */
};

struct claims { /* zeroed */
    struct claim *rows;
    size_t count;
    int later; /* a program was named: what comes now is for the next one */
};

/* The option is for the whole job: argp's error if it stands behind a program. For those that may
 * be said several times. */
void claims_job(const struct claims *claims, const struct said *said);
/* And it says this, in words that are the same for the same meaning: argp's error if an option has
 * said otherwise. */
void claims_add(struct claims *claims, enum fact fact, const struct said *said, const char *value);
/* The same for an option that each program may have for itself. */
void claims_own(struct claims *claims, enum fact fact, const struct said *said, const char *value);

/* A number as the value of either. */
void claims_add_number(struct claims *claims, enum fact fact, const struct said *said,
                       unsigned value);

/* The words that said it; NULL = nobody did. */
const char *claims_typed(const struct claims *claims, enum fact fact);
/* Forget it: it was for the program just named. */
void claims_forget(struct claims *claims, enum fact fact);
void claims_done(struct claims *claims);

#endif
