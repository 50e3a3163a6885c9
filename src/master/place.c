/* SPDX-License-Identifier: BSD-3-Clause */
/* place.c - a job's request and the nodes that are up become a map. */
#include <errno.h>
#include <string.h>
#include <sys/bproc.h>

#include "common/cpuset.h"
#include "common/mem.h"
#include "master/master.h"
#include "placement/wire.h"

struct candidates { /* nodes that are up, as placement sees them */
    struct bp_place_node *rows;
    size_t count;
};

static void candidates_done(struct candidates *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free((void *)c->rows[i].used);
        free((void *)c->rows[i].used_devices);
    }
    free(c->rows);
}

/* What is kept for jobs that wait already is as good as in use. */
static struct bp_place_node row_of(const struct node *node, int with_kept)
{
    struct bp_place_node row = {.number = node->number, .machine = node->machine->id,
                                .hardware = &node->hardware};
    uint8_t *used = machine_mask(node->machine, &row.used_bytes);
    uint8_t *devices = machine_device_mask(node->machine, &node->hardware, &row.used_devices_bytes);
    if (with_kept && node->machine->kept) {
        memset(used, 0xff, row.used_bytes);
        memset(devices, 0xff, row.used_devices_bytes);
    }
    row.used = used;
    row.used_devices = devices;
    return row;
}

static void candidates_init(struct candidates *c, const struct job *job, int with_kept)
{
    c->rows = bp_calloc(BP_NODES_MAX, sizeof *c->rows);
    c->count = 0;
    for (int i = 0; i < BP_NODES_MAX; i++) {
        const struct node *node = node_get(job->master, i);
        if (node != NULL && job_may_enter(job, node))
            c->rows[c->count++] = row_of(node, with_kept);
    }
}

static struct bp_person person_of(const struct job *job)
{
    return (struct bp_person){.uid = job->uid, .gid = job->gid, .groups = job->groups,
                              .group_count = job->group_count};
}

/* Does the node take jobs now? Root may use a node in whatever state it was given: to find out what
 * is wrong with it. */
static int is_open(const struct node *node, uid_t uid)
{
    return node->state == NODE_UP && (node->label[0] == '\0' || uid == 0);
}

static int check_cpu(const struct job *job, const struct node *node, struct bp_error *err)
{
    const char *missing = bp_cpu_missing(job->cpu, node->cpu);
    return missing == NULL ? 0
                           : bp_error_set(err, -ENOTSUP, "node %d: its CPU has no %s, which %.80s "
                                          "was started with", node->number, missing,
                                          job->request->argv[0]);
}

/* A child that is to go home is made beside the process that asks: where that is, it may be. */
static int is_beside(const struct job *job, const struct node *node)
{
    return job->tool != NULL && job->tool->via == node &&
           job->request->start == BPMIX__START__SELF;
}

static int is_let_in(const struct job *job, const struct node *node)
{
    struct bp_person person = person_of(job);
    if (is_beside(job, node))
        return 1;
    return is_open(node, job->uid) && bp_rights_allow(&node->rights, &person);
}

int job_may_enter(const struct job *job, const struct node *node)
{
    return is_let_in(job, node) && bp_cpu_missing(job->cpu, node->cpu) == NULL;
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
    if (!is_open(node, person->uid))
        return bp_error_set(err, -BE_NODEDOWN, "node %d is %s", number, node_state(node));
    return 0;
}

static int check_node(const struct job *job, int number, const struct bp_person *person,
                      struct bp_error *err)
{
    const struct node *node = node_get(job->master, number);
    int r = node != NULL && is_beside(job, node)
                ? 0
                : place_check_node(job->master, number, person, err);
    return r < 0 ? r : check_cpu(job, node, err);
}

