/* SPDX-License-Identifier: BSD-3-Clause */
/* map_nodes.c - the nodes that a map is made for. */
#include <errno.h>
#include <string.h>
#include <sys/bproc.h>
#include <unistd.h>

#include "common/mem.h"
#include "lib/node.h"
#include "tools/map_nodes.h"
#include "tools/topology.h"

void map_nodes_done(struct map_nodes *nodes)
{
    for (size_t i = 0; i < nodes->hardware_count; i++)
        bp_hardware_done(&nodes->hardware[i]);
    free(nodes->hardware);
    free(nodes->rows);
    free(nodes->files);
    free(nodes->states);
    free(nodes->full);
    bp_unpack_free(nodes->list);
    *nodes = (struct map_nodes){0};
}

/* ---- bpmaster's ---- */

/* One of the computers that nodes have alike, with these devices; appended. */
static int take_hardware(struct map_nodes *nodes, uint32_t kind, Bpmix__Device **devices,
                         size_t device_count, struct bp_error *err)
{
    Bpmix__Hardware *row = nodes->list->hardware[kind];
    int r = bp_hardware_take(row->slots, row->n_slots, devices, device_count, row->numas,
                             row->n_numas, &nodes->hardware[nodes->hardware_count], err);
    if (r == 0)
        nodes->hardware_count++;
    return r;
}

/* Nodes without devices share what they have alike. */
static int find_hardware(struct map_nodes *nodes, const Bpmix__HardwareNode *node,
                         const struct bp_hardware **ret, struct bp_error *err)
{
    if (node->hardware >= nodes->list->n_hardware)
        return bp_error_set(err, -EPROTO, "bpmaster sent no hardware of node %d", node->number);
    *ret = &nodes->hardware[node->hardware];
    if (node->n_devices == 0)
        return 0;
    *ret = &nodes->hardware[nodes->hardware_count];
    return take_hardware(nodes, node->hardware, node->devices, node->n_devices, err);
}

static int take_nodes(struct map_nodes *nodes, struct bp_error *err)
{
    size_t count = nodes->list->n_nodes, kinds = nodes->list->n_hardware;
    int r = 0;
    nodes->hardware = bp_calloc(kinds + count, sizeof *nodes->hardware);
    for (uint32_t i = 0; r == 0 && i < kinds; i++)
        r = take_hardware(nodes, i, NULL, 0, err);
    nodes->rows = bp_calloc(count, sizeof *nodes->rows);
    nodes->states = bp_calloc(count, sizeof *nodes->states);
    for (size_t i = 0; r == 0 && i < count; i++) {
        const Bpmix__HardwareNode *node = nodes->list->nodes[i];
        struct bp_place_node *row = &nodes->rows[nodes->row_count];
        if (node->number < 0 || node->number > BP_NODE_NUMBER_MAX ||
            (i > 0 && node->number <= nodes->list->nodes[i - 1]->number))
            return bp_error_set(err, -EPROTO, "bpmaster sent nodes in disorder");
        if (node->allowed)
            nodes->states[nodes->state_count++] =
                (struct bp_nodeset_node){.number = node->number, .state = node->state,
                                         .host = node->host};
        if (node->refusal != NULL)
            continue;
        *row = (struct bp_place_node){.number = node->number, .machine = node->machine};
        r = find_hardware(nodes, node, &row->hardware, err);
        nodes->row_count++;
    }
    if (r < 0)
        return r;
    nodes->full = bp_calloc(1, BP_CPUSET_BYTES_MAX);
    memset(nodes->full, 0xff, BP_CPUSET_BYTES_MAX);
    map_nodes_use(nodes, MAP_NODES_KEPT);
    return 0;
}

