/* SPDX-License-Identifier: BSD-3-Clause */
/* ending.h - how a launcher ends its job: politely, then for good; and when, by the clock. */
#ifndef BP_TOOLS_ENDING_H
#define BP_TOOLS_ENDING_H

#include <event2/event.h>

#include "tools/ranks.h"
#include "tools/verdict.h"

struct run_policy;

enum ending_state { ENDING_NOT, ENDING_ASKED, ENDING_KILLED };

struct ending {
    const struct run_policy *policy;
    struct verdict *verdict;
    const struct ranks *ranks;
    struct event *kill_timer, *limit_timer, *warn_timer, *wait_timer;
    enum ending_state state;
    int signal; /* to the launcher, which began it; 0 = none */
    uint32_t first; /* the rank that ended first, when that limits the others */
};

/* The clock begins to run. */
void ending_init(struct ending *ending, struct event_base *base, const struct run_policy *policy,
                 struct verdict *verdict, const struct ranks *ranks);
/* Ask all to end, by SIGTERM or (send_term 0) by what was forwarded to them already; what is there
 * after kill_wait_ms is killed. What ranks do from now on does not count. */
void ending_ask(struct ending *ending, int send_term);
void ending_kill(struct ending *ending);
/* A signal came to the launcher that ends programs: as ending_ask, and what ranks do does count; a
 * second one kills. */
void ending_signal(struct ending *ending, int signal);
/* A rank has ended. */
void ending_rank_gone(struct ending *ending, uint32_t rank);
void ending_done(struct ending *ending);

#endif
