/* SPDX-License-Identifier: BSD-3-Clause */
/* job_list.c - the jobs, for tools that list them. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/cpuset.h"
#include "common/mem.h"
#include "master/master.h"

#define TEXT_MAX 1000 /* bytes of a command */

static const char *job_state(const struct job *job)
{
    if (job->waiter != NULL)
        return "waiting";
    return job->closing ? "closing" : job->created ? "running" : "starting";
}

/* The cores of which it has a CPU; a core is counted once for all nodes on a machine, as those of
 * a job never share one. */
static unsigned count_cores(const struct job *job)
{
    unsigned cores = 0;
    auto_free uint8_t *seen = bp_calloc(1, BP_CPUSET_BYTES_MAX);
    for (unsigned i = 0; i < job->place_count; i++) {
        const struct place *place = &job->places[i];
        memset(seen, 0, BP_CPUSET_BYTES_MAX);
        const struct bp_hardware *hardware = &place->node->hardware;
        for (size_t k = 0; k < hardware->slot_count; k++)
            if (bp_cpuset_has(place->taken, place->taken_bytes, hardware->slots[k].pu))
                bp_cpuset_add(seen, BP_CPUSET_BYTES_MAX, hardware->slots[k].core);
        cores += bp_cpuset_count(seen, BP_CPUSET_BYTES_MAX);
    }
    return cores;
}

static Bpmix__JobRow *job_row(struct job *job)
{
    Bpmix__JobRow *row = bp_calloc(1, sizeof *row);
    const char *reason = "";
    bpmix__job_row__init(row);
    row->job = job->id;
    row->uid = job->uid;
    row->command = strndup(job->request->argv[0], TEXT_MAX);
    row->ranks = job->waiter != NULL ? job->request->place->ranks : job->proc_count;
    row->launcher_pid = job->launcher;
    row->age_ms = bp_clock_ms() - job->start_ms;
    row->state = (char *)job_state(job);
    row->position = queue_position(job, &reason);
    row->reason = (char *)reason;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    for (unsigned i = 0; i < job->place_count; i++)
        fprintf(stream, "%s%d", i > 0 ? "," : "", job->places[i].node->number);
    fclose(stream);
    row->nodes = text;
    row->cores = count_cores(job);
    for (unsigned i = 0; i < job->place_count; i++)
        row->gpus += job->places[i].device_count;
    return row;
}

void job_list(struct master *master, Bpmix__JobList *ret_list)
{
    bpmix__job_list__init(ret_list);
    ret_list->jobs = bp_calloc(HASH_COUNT(master->jobs), sizeof *ret_list->jobs);
    struct job *job, *next;
    HASH_ITER(hh, master->jobs, job, next)
        ret_list->jobs[ret_list->n_jobs++] = job_row(job);
}

void job_list_done(Bpmix__JobList *list)
{
    for (size_t i = 0; i < list->n_jobs; i++) {
        free(list->jobs[i]->nodes);
        free(list->jobs[i]->command);
        free(list->jobs[i]);
    }
    free(list->jobs);
}
