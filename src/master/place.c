/* SPDX-License-Identifier: BSD-3-Clause */
/* place.c - a job's request and the nodes that are up become a map, and that the job's places and
 * ranks. */
#include <errno.h>
#include <string.h>
#include <sys/bproc.h>

#include "common/cpuset.h"
#include "common/mem.h"
#include "common/nodeset.h"
#include "master/master.h"

struct candidates { /* nodes that are up, as placement sees them */
    struct bp_place_node *rows;
    uint8_t **masks;
    size_t count;
};

static void candidates_done(struct candidates *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->masks[i]);
    free(c->masks);
    free(c->rows);
}

/* May the job's user place processes there, and does the node take any now? Root may use a node
 * in whatever state it was given: to find out what is wrong with it. */
static int is_allowed(const struct job *job, const struct node *node)
{
    struct bp_person person = {.uid = job->uid, .gid = job->gid, .groups = job->groups,
                               .group_count = job->group_count};
    return bp_rights_allow(&node->rights, &person);
}

static int is_open(const struct job *job, const struct node *node)
{
    return node->state == NODE_UP && (node->label[0] == '\0' || job->uid == 0);
}

/* What is kept for jobs that wait already is as good as in use. */
static uint8_t *used_mask(const struct machine *machine, int with_kept, size_t *ret_bytes)
{
    uint8_t *mask = machine_mask(machine, ret_bytes);
    if (with_kept && machine->kept)
        memset(mask, 0xff, *ret_bytes);
    return mask;
}

static void candidates_init(struct candidates *c, const struct job *job, int with_kept)
{
    struct master *master = job->master;
    c->rows = bp_calloc(BP_NODES_MAX, sizeof *c->rows);
    c->masks = bp_calloc(BP_NODES_MAX, sizeof *c->masks);
    c->count = 0;
    for (int i = 0; i < BP_NODES_MAX; i++) {
        struct node *node = node_get(master, i);
        if (node == NULL || !is_open(job, node) || !is_allowed(job, node))
            continue;
        size_t bytes;
        uint8_t *mask = used_mask(node->machine, with_kept, &bytes);
        c->masks[c->count] = mask;
        c->rows[c->count++] = (struct bp_place_node){.number = i,
                                                     .machine = node->machine->id,
                                                     .slots = node->slots,
                                                     .slot_count = node->slot_count,
                                                     .used = mask,
                                                     .used_bytes = bytes};
    }
}

/* A node specification of the request: "all" and its kind mean the nodes that the user may use. */
static int parse_words(const struct job *job, const char *text, struct bp_nodeset *ret,
                       struct bp_error *err)
{
    auto_free struct bp_nodeset_node *table = bp_calloc(BP_NODES_MAX, sizeof *table);
    size_t count = 0;
    *ret = (struct bp_nodeset){0};
    if (text[0] == '\0')
        return 0;
    for (int i = 0; i < BP_NODES_MAX; i++) {
        const struct node *node = node_get(job->master, i);
        if (node != NULL && is_allowed(job, node))
            table[count++] = (struct bp_nodeset_node){.number = i, .state = node_state(node)};
    }
    return bp_nodeset_parse(text, table, count, ret, err);
}

static int check_node(const struct job *job, int number, struct bp_error *err)
{
    const struct node *node = node_get(job->master, number);
    if (number < 0)
        return bp_error_set(err, -EINVAL, "the master is not a node for jobs");
    if (node == NULL)
        return bp_error_set(err, -BE_INVALIDNODE, "there is no node %d", number);
    if (!is_allowed(job, node))
        return bp_error_set(err, -EACCES, "node %d: user %u may not place processes there (bpstat "
                            "-l tells who may)", number, job->uid);
    if (!is_open(job, node))
        return bp_error_set(err, -BE_NODEDOWN, "node %d is %s", number, node_state(node));
    return 0;
}

/* The nodes to run on: there and up. */
static int parse_list(const struct job *job, const char *text, struct bp_nodeset *ret,
                      struct bp_error *err)
{
    int r = parse_words(job, text, ret, err);
    if (r == 0 && text[0] != '\0' && ret->count == 0)
        r = bp_error_set(err, -ENOENT, "no node is meant by %s", text);
    for (size_t i = 0; r == 0 && i < ret->count; i++)
        r = check_node(job, ret->numbers[i], err);
    return r;
}

/* No node is left to choose from: for lack of nodes, or of rights? */
static int refuse_none(const struct job *job, struct bp_error *err)
{
    for (int i = 0; i < BP_NODES_MAX; i++) {
        const struct node *node = node_get(job->master, i);
        if (node != NULL && is_open(job, node))
            return bp_error_set(err, -EACCES, "user %u may not place processes on any node that is "
                                "up (bpstat -l tells who may)", job->uid);
    }
    return bp_error_set(err, -BE_NODEDOWN, "no node is up (bpstat lists them)");
}

