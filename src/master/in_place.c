/* SPDX-License-Identifier: BSD-3-Clause */
/* in_place.c - a job whose one process is its opener, which goes to a node and becomes a ghost. */
#include <errno.h>

#include "master/master.h"
#include "proto/space_record.h"

int in_place_init(struct job *job, struct bp_error *err)
{
    if (job->proc_count != 1)
        return bp_error_set(err, -EINVAL, "one process cannot become %u", job->proc_count);
    job->launcher = herd_parent(job->in_place);
    if (job->launcher < 0)
        return bp_error_set(err, -ESRCH, "process %d has gone", job->in_place);
    job->procs[0].pid = job->in_place;
    return 0;
}

uint32_t in_place_lead(const struct job *job, Bpmix__Launcher *launcher)
{
    if (job->session == job->in_place) {
        launcher->session = launcher->group = 0;
        return BP_LEADS_SESSION;
    }
    if (job->group != job->in_place)
        return BP_LEADS_NOTHING;
    launcher->group = launcher->session;
    return BP_LEADS_GROUP;
}
