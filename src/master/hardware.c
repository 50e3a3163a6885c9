/* SPDX-License-Identifier: BSD-3-Clause */
/* hardware.c - what the nodes have and what of it is in use, for tools that make maps. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "master/master.h"
#include "placement/wire.h"

#define COMPARED_MAX 16 /* different computers that one is compared with before it stands alone */

/* An answer being made. Nodes that have the same CPUs and memory share one row of hardware; devices
 * have names of their own. */
struct answer {
    Bpmix__HardwareList list;
    const struct bp_hardware **kinds; /* by index of the list's hardware */
    struct bp_hardware_rows *rows;
    struct bp_hardware_rows *devices; /* by index of the list's nodes */
};

static int is_same(const struct bp_hardware *a, const struct bp_hardware *b)
{
    size_t distances = a->numa_count * a->numa_count * sizeof *a->distances;
    return a->slot_count == b->slot_count && a->numa_count == b->numa_count &&
           !a->distances == !b->distances &&
           (a->slot_count == 0 ||
            memcmp(a->slots, b->slots, a->slot_count * sizeof *a->slots) == 0) &&
           (a->numa_count == 0 ||
            memcmp(a->numas, b->numas, a->numa_count * sizeof *a->numas) == 0) &&
           (a->distances == NULL || memcmp(a->distances, b->distances, distances) == 0);
}

/* The row of such hardware, a new one if there is none yet. */
static uint32_t find_hardware(struct answer *answer, const struct bp_hardware *hardware)
{
    size_t count = answer->list.n_hardware;
    for (size_t i = count; i-- > 0 && i + COMPARED_MAX >= count;)
        if (is_same(answer->kinds[i], hardware))
            return (uint32_t)i;
    struct bp_hardware_rows *rows = &answer->rows[count];
    struct bp_hardware alike = *hardware;
    Bpmix__Hardware *row = bp_calloc(1, sizeof *row);
    bpmix__hardware__init(row);
    alike.device_count = 0;
    bp_hardware_rows_init(rows, &alike);
    row->slots = rows->slots;
    row->n_slots = rows->slot_count;
    row->numas = rows->numas;
    row->n_numas = rows->numa_count;
    answer->kinds[count] = hardware;
    answer->list.hardware[answer->list.n_hardware++] = row;
    return (uint32_t)count;
}

static void add_devices(struct answer *answer, Bpmix__HardwareNode *row,
                        const struct bp_hardware *hardware)
{
    struct bp_hardware_rows *rows = &answer->devices[answer->list.n_nodes];
    struct bp_hardware own = {.devices = hardware->devices,
                              .device_count = hardware->device_count};
    bp_hardware_rows_init(rows, &own);
    row->devices = rows->devices;
    row->n_devices = rows->device_count;
}

static Bpmix__HardwareNode *node_row(struct answer *answer, const struct node *node,
                                     const struct bp_person *person)
{
    struct bp_error err = {0};
    Bpmix__HardwareNode *row = bp_calloc(1, sizeof *row);
    bpmix__hardware_node__init(row);
    row->number = node->number;
    row->state = (char *)node_state(node);
    row->host = (char *)node->hostname;
    row->allowed = bp_rights_allow(&node->rights, person);
    if (place_check_node(node->master, node->number, person, &err) < 0) {
        row->refusal = bp_calloc(1, sizeof *row->refusal);
        bpmix__refusal__init(row->refusal);
        row->refusal->code = -err.code;
        row->refusal->text = bp_strdup(err.text);
        return row;
    }
    row->machine = node->machine->id;
    row->hardware = find_hardware(answer, &node->hardware);
    add_devices(answer, row, &node->hardware);
    row->used.data = machine_mask(node->machine, &row->used.len);
    row->used_devices.data =
        machine_device_mask(node->machine, &node->hardware, &row->used_devices.len);
    row->kept = node->machine->kept;
    return row;
}

static void answer_init(struct answer *answer, const struct master *master,
                        const struct bp_person *person)
{
    bpmix__hardware_list__init(&answer->list);
    answer->kinds = bp_calloc(BP_NODES_MAX, sizeof *answer->kinds);
    answer->rows = bp_calloc(BP_NODES_MAX, sizeof *answer->rows);
    answer->devices = bp_calloc(BP_NODES_MAX, sizeof *answer->devices);
    answer->list.hardware = bp_calloc(BP_NODES_MAX, sizeof *answer->list.hardware);
    answer->list.nodes = bp_calloc(BP_NODES_MAX, sizeof *answer->list.nodes);
    for (int i = 0; i < BP_NODES_MAX; i++) {
        const struct node *node = node_get(master, i);
        if (node == NULL)
            continue;
        Bpmix__HardwareNode *row = node_row(answer, node, person);
        answer->list.nodes[answer->list.n_nodes++] = row;
    }
}

static void answer_done(struct answer *answer)
{
    for (size_t i = 0; i < answer->list.n_hardware; i++) {
        bp_hardware_rows_done(&answer->rows[i]);
        free(answer->list.hardware[i]);
    }
    for (size_t i = 0; i < answer->list.n_nodes; i++) {
        Bpmix__HardwareNode *row = answer->list.nodes[i];
        bp_hardware_rows_done(&answer->devices[i]);
        if (row->refusal != NULL)
            free(row->refusal->text);
        free(row->refusal);
        free(row->used.data);
        free(row->used_devices.data);
        free(row);
    }
    free(answer->kinds);
    free(answer->rows);
    free(answer->devices);
    free(answer->list.hardware);
    free(answer->list.nodes);
}

int hardware_frame(struct tool *tool, const struct bp_frame *frame, struct bp_error *err)
{
    struct answer answer;
    struct bp_person person = tool_person(tool);
    queue_keep(tool->master);
    answer_init(&answer, tool->master, &person);
    queue_keep_nothing(tool->master);
    size_t bytes = bpmix__hardware_list__get_packed_size(&answer.list);
    int r = 0;
    if (bytes > bp_route_get(BP_HARDWARE)->max_body)
        r = bp_error_set(err, -E2BIG, "the nodes' hardware takes %zu bytes, more than an answer "
                         "may have", bytes);
    else
        tool_send(tool, (struct bp_frame){.type = BP_HARDWARE, .tag = frame->tag}, &answer.list,
                  NULL, 0);
    answer_done(&answer);
    return r;
}
