/* SPDX-License-Identifier: BSD-3-Clause */
/* place.c - a job's request and the nodes that are up become the job's places and ranks. */
#include <errno.h>
#include <string.h>
#include <sys/bproc.h>

#include "common/cpuset.h"
#include "common/mem.h"
#include "master/master.h"
#include "placement/wire.h"

struct candidates { /* nodes that are up, as placement sees them */
    struct bp_place_node *rows;
    struct node **nodes;
    uint8_t **masks;
    size_t count;
};

static void candidates_done(struct candidates *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->masks[i]);
    free(c->masks);
    free(c->rows);
    free(c->nodes);
}

/* May the job's user place processes there, and does the node take any now? Root may use a node
 * in whatever state it was given: to find out what is wrong with it. */
static struct bp_person job_person(const struct job *job)
{
    return (struct bp_person){.uid = job->uid, .gid = job->gid, .groups = job->groups,
                              .group_count = job->group_count};
}

static int is_open(const struct node *node, const struct bp_person *person)
{
    return node->state == NODE_UP && (node->label[0] == '\0' || person->uid == 0);
}

static void candidates_init(struct candidates *c, const struct job *job)
{
    struct master *master = job->master;
    struct bp_person person = job_person(job);
    c->rows = bp_calloc(BP_NODES_MAX, sizeof *c->rows);
    c->nodes = bp_calloc(BP_NODES_MAX, sizeof *c->nodes);
    c->masks = bp_calloc(BP_NODES_MAX, sizeof *c->masks);
    c->count = 0;
    for (int i = 0; i < BP_NODES_MAX; i++) {
        struct node *node = node_get(master, i);
        if (node == NULL || !is_open(node, &person) ||
            !bp_rights_allow(&node->rights, &person))
            continue;
        size_t bytes;
        uint8_t *mask = machine_mask(node->machine, &bytes);
        c->masks[c->count] = mask;
        c->nodes[c->count] = node;
        c->rows[c->count++] = (struct bp_place_node){.number = i,
                                                     .machine = node->machine->id,
                                                     .hardware = &node->hardware,
                                                     .used = mask,
                                                     .used_bytes = bytes};
    }
}

int place_check_node(const struct master *master, int number, const struct bp_person *person,
                     struct bp_error *err)
{
    const struct node *node = node_get(master, number);
    if (number < 0)
        return bp_error_set(err, -EINVAL, "the master is not a node for jobs");
    if (node == NULL)
        return bp_error_set(err, -BE_INVALIDNODE, "there is no node %d", number);
    if (!bp_rights_allow(&node->rights, person))
        return bp_error_set(err, -EACCES, "node %d: user %u may not place processes there (bpstat "
                            "-l tells who may)", number, person->uid);
    if (!is_open(node, person))
        return bp_error_set(err, -BE_NODEDOWN, "node %d is %s", number, node_state(node));
    return 0;
}

/* The request; "all" and its kind mean the nodes that the user may use. */
static int read_request(const struct job *job, struct bp_asked *asked, struct bp_error *err)
{
    auto_free struct bp_nodeset_node *table = bp_calloc(BP_NODES_MAX, sizeof *table);
    struct bp_person person = job_person(job);
    size_t count = 0;
    for (int i = 0; i < BP_NODES_MAX; i++) {
        const struct node *node = node_get(job->master, i);
        if (node != NULL && bp_rights_allow(&node->rights, &person))
            table[count++] = (struct bp_nodeset_node){.number = i, .state = node_state(node)};
    }
    int number, r = bp_asked_init(asked, job->request->place, table, count, err);
    for (size_t i = 0; r == 0 && bp_asked_node(asked, i, &number); i++)
        r = place_check_node(job->master, number, &person, err);
    return r;
}