void map_nodes_use(struct map_nodes *nodes, enum map_nodes_use use)
{
    struct bp_place_node *row = nodes->rows;
    for (size_t i = 0; nodes->list != NULL && i < nodes->list->n_nodes; i++) {
        const Bpmix__HardwareNode *node = nodes->list->nodes[i];
        if (node->refusal != NULL)
            continue;
        bool kept = use == MAP_NODES_KEPT && node->kept;
        row->used = kept ? nodes->full : node->used.data;
        row->used_bytes = kept ? BP_CPUSET_BYTES_MAX : node->used.len;
        row->used_devices = kept ? nodes->full : node->used_devices.data;
        row->used_devices_bytes = kept ? BP_DEVICES_MAX / 8 : node->used_devices.len;
        if (use == MAP_NODES_IDLE)
            row->used_bytes = row->used_devices_bytes = 0;
        row++;
    }
}

int map_nodes_live(struct map_nodes *nodes, struct bp_error *err)
{
    *nodes = (struct map_nodes){.list = bp_node_hardware(err)};
    if (nodes->list == NULL)
        return err->code;
    int r = take_nodes(nodes, err);
    if (r < 0)
        map_nodes_done(nodes);
    return r;
}

/* ---- of files ---- */

int map_nodes_files(struct map_nodes *nodes, const struct map_file *files, size_t file_count,
                    struct bp_error *err)
{
    uint32_t count = 0;
    for (size_t i = 0; i < file_count; i++) {
        if (files[i].count > MAP_NODES_MAX - count)
            return bp_error_set(err, -E2BIG, "more than %d nodes", MAP_NODES_MAX);
        count += files[i].count;
    }
    *nodes = (struct map_nodes){.hardware = bp_calloc(file_count, sizeof *nodes->hardware),
                                .rows = bp_calloc(count, sizeof *nodes->rows),
                                .files = bp_calloc(count, sizeof *nodes->files),
                                .states = bp_calloc(count, sizeof *nodes->states)};
    for (size_t i = 0; i < file_count; i++) {
        struct bp_hardware *hardware = &nodes->hardware[i];
        int r = topology_file(files[i].path, hardware, err);
        if (r < 0) {
            map_nodes_done(nodes);
            return r;
        }
        nodes->hardware_count++;
        const char *slash = strrchr(files[i].path, '/');
        for (uint32_t k = 0; k < files[i].count; k++) {
            int number = (int)nodes->row_count;
            nodes->files[number] = slash != NULL ? slash + 1 : files[i].path;
            nodes->states[number] = (struct bp_nodeset_node){.number = number, .state = "up"};
            nodes->rows[nodes->row_count++] = (struct bp_place_node){
                .number = number, .machine = (uint32_t)number, .hardware = hardware};
        }
    }
    nodes->state_count = nodes->row_count;
    return 0;
}

/* ---- questions ---- */

const struct bp_place_node *map_nodes_row(const struct map_nodes *nodes, int number)
{
    for (size_t i = 0; i < nodes->row_count; i++)
        if (nodes->rows[i].number == number)
            return &nodes->rows[i];
    return NULL;
}

static int check_number(const struct map_nodes *nodes, int number, struct bp_error *err)
{
    if (map_nodes_row(nodes, number) != NULL)
        return 0;
    for (size_t i = 0; nodes->list != NULL && i < nodes->list->n_nodes; i++) {
        const Bpmix__HardwareNode *node = nodes->list->nodes[i];
        if (node->number == number)
            return bp_error_set(err, -node->refusal->code, "%s", node->refusal->text);
    }
    if (number < 0)
        return bp_error_set(err, -EINVAL, "the master is not a node for jobs");
    return bp_error_set(err, -BE_INVALIDNODE, "there is no node %d", number);
}

int map_nodes_check(const struct map_nodes *nodes, const struct bp_asked *asked,
                    struct bp_error *err)
{
    int number, r = 0;
    for (size_t i = 0; r == 0 && bp_asked_node(asked, i, &number); i++)
        r = check_number(nodes, number, err);
    if (r < 0 || nodes->row_count > 0)
        return r;
    for (size_t i = 0; i < nodes->list->n_nodes; i++)
        if (strcmp(nodes->list->nodes[i]->state, "up") == 0)
            return bp_error_set(err, -EACCES, "user %u may not place processes on any node that is "
                                "up (bpstat -l tells who may)", (unsigned)getuid());
    return bp_error_set(err, -BE_NODEDOWN, "no node is up (bpstat lists them)");
}
