/* SPDX-License-Identifier: BSD-3-Clause */
/* spaces.c - telling nodes to open the spaces of a job. */
#include "common/mem.h"
#include "master/master.h"

static void fill_map(const struct job *job, Bpmix__SpaceOpen *open, Bpmix__MapNode *rows,
                     uint32_t *ranks)
{
    for (unsigned i = 0; i < job->place_count; i++) {
        bpmix__map_node__init(&rows[i]);
        rows[i].node = job->places[i].node->number;
        rows[i].name = job->places[i].node->name;
        rows[i].ranks = ranks;
        for (unsigned r = 0; r < job->proc_count; r++)
            if (job->procs[r].place == i)
                rows[i].ranks[rows[i].n_ranks++] = r;
        ranks += rows[i].n_ranks;
        open->map[i] = &rows[i];
    }
    open->n_map = job->place_count;
}

/* What is the same for all nodes. Points into the job. */
static void fill_open(const struct job *job, Bpmix__SpaceOpen *open, Bpmix__Launcher *launcher)
{
    const Bpmix__JobRequest *request = job->request;
    bpmix__space_open__init(open);
    bpmix__launcher__init(launcher);
    launcher->pid = job->launcher;
    launcher->group = job->group;
    launcher->session = job->session;
    launcher->orphaned = job->orphaned;
    if (job->in_place != 0)
        launcher->leads = in_place_lead(job, launcher);
    /* A user may be nicer than the usual, not less nice. */
    launcher->ignored = request->launcher->ignored;
    launcher->nice = job->uid != 0 && request->launcher->nice < 0 ? 0 : request->launcher->nice;
    open->launcher = launcher;
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
    open->nspace = (char *)job->nspace;
    open->key = (ProtobufCBinaryData){.data = (uint8_t *)job->key.bytes,
                                      .len = sizeof job->key.bytes};
    open->stdin_rank = request->stdin_rank;
    open->merge_stderr = request->merge_stderr;
    open->fanout = job->master->config.fanout;
    open->yield = job->yield;
    open->no_hfi = job->no_hfi;
    open->start = request->start;
    open->inside = job->host != NULL ? job->host->id : 0;
    open->first = job->first;
}

static void send_open(struct job *job, struct place *place, Bpmix__SpaceOpen *open)
{
    if (job->host == NULL)
        ticket_add(job->master, job, place);
    open->ticket = (ProtobufCBinaryData){.data = place->ticket, .len = sizeof place->ticket};
    node_send(place->node, &(struct bp_frame){.type = BP_SPACE_OPEN, .job = job->id,
                                              .node = place->node->number}, open);
    place->opened = 1;
    place->node->jobs++;
    job->open_places++;
}

void spaces_open(struct job *job)
{
    Bpmix__SpaceOpen open;
    Bpmix__Launcher launcher;
    Bpmix__Relay relay;
    auto_free Bpmix__MapNode *rows = bp_calloc(job->place_count, sizeof *rows);
    auto_free Bpmix__MapNode **map = bp_calloc(job->place_count, sizeof *map);
    auto_free uint32_t *ranks = bp_calloc(job->proc_count, sizeof *ranks);
    fill_open(job, &open, &launcher);
    open.map = map;
    fill_map(job, &open, rows, ranks);
    tree_prepare(job);
    for (unsigned i = 0; i < job->place_count; i++) {
        tree_fill(job, i, &relay);
        open.relay = job->request->relay && job->host == NULL ? &relay : NULL;
        send_open(job, &job->places[i], &open);
    }
}

void spaces_open_one(struct job *job, unsigned index)
{
    Bpmix__SpaceOpen open;
    Bpmix__Launcher launcher;
    Bpmix__MapNode row = BPMIX__MAP_NODE__INIT, *map = &row;
    row.node = job->places[index].node->number;
    row.name = job->places[index].node->name;
    fill_open(job, &open, &launcher);
    open.map = &map;
    open.n_map = 1;
    open.start = BPMIX__START__EXEC; /* no image comes */
    open.mpi = 0;
    send_open(job, &job->places[index], &open);
}
