/* SPDX-License-Identifier: BSD-3-Clause */
/* job_dry.c - what a rank that comes home wrote on nodes comes before what it writes here. A node
 * says DRY when a rank has ended there and all that it wrote itself is on its way; so does its end,
 * and that of its connection. News of moves and the nodes' words come in any order. */
#include "common/mem.h"
#include "lib/job_inner.h"

struct visit {
    int node;
    int due;    /* it was there so often, and that node has not said DRY so often */
    int closed; /* it will say nothing more */
    struct visit *next;
};

struct wet { /* of a rank */
    struct visit *visits; /* where it began is the last of them */
    int home;             /* 1: it is, 2: and what it wrote is here */
};

static struct visit *add(struct wet *wet, int node, int due)
{
    struct visit *visit = bp_calloc(1, sizeof *visit);
    *visit = (struct visit){.node = node, .due = due};
    LL_PREPEND(wet->visits, visit);
    return visit;
}

static struct visit *visit_of(struct bp_job *job, uint32_t rank, int node)
{
    struct visit *visit;
    if (job->wet == NULL)
        job->wet = bp_calloc(job->map->n_ranks, sizeof *job->wet);
    struct wet *wet = &job->wet[rank];
    if (wet->visits == NULL)
        add(wet, job->map->ranks[rank]->node, 1);
    LL_FOREACH(wet->visits, visit)
        if (visit->node == node)
            return visit;
    return add(wet, node, 0);
}

static void check(struct bp_job *job, uint32_t rank)
{
    struct wet *wet = &job->wet[rank];
    const struct visit *visit;
    if (wet->home != 1)
        return;
    LL_FOREACH(wet->visits, visit)
        if (visit->due > 0 && !visit->closed)
            return;
    wet->home = 2;
    job->map->ranks[rank]->node = -1;
    job->events.dry(job->arg, rank);
    bp_job_drained(job, rank);
}

void bp_job_dry_moved(struct bp_job *job, uint32_t rank, int node)
{
    visit_of(job, rank, node)->due++;
}

void bp_job_dry_home(struct bp_job *job, uint32_t rank)
{
    visit_of(job, rank, job->map->ranks[rank]->node);
    job->wet[rank].home = 1;
    check(job, rank);
}

void bp_job_dry_heard(struct bp_job *job, uint32_t rank, int node)
{
    visit_of(job, rank, node)->due--;
    check(job, rank);
}

void bp_job_dry_closed(struct bp_job *job, int node)
{
    for (uint32_t rank = 0; rank < job->map->n_ranks; rank++) {
        if (job->map->ranks[rank]->node != node &&
            (job->wet == NULL || job->wet[rank].visits == NULL))
            continue; /* it was never there */
        visit_of(job, rank, node)->closed = 1;
        check(job, rank);
    }
}

void bp_job_dry_done(struct bp_job *job)
{
    struct visit *visit, *next;
    for (uint32_t rank = 0; job->wet != NULL && rank < job->map->n_ranks; rank++)
        LL_FOREACH_SAFE(job->wet[rank].visits, visit, next)
            free(visit);
    free(job->wet);
}
