/* SPDX-License-Identifier: BSD-3-Clause */
/* start.c - a job that has its places begins: its launcher gets the map, its nodes the spaces. */
#include <inttypes.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"

void job_answer_map(struct job *job, uint64_t tag, char **warnings, size_t warning_count)
{
    Bpmix__JobMap map = BPMIX__JOB_MAP__INIT;
    Bpmix__Rank *ranks = bp_calloc(job->proc_count, sizeof *ranks);
    Bpmix__Node *nodes = bp_calloc(job->place_count, sizeof *nodes);
    map.job = job->id;
    map.nspace = job->nspace;
    map.key = (ProtobufCBinaryData){.data = job->key.bytes, .len = sizeof job->key.bytes};
    map.lease_ms = job->master->config.lease_ms;
    map.warnings = warnings;
    map.n_warnings = warning_count;
    map.shared = job->shared;
    map.plain = job->plain;
    map.first = job->first;
    map.n_ranks = job->proc_count;
    map.ranks = bp_calloc(job->proc_count, sizeof *map.ranks);
    for (unsigned i = 0; i < job->proc_count; i++) {
        const struct proc *proc = &job->procs[i];
        bpmix__rank__init(&ranks[i]);
        ranks[i].node = job->places[proc->place].node->number;
        ranks[i].local = proc->local;
        ranks[i].serial = i + 1;
        ranks[i].pid = proc->pid;
        ranks[i].cpus = (ProtobufCBinaryData){.data = proc->cpus, .len = proc->cpu_bytes};
        ranks[i].mems = (ProtobufCBinaryData){.data = proc->mems, .len = proc->mem_bytes};
        ranks[i].gpus = proc->gpus;
        ranks[i].n_gpus = proc->gpu_count;
        ranks[i].nic = proc->nic;
        map.ranks[i] = &ranks[i];
    }
    map.n_nodes = job->place_count;
    map.nodes = bp_calloc(job->place_count, sizeof *map.nodes);
    for (unsigned i = 0; i < job->place_count; i++) {
        bpmix__node__init(&nodes[i]);
        nodes[i].number = job->places[i].node->number;
        nodes[i].name = job->places[i].node->name;
        map.nodes[i] = &nodes[i];
    }
    int fds[BP_LOCAL_FDS_MAX];
    unsigned count = herds_take_fds(job, fds);
    tool_send(job->tool, (struct bp_frame){.type = BP_JOB_MAP, .job = job->id, .tag = tag}, &map,
              fds, count);
    free(map.ranks);
    free(map.nodes);
    free(ranks);
    free(nodes);
}

int job_start(struct job *job, uint64_t tag, char **warnings, size_t warning_count,
              struct bp_error *err)
{
    int r = job->in_place != 0 ? in_place_init(job, err) : 0;
    if (r == 0 && job->host != NULL)
        r = inside_check(job, err);
    if (r == 0)
        r = job->parent != 0 ? nested_start(job, tag, warnings, warning_count, err)
                             : herds_open(job, err);
    if (r < 0)
        return r;
    job->tool->job = job;
    job->start_ms = bp_clock_ms();
    if (job->host != NULL)
        inside_open(job);
    if (job->parent == 0)
        job_answer_map(job, tag, warnings, warning_count);
    spaces_open(job);
    if (job->in_place != 0)
        job_create(job); /* it becomes a ghost when its process runs */
    bp_log_info("job-open job=%" PRIx64 " uid=%u ranks=%u nodes=%u launcher=%d program=%s",
                job->id, job->uid, job->proc_count, job->place_count, job->launcher,
                job->request->argv[0]);
    return 0;
}
