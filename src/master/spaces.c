/* SPDX-License-Identifier: BSD-3-Clause */
/* spaces.c - telling nodes to open the spaces of a job. */
#include <string.h>

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
    open->fanout = job->master->config.fanout;
    open->yield = job->yield;
    open->plain = job->plain;
    open->no_hfi = job->no_hfi;
    open->start = request->start;
    open->inside = job->host != NULL ? job->host->id : 0;
    open->first = job->first;
}

/* The same bytes for all, but for a few at their end: the map of a big job is long. Fields of a
 * message may be packed in two parts, one after the other. */
struct opening {
    uint8_t *bytes; /* with the job's key: cleared when they are freed */
    size_t size;
    size_t common; /* of them for all nodes */
};

static void opening_done(struct opening *opening)
{
    explicit_bzero(opening->bytes, opening->size);
    free(opening->bytes);
}

static void opening_grow(struct opening *opening, size_t size)
{
    struct opening bigger = {bp_calloc(1, size), size, opening->common};
    memcpy(bigger.bytes, opening->bytes, opening->common);
    opening_done(opening);
    *opening = bigger;
}

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
    opening->size = opening->common;
}

static void open_space(struct job *job, unsigned index, struct opening *opening)
{
    struct place *place = &job->places[index];
    Bpmix__SpaceOpen own = BPMIX__SPACE_OPEN__INIT;
    Bpmix__Relay relay;
    if (job->host == NULL)
        ticket_add(job->master, job, place);
    tree_fill(job, index, &relay);
    own.relay = job->request->relay && job->host == NULL && place->ranks > 0 ? &relay : NULL;
    own.ticket = (ProtobufCBinaryData){.data = place->ticket, .len = sizeof place->ticket};
    size_t length = opening->common + protobuf_c_message_get_packed_size(&own.base);
    if (length > opening->size)
        opening_grow(opening, length);
    protobuf_c_message_pack(&own.base, opening->bytes + opening->common);
    node_send_bytes(place->node, &(struct bp_frame){.type = BP_SPACE_OPEN, .job = job->id,
                                                    .node = place->node->number,
                                                    .length = (uint32_t)length}, opening->bytes);
    place->opened = 1;
    place->node->jobs++;
    job->open_places++;
}

void spaces_open(struct job *job)
{
    struct opening opening;
    pack_common(job, &opening);
    tree_prepare(job);
    for (unsigned i = 0; i < job->place_count; i++)
        open_space(job, i, &opening);
    opening_done(&opening);
}

void spaces_open_one(struct job *job, unsigned index)
{
    struct opening opening;
    Bpmix__SpaceOpen open = BPMIX__SPACE_OPEN__INIT;
    Bpmix__Launcher launcher;
    Bpmix__MapNode row = BPMIX__MAP_NODE__INIT, *map = &row;
    row.node = job->places[index].node->number;
    row.name = job->places[index].node->name;
    fill_launcher(job, &launcher);
    open.launcher = &launcher;
    open.map = &map;
    open.n_map = 1;
    fill_space(job, &open);
    open.start = BPMIX__START__EXEC; /* no image comes */
    open.n_apps = 0;
    open.mpi = 0; /* no rank of it is there */
    opening.bytes = bp_pack(&open, &opening.common);
    opening.size = opening.common;
    open_space(job, index, &opening);
    opening_done(&opening);
}

/* What the process is there, where that is not what the job's are. */
static void fill_move(Bpmix__SpaceOpen *open, Bpmix__Launcher *launcher,
                      const Bpmix__JobMove *move)
{
    open->start = move->start;
    open->files = move->files; /* the job's were opened where it began */
    open->n_files = move->n_files;
    if (move->start == BPMIX__START__SELF)
        return;
    open->program = move->program;
    open->argv = move->argv;
    open->n_argv = move->n_argv;
    open->env = move->env;
    open->n_env = move->n_env;
    open->umask = move->umask & 0777;
    launcher->ignored = move->ignored;
    if (move->cwd[0] != '\0')
        open->cwd = move->cwd;
}

void space_open_stay(const struct stay *stay, const Bpmix__JobMove *move)
{
    struct job *job = stay->job;
    uint8_t no_ticket[BP_TICKET_BYTES] = {0};
    Bpmix__SpaceOpen open = BPMIX__SPACE_OPEN__INIT;
    Bpmix__Launcher launcher;
    Bpmix__MapNode row = BPMIX__MAP_NODE__INIT, *map = &row;
    uint32_t rank = stay->proc->rank;
    row.node = stay->node->number;
    row.name = stay->node->name;
    row.ranks = &rank;
    row.n_ranks = 1;
    fill_launcher(job, &launcher);
    fill_space(job, &open);
    open.launcher = &launcher;
    open.map = &map;
    open.n_map = 1;
    fill_move(&open, &launcher, move);
    open.n_apps = 0;
    open.pty = NULL;
    open.stdin_rank = -2; /* what was on its way to it would be lost */
    open.inside = job->host != NULL ? job->host->id : job->id;
    open.carried = stay->number;
    open.ticket = (ProtobufCBinaryData){.data = no_ticket, .len = sizeof no_ticket};
    node_send(stay->node, &(struct bp_frame){.type = BP_SPACE_OPEN, .job = stay->id,
                                             .node = stay->node->number}, &open);
}
