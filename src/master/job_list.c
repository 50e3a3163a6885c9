/* SPDX-License-Identifier: BSD-3-Clause */
/* job_list.c - the jobs, for tools that list them. */
#include <string.h>

#include "common/clock.h"
#include "common/cpuset.h"
#include "common/mem.h"
#include "common/nodeset.h"
#include "master/master.h"

#define TEXT_MAX 1000 /* bytes of a command */

static const char *job_state(const struct job *job)
{
    if (job->waiter != NULL)
        return "waiting";
    return job->closing ? "closing" : job->created ? "running" : "starting";
}

static int compare_machines(const void *a, const void *b)
{
    const struct place *x = *(const struct place *const *)a, *y = *(const struct place *const *)b;
    return (x->machine->id > y->machine->id) - (x->machine->id < y->machine->id);
}

static void add_cores(const struct place *place, uint8_t cores[BP_CPUSET_BYTES_MAX])
{
    const struct bp_hardware *hardware = &place->node->hardware;
    for (size_t i = 0; i < hardware->slot_count; i++)
        if (bp_cpuset_has(place->taken, place->taken_bytes, hardware->slots[i].pu))
            bp_cpuset_add(cores, BP_CPUSET_BYTES_MAX, hardware->slots[i].core);
}

/* The cores of which it has a CPU, each once: several of its nodes may share a machine. */
static unsigned count_cores(const struct job *job)
{
    unsigned count = 0;
    uint8_t cores[BP_CPUSET_BYTES_MAX] = {0};
    auto_free const struct place **places = bp_calloc(job->place_count, sizeof(struct place *));
    for (unsigned i = 0; i < job->place_count; i++)
        places[i] = &job->places[i];
    qsort(places, job->place_count, sizeof *places, compare_machines);
    for (unsigned i = 0; i < job->place_count; i++) {
        add_cores(places[i], cores);
        if (i + 1 < job->place_count && places[i + 1]->machine == places[i]->machine)
            continue;
        count += bp_cpuset_count(cores, sizeof cores);
        memset(cores, 0, sizeof cores);
    }
    return count;
}

/* The nodes of its map; once processes have gone on, those where they are. */
static unsigned list_nodes(const struct job *job, int *numbers)
{
    uint8_t nodes[BP_NODE_BYTES] = {0};
    unsigned moved = 0, count = 0;
    for (unsigned i = 0; i < job->proc_count; i++) {
        const struct proc *proc = &job->procs[i];
        moved += proc->stay != NULL || proc->resident != NULL;
        if (proc->state != PROC_GONE && proc->resident == NULL)
            bp_cpuset_add(nodes, sizeof nodes, (unsigned)proc_node(job, proc)->number);
    }
    for (unsigned i = 0; moved == 0 && i < job->place_count; i++)
        numbers[count++] = job->places[i].node->number;
    for (unsigned i = 0; moved > 0 && i < BP_NODES_MAX; i++)
        if (bp_cpuset_has(nodes, sizeof nodes, i))
            numbers[count++] = (int)i;
    return count;
}

/* "n5", "n[0-3,7]". The caller frees it. */
static char *nodes_text(const struct job *job)
{
    auto_free int *numbers = bp_calloc(job->place_count + job->proc_count, sizeof *numbers);
    unsigned count = list_nodes(job, numbers);
    auto_free char *list = bp_nodeset_format(numbers, count, "");
    return count == 0   ? bp_strdup("")
           : count == 1 ? bp_format("n%s", list)
                        : bp_format("n[%s]", list);
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
    row->nodes = nodes_text(job);
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
