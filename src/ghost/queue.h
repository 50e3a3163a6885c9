/* SPDX-License-Identifier: BSD-3-Clause */
/* queue.h - records on their way to bpmaster: a ring that is sent in packets and never blocks. */
#ifndef BP_GHOST_QUEUE_H
#define BP_GHOST_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/ghost_record.h"

#define BP_QUEUE_SIZE 8192u /* a power of two */

struct bp_queue {
    uint32_t first, end; /* running indices; end - first records are waiting */
    bool broken;         /* nobody listens: everything is dropped */
    struct bp_ghost_record ring[BP_QUEUE_SIZE];
};

/* There must be room; see bp_queue_room. */
void bp_queue_put(struct bp_queue *queue, const struct bp_ghost_record *record);

/* How many more records fit. */
uint32_t bp_queue_room(const struct bp_queue *queue);

bool bp_queue_empty(const struct bp_queue *queue);

/* Send what the socket takes now. */
void bp_queue_flush(struct bp_queue *queue, int fd);

#endif
