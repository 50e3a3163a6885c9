/* SPDX-License-Identifier: BSD-3-Clause */
/* inside.c - jobs in the spaces of another one. A launcher that makes processes again and again has
 * one lasting job, the host; each call is a guest: a job of its own, with its own processes, ghosts
 * and end, but in the host's spaces and on its data connections. A guest's end leaves the space as
 * it is, the end of a host's space is the end of its guests there. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "master/master.h"

#define RANKS_MAX (1u << 31) /* of all guests that were ever there: none has another's numbers */

/* The stubs in the host's spaces stand for what its launcher was when it opened it. */
static int is_same_launcher(const struct job *host, const struct job *guest)
{
    return guest->in_place == 0 && host->in_place == 0 && host->launcher == guest->launcher &&
           host->group == guest->group && host->session == guest->session &&
           host->orphaned == guest->orphaned &&
           host->gid == guest->gid && host->group_count == guest->group_count &&
           memcmp(host->groups, guest->groups, guest->group_count * sizeof *guest->groups) == 0;
}

int inside_init(struct job *job, struct bp_error *err)
{
    struct job *host = job_find(job->master, job->request->inside);
    if (host == NULL || host == job || host->uid != job->uid || host->host != NULL ||
        job->parent != 0 || host->closing || !host->kept || host->tool == NULL ||
        host->guest_ranks > RANKS_MAX || job->request->lasting ||
        job->request->mpi || job->request->relay || !is_same_launcher(host, job))
        return bp_error_set(err, -ESTALE, "there is no such job of this process to be inside of");
    job->host = host;
    host->guests++;
    return 0;
}

void place_add(struct job *host, struct node *node)
{
    host->places = bp_realloc(host->places, host->place_count + 1, sizeof *host->places);
    struct place *place = &host->places[host->place_count++];
    *place = (struct place){.node = node, .machine = node->machine};
    place->machine->references++;
}

int inside_check(const struct job *guest, struct bp_error *err)
{
    for (unsigned i = 0; i < guest->place_count; i++) {
        const struct place *place = job_place(guest->host, guest->places[i].node);
        if (place != NULL && place->ended)
            return bp_error_set(err, -ESTALE, "the job's space on node %d has ended",
                                place->node->number);
    }
    return 0;
}

void inside_open(struct job *guest)
{
    struct job *host = guest->host;
    guest->first = host->proc_count + host->guest_ranks;
    host->guest_ranks += guest->proc_count;
    for (unsigned i = 0; i < guest->place_count; i++) {
        struct node *node = guest->places[i].node;
        if (job_place(host, node) != NULL)
            continue;
        place_add(host, node);
        spaces_open_one(host, host->place_count - 1);
    }
}

void inside_close(struct job *host)
{
    struct job *job, *next;
    if (host->guests == 0)
        return;
    HASH_ITER(hh, host->master->jobs, job, next)
        if (job->host == host)
            job_close(job);
}

void inside_gone(struct job *guest)
{
    struct job *host = bp_take_ptr(guest->host);
    if (host == NULL)
        return;
    host->guests--;
    job_check_idle(host);
    job_check_end(host);
}
