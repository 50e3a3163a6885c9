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

static void fill_map(const struct job *job, Bpmix__SpaceOpen *open, Bpmix__MapNode *rows,
                     uint32_t *ranks)
{
    for (unsigned i = 0; i < job->place_count; i++) {
        bpmix__map_node__init(&rows[i]);
        rows[i].node = job->places[i].node->number;
        rows[i].name = job->places[i].node->name;
        rows[i].ranks = ranks;
        ranks += job->places[i].ranks;
        open->map[i] = &rows[i];
    }
    for (unsigned r = 0; r < job->proc_count; r++) {
        Bpmix__MapNode *row = &rows[job->procs[r].place];
        row->ranks[row->n_ranks++] = r;
    }
    open->n_map = job->place_count;
}

static void fill_launcher(const struct job *job, Bpmix__Launcher *launcher)
{
    const Bpmix__Launcher *asked = job->request->launcher;
    bpmix__launcher__init(launcher);
    launcher->pid = job->launcher;
    launcher->group = job->group;
    launcher->session = job->session;
    launcher->orphaned = job->orphaned;
    if (job->in_place != 0)
        launcher->leads = in_place_lead(job, launcher);
    /* A user may be nicer than the usual, not less nice. */
    launcher->ignored = asked->ignored;
    launcher->nice = job->uid != 0 && asked->nice < 0 ? 0 : asked->nice;
}

/* What all nodes are told. */
static void fill_space(struct job *job, Bpmix__SpaceOpen *open)
{
    const Bpmix__JobRequest *request = job->request;
    open->uid = job->uid;
    open->gid = job->gid;
    open->groups = job->groups;
    open->n_groups = job->group_count;
    open->argv = request->argv;
    open->n_argv = request->n_argv;
    open->env = request->env;
    open->n_env = request->n_env;
    open->cwd = request->cwd;
    open->program = request->program;
    open->apps = request->apps;
    open->n_apps = request->n_apps;
    open->umask = request->umask;
    open->limits = request->limits;
    open->n_limits = request->n_limits;
    open->files = request->files;
    open->n_files = request->n_files;
    open->pty = request->pty;
    open->mpi = request->mpi;
    open->nspace = job->nspace;
    open->key = (ProtobufCBinaryData){.data = job->key.bytes, .len = sizeof job->key.bytes};
    open->stdin_rank = request->stdin_rank;
    open->merge_stderr = request->merge_stderr;
    open->fanout = job->master->config.fanout;
    open->yield = job->yield;
    open->no_hfi = job->no_hfi;
    open->start = request->start;
}

/* The same bytes for all, but for a few at their end: the map of a big job is long. Fields of a
 * message may be packed in two parts, one after the other. */
struct opening {
    uint8_t *bytes;
    size_t common; /* of them for all nodes */
};

static void pack_common(struct job *job, struct opening *opening)
{
    Bpmix__SpaceOpen open = BPMIX__SPACE_OPEN__INIT;
    Bpmix__Launcher launcher;
    auto_free Bpmix__MapNode *rows = bp_calloc(job->place_count, sizeof *rows);
    auto_free Bpmix__MapNode **map = bp_calloc(job->place_count, sizeof *map);
    auto_free uint32_t *ranks = bp_calloc(job->proc_count, sizeof *ranks);
    fill_launcher(job, &launcher);
    open.launcher = &launcher;
    open.map = map;
    fill_space(job, &open);
    fill_map(job, &open, rows, ranks);
    opening->bytes = bp_pack(&open, &opening->common);
}

static void open_space(struct job *job, unsigned index, struct opening *opening)
{
    struct place *place = &job->places[index];
    Bpmix__SpaceOpen own = BPMIX__SPACE_OPEN__INIT;
    Bpmix__Relay relay;
    ticket_add(job->master, job, place);
    tree_fill(job, index, &relay);
    own.relay = job->request->relay ? &relay : NULL;
    own.ticket = (ProtobufCBinaryData){.data = place->ticket, .len = sizeof place->ticket};
    size_t length = opening->common + protobuf_c_message_get_packed_size(&own.base);
    opening->bytes = bp_realloc(opening->bytes, length, 1);
    protobuf_c_message_pack(&own.base, opening->bytes + opening->common);
    node_send_bytes(place->node, &(struct bp_frame){.type = BP_SPACE_OPEN, .job = job->id,
                                                    .node = place->node->number,
                                                    .length = (uint32_t)length}, opening->bytes);
    place->opened = 1;
    place->node->jobs++;
    job->open_places++;
}

/* The nodes make the job's spaces while the launcher makes the ghosts. */
static void open_spaces(struct job *job)
{
    struct opening opening;
    pack_common(job, &opening);
    tree_prepare(job);
    for (unsigned i = 0; i < job->place_count; i++)
        open_space(job, i, &opening);
    free(opening.bytes);
}

int job_start(struct job *job, uint64_t tag, char **warnings, size_t warning_count,
              struct bp_error *err)
{
    int r = job->in_place != 0 ? in_place_init(job, err) : 0;
    if (r == 0)
        r = job->parent != 0 ? nested_start(job, tag, warnings, warning_count, err)
                             : herds_open(job, err);
    if (r < 0)
        return r;
    job->tool->job = job;
    job->start_ms = bp_clock_ms();
    if (job->parent == 0)
        job_answer_map(job, tag, warnings, warning_count);
    open_spaces(job);
    if (job->in_place != 0)
        job_create(job); /* it becomes a ghost when its process runs */
    bp_log_info("job-open job=%" PRIx64 " uid=%u ranks=%u nodes=%u launcher=%d program=%s",
                job->id, job->uid, job->proc_count, job->place_count, job->launcher,
                job->request->argv[0]);
    return 0;
}
