/* SPDX-License-Identifier: BSD-3-Clause */
/* wire.h - requests and hardware as they stand in messages. */
#ifndef BP_PLACEMENT_WIRE_H
#define BP_PLACEMENT_WIRE_H

#include "placement/placement.h"
#include "proto/bpmix.pb-c.h"

/* A request with the memory that it points to. */
struct bp_asked {
    struct bp_place_request request;
    struct bp_place_words words;
    struct bp_nodeset list, exclude;
    struct bp_place_host *hosts;
    struct bp_place_row *rankfile;
};

/* What Place asks. `nodes`: those that its words ("all", "allup") can mean. Whether a number exists
 * is not looked up: bp_asked_node has them all. 0 or negative errno; then nothing is kept. */
int bp_asked_init(struct bp_asked *asked, const Bpmix__Place *place,
                  const struct bp_nodeset_node *nodes, size_t node_count, struct bp_error *err);
void bp_asked_done(struct bp_asked *asked);

/* The i-th node number that the request names, or false: no more. */
bool bp_asked_node(const struct bp_asked *asked, size_t i, int *ret_number);

/* What a message says of a node's hardware; *ret is the caller's and has passed the check. */
int bp_hardware_take(Bpmix__Slot **slots, size_t slot_count, Bpmix__Device **devices,
                     size_t device_count, Bpmix__Numa **numas, size_t numa_count,
                     struct bp_hardware *ret, struct bp_error *err);

/* Rows for a message, which point into hardware. */
struct bp_hardware_rows {
    Bpmix__Slot **slots;
    size_t slot_count;
    Bpmix__Device **devices;
    size_t device_count;
    Bpmix__Numa **numas;
    size_t numa_count;
    Bpmix__Slot *slot_rows;
    Bpmix__Device *device_rows;
    Bpmix__Numa *numa_rows;
    uint32_t *distances;
};
void bp_hardware_rows_init(struct bp_hardware_rows *rows, const struct bp_hardware *hardware);
void bp_hardware_rows_done(struct bp_hardware_rows *rows);

#endif