/* No node is left to choose from: for lack of nodes, or of rights? */
static int refuse_none(const struct job *job, struct bp_error *err)
{
    struct bp_person person = job_person(job);
    for (int i = 0; i < BP_NODES_MAX; i++) {
        const struct node *node = node_get(job->master, i);
        if (node != NULL && is_open(node, &person))
            return bp_error_set(err, -EACCES, "user %u may not place processes on any node that is "
                                "up (bpstat -l tells who may)", job->uid);
    }
    return bp_error_set(err, -BE_NODEDOWN, "no node is up (bpstat lists them)");
}

static void fill_places(struct job *job, const struct bp_map *map, struct node **nodes)
{
    job->place_count = map->node_count;
    job->places = bp_calloc(map->node_count, sizeof *job->places);
    job->no_hfi = 1;
    for (unsigned i = 0; i < map->node_count; i++) {
        const struct bp_map_node *row = &map->nodes[i];
        struct place *place = &job->places[i];
        place->node = nodes[row->index];
        place->machine = place->node->machine;
        place->machine->references++;
        place->ranks = row->ranks;
        place->taken_bytes = row->taken_bytes;
        place->taken = bp_memdup(row->taken, row->taken_bytes);
        machine_use(place->machine, place->taken, place->taken_bytes, 1);
        job->no_hfi &= !place->node->hfi;
    }
}

static void fill_ranks(struct job *job, const struct bp_map *map)
{
    job->proc_count = job->live = map->rank_count;
    job->procs = bp_calloc(map->rank_count, sizeof *job->procs);
    for (uint32_t i = 0; i < map->rank_count; i++) {
        const struct bp_map_rank *row = &map->ranks[i];
        struct proc *proc = &job->procs[i];
        *proc = (struct proc){.rank = i, .place = row->node, .local = row->local,
                              .cpu_bytes = row->cpus_bytes,
                              .cpus = bp_memdup(row->cpus, row->cpus_bytes)};
    }
}

/* Does a computer, of which several nodes may be parts, get more ranks than it has CPUs? */
static int is_crowded(const struct job *job)
{
    for (unsigned i = 0; i < job->place_count; i++) {
        unsigned ranks = 0, cpus = 0;
        for (unsigned k = 0; k < job->place_count; k++) {
            if (job->places[k].machine != job->places[i].machine)
                continue;
            ranks += job->places[k].ranks;
            if (job->places[k].node->hardware.slot_count > cpus)
                cpus = (unsigned)job->places[k].node->hardware.slot_count;
        }
        if (ranks > cpus)
            return 1;
    }
    return 0;
}

int place_job(struct job *job, char ***ret_warnings, size_t *ret_count, struct bp_error *err)
{
    struct bp_asked asked = {0};
    struct candidates candidates;
    struct bp_map *map = NULL;
    int r = read_request(job, &asked, err);
    candidates_init(&candidates, job);
    if (r == 0 && candidates.count == 0)
        r = refuse_none(job, err);
    if (r == 0)
        r = bp_place(&asked.request, candidates.rows, candidates.count, &map, err);
    if (r == 0) {
        fill_places(job, map, candidates.nodes);
        fill_ranks(job, map);
        job->yield = (uint8_t)is_crowded(job);
        *ret_warnings = bp_take_ptr(map->warnings);
        *ret_count = map->warning_count;
        map->warning_count = 0;
    }
    bp_map_free(map);
    bp_asked_done(&asked);
    candidates_done(&candidates);
    return r;
}

void place_vacate(struct job *job)
{
    for (unsigned i = 0; i < job->place_count; i++) {
        struct place *place = &job->places[i];
        machine_use(place->machine, place->taken, place->taken_bytes, -1);
        free(place->taken);
        place->taken = NULL;
        place->taken_bytes = 0;
    }
}

void place_release(struct job *job)
{
    place_vacate(job);
    for (unsigned i = 0; i < job->place_count; i++)
        machine_put(job->master, job->places[i].machine);
    job->place_count = 0;
}