/* The request; "all" and its kind mean the nodes that the user may use. */
static int read_request(const struct job *job, struct bp_asked *asked, struct bp_error *err)
{
    auto_free struct bp_nodeset_node *table = bp_calloc(BP_NODES_MAX, sizeof *table);
    struct bp_person person = person_of(job);
    size_t count = 0;
    for (int i = 0; i < BP_NODES_MAX; i++) {
        const struct node *node = node_get(job->master, i);
        if (node != NULL && (bp_rights_allow(&node->rights, &person) || is_beside(job, node)))
            table[count++] = (struct bp_nodeset_node){.number = i, .state = node_state(node),
                                                        .host = node->hostname};
    }
    int number, r = bp_asked_init(asked, job->request->place, table, count, err);
    for (size_t i = 0; r == 0 && bp_asked_node(asked, i, &number); i++)
        r = check_node(job, number, &person, err);
    return r;
}

/* No node is left to choose from: for lack of nodes, rights, or CPUs that are good enough? */
static int refuse_none(const struct job *job, struct bp_error *err)
{
    for (int i = 0; i < BP_NODES_MAX; i++) {
        const struct node *node = node_get(job->master, i);
        if (node != NULL && is_let_in(job, node))
            return check_cpu(job, node, err);
    }
    for (int i = 0; i < BP_NODES_MAX; i++) {
        const struct node *node = node_get(job->master, i);
        if (node != NULL && is_open(node, job->uid))
            return bp_error_set(err, -EACCES, "user %u may not place processes on any node that is "
                                "up (bpstat -l tells who may)", job->uid);
    }
    return bp_error_set(err, -BE_NODEDOWN, "no node is up (bpstat lists them)");
}

/* The nodes that this request may mean, whatever runs there now, as bits. */
static void mark_nodes(const struct candidates *c, const struct bp_asked *asked,
                       uint8_t nodes[BP_NODE_BYTES])
{
    int number;
    size_t named = 0;
    memset(nodes, 0, BP_NODE_BYTES);
    for (; bp_asked_node(asked, named, &number); named++)
        bp_cpuset_add(nodes, BP_NODE_BYTES, (unsigned)number);
    for (size_t i = 0; i < c->count && named == 0; i++)
        bp_cpuset_add(nodes, BP_NODE_BYTES, (unsigned)c->rows[i].number);
    for (size_t i = 0; i < asked->exclude.count; i++)
        if (asked->exclude.numbers[i] >= 0 && asked->exclude.numbers[i] < BP_NODES_MAX)
            nodes[asked->exclude.numbers[i] / 8] &=
                (uint8_t)~(1u << asked->exclude.numbers[i] % 8);
}

/* Place it beside the other jobs and those that wait. If only the latter are in the way, that is
 * the reason: what placement would say of CPUs in use is not true then. */
static int try_place(const struct job *job, const struct bp_asked *asked, uint8_t *ret_nodes,
                     struct bp_map **ret_map, struct bp_error *err)
{
    struct candidates candidates;
    struct bp_map *map = NULL;
    candidates_init(&candidates, job, 1);
    int r = candidates.count == 0 ? refuse_none(job, err)
                                  : bp_place(&asked->request, candidates.rows, candidates.count,
                                             ret_map, err);
    if (ret_nodes != NULL)
        mark_nodes(&candidates, asked, ret_nodes);
    candidates_done(&candidates);
    if (r != -EAGAIN)
        return r;
    candidates_init(&candidates, job, 0);
    if (bp_place(&asked->request, candidates.rows, candidates.count, &map, err) == 0)
        bp_error_set(err, r, "its nodes are kept for earlier jobs");
    bp_map_free(map);
    candidates_done(&candidates);
    return r;
}

int place_map(const struct job *job, uint8_t *ret_nodes, struct bp_map **ret_map,
              struct bp_error *err)
{
    struct bp_asked asked = {0};
    int r = read_request(job, &asked, err);
    if (r == 0)
        r = try_place(job, &asked, ret_nodes, ret_map, err);
    bp_asked_done(&asked);
    return r;
}