/* The nodes that this request may mean, whatever runs there now, as bits. */
static void mark_nodes(const struct candidates *c, const struct bp_place_request *request,
                       uint8_t nodes[BP_NODE_BYTES])
{
    memset(nodes, 0, BP_NODE_BYTES);
    for (size_t i = 0; i < c->count && request->list_count == 0; i++)
        bp_cpuset_add(nodes, BP_NODE_BYTES, (unsigned)c->rows[i].number);
    for (size_t i = 0; i < request->list_count; i++)
        bp_cpuset_add(nodes, BP_NODE_BYTES, (unsigned)request->list[i]);
    for (size_t i = 0; i < request->exclude_count; i++)
        if (request->exclude[i] >= 0 && request->exclude[i] < BP_NODES_MAX)
            nodes[request->exclude[i] / 8] &= (uint8_t)~(1u << request->exclude[i] % 8);
}

/* Place it beside the other jobs and those that wait. If only the latter are in the way, that is
 * the reason: what placement would say of CPUs in use is not true then. */
static int try_place(const struct job *job, const struct bp_place_request *request,
                     uint8_t *ret_nodes, struct bp_map **ret_map, struct bp_error *err)
{
    struct candidates candidates;
    struct bp_map *map = NULL;
    candidates_init(&candidates, job, 1);
    int r = candidates.count == 0 ? refuse_none(job, err)
                                  : bp_place(request, candidates.rows, candidates.count, ret_map,
                                             err);
    if (ret_nodes != NULL)
        mark_nodes(&candidates, request, ret_nodes);
    candidates_done(&candidates);
    if (r != -EAGAIN)
        return r;
    candidates_init(&candidates, job, 0);
    if (bp_place(request, candidates.rows, candidates.count, &map, err) == 0)
        bp_error_set(err, r, "its nodes are kept for earlier jobs");
    bp_map_free(map);
    candidates_done(&candidates);
    return r;
}

int place_map(const struct job *job, uint8_t *ret_nodes, struct bp_map **ret_map,
              struct bp_error *err)
{
    const Bpmix__Place *asked = job->request->place;
    struct bp_nodeset list = {0}, exclude = {0};
    struct bp_place_request request = {.ranks = asked->ranks,
                                       .nodes_min = asked->nodes_min,
                                       .ranks_per_node = asked->ranks_per_node,
                                       .cpus_per_rank = asked->cpus_per_rank,
                                       .one_each = asked->one_each};
    int r = bp_place_words(asked->map_by, asked->bind_to, &request, err);
    if (r == 0)
        r = parse_list(job, asked->node_list, &list, err);
    if (r == 0)
        r = parse_words(job, asked->exclude, &exclude, err);
    request.list = list.numbers;
    request.list_count = list.count;
    request.exclude = exclude.numbers;
    request.exclude_count = exclude.count;
    if (r == 0)
        r = try_place(job, &request, ret_nodes, ret_map, err);
    bp_nodeset_done(&list);
    bp_nodeset_done(&exclude);
    return r;
}

/* ---- a map becomes the job's ---- */

static void fill_places(struct job *job, const struct bp_map *map)
{
    job->place_count = map->node_count;
    job->places = bp_calloc(map->node_count, sizeof *job->places);
    job->no_hfi = 1;
    for (unsigned i = 0; i < map->node_count; i++) {
        const struct bp_map_node *row = &map->nodes[i];
        struct place *place = &job->places[i];
        place->node = node_get(job->master, row->number);
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
            if (job->places[k].node->slot_count > cpus)
                cpus = job->places[k].node->slot_count;
        }
        if (ranks > cpus)
            return 1;
    }
    return 0;
}

/* Is it still true: the nodes are there, and nobody else has got the CPUs meanwhile? */
static int is_current(const struct job *job, const struct bp_map *map)
{
    for (unsigned i = 0; i < map->node_count; i++) {
        const struct bp_map_node *row = &map->nodes[i];
        const struct node *node = node_get(job->master, row->number);
        if (node == NULL || !is_open(job, node) || !is_allowed(job, node))
            return 0;
        for (unsigned pu = 0; pu < node->machine->pus; pu++)
            if (node->machine->used[pu] > 0 && bp_cpuset_has(row->taken, row->taken_bytes, pu))
                return 0;
    }
    return 1;
}

int place_take(struct job *job, const struct bp_map *map)
{
    if (!is_current(job, map))
        return -ESTALE;
    fill_places(job, map);
    fill_ranks(job, map);
    job->yield = (uint8_t)is_crowded(job);
    return 0;
}

void place_leave(struct job *job, struct place *place)
{
    machine_use(place->machine, place->taken, place->taken_bytes, -1);
    if (place->taken_bytes > 0)
        queue_freed(job->master, place->machine);
    free(place->taken);
    place->taken = NULL;
    place->taken_bytes = 0;
}

void place_vacate(struct job *job)
{
    for (unsigned i = 0; i < job->place_count; i++)
        place_leave(job, &job->places[i]);
}

void place_release(struct job *job)
{
    place_vacate(job);
    for (unsigned i = 0; i < job->place_count; i++)
        machine_put(job->master, job->places[i].machine);
    job->place_count = 0;
}
