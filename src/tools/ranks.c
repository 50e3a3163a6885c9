/* SPDX-License-Identifier: BSD-3-Clause */
/* ranks.c - all ranks of a run: those of a job on nodes, then those that are processes here. */
#include "common/mem.h"
#include "tools/ranks.h"

struct ranks {
    struct bp_job *job;
    struct local *local;
    struct homed *homed;
    uint32_t on_nodes, count;
};

struct ranks *ranks_new(struct bp_job *job, struct local *local, struct homed *homed)
{
    struct ranks *ranks = bp_calloc(1, sizeof *ranks);
    ranks->job = job;
    ranks->local = local;
    ranks->homed = homed;
    ranks->on_nodes = job != NULL ? (uint32_t)bp_job_map(job)->n_ranks : 0;
    ranks->count = ranks->on_nodes + (local != NULL ? local_count(local) : 0);
    return ranks;
}

void ranks_free(struct ranks *ranks)
{
    free(ranks);
}

uint32_t ranks_count(const struct ranks *ranks)
{
    return ranks->count;
}

const char *ranks_node_name(const struct ranks *ranks, uint32_t rank)
{
    if (rank >= ranks->on_nodes)
        return "master";
    return bp_job_node_name(ranks->job, bp_job_map(ranks->job)->ranks[rank]->node);
}

void ranks_kill(const struct ranks *ranks, int signal)
{
    if (ranks->job != NULL)
        bp_job_kill(ranks->job, (unsigned)signal);
    if (ranks->local != NULL)
        local_kill(ranks->local, signal != 0 ? signal : SIGKILL);
}

void ranks_forward(const struct ranks *ranks, const struct signalfd_siginfo *info)
{
    if (ranks->job != NULL)
        bp_job_forward(ranks->job, info->ssi_signo, info->ssi_code, (int)info->ssi_pid,
                       info->ssi_uid, info->ssi_ptr);
    if (ranks->local != NULL) /* not in our process group */
        local_kill(ranks->local, (int)info->ssi_signo);
}

void ranks_pause(const struct ranks *ranks, int paused)
{
    if (ranks->job != NULL)
        bp_job_pause(ranks->job, paused);
    if (ranks->local != NULL)
        local_pause(ranks->local, paused);
    if (ranks->homed != NULL)
        homed_pause(ranks->homed, paused);
}

void ranks_stop_output(const struct ranks *ranks, unsigned channel)
{
    if (ranks->job != NULL)
        bp_job_stop_output(ranks->job, channel);
    if (ranks->local != NULL)
        local_stop_output(ranks->local, channel);
    if (ranks->homed != NULL)
        homed_stop_output(ranks->homed, channel);
}

int ranks_has_data(const struct ranks *ranks, uint32_t rank)
{
    return rank >= ranks->on_nodes || bp_job_has_data(ranks->job, rank);
}

void ranks_input(const struct ranks *ranks, uint32_t rank, const void *bytes, size_t length)
{
    if (rank >= ranks->on_nodes)
        local_input(ranks->local, rank, bytes, length);
    else
        bp_job_input(ranks->job, rank, bytes, length);
}

int ranks_is_away(const struct ranks *ranks, uint32_t rank)
{
    return rank < ranks->on_nodes;
}

void ranks_input_all(const struct ranks *ranks, const void *bytes, size_t length)
{
    if (ranks->job != NULL)
        bp_job_input_all(ranks->job, bytes, length);
}

int ranks_input_room(const struct ranks *ranks, uint32_t under_way)
{
    return ranks->job == NULL || bp_job_input_room(ranks->job, under_way);
}

int ranks_is_over(const struct ranks *ranks)
{
    return (ranks->job == NULL || bp_job_is_over(ranks->job)) &&
           (ranks->local == NULL || local_is_over(ranks->local));
}
