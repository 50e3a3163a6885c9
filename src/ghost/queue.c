/* SPDX-License-Identifier: BSD-3-Clause */
/* queue.c - the ring of outgoing records. */
#include "ghost/queue.h"

#include <errno.h>
#include <sys/socket.h>

#include "ghost/sys.h"

uint32_t bp_queue_room(const struct bp_queue *queue)
{
    return BP_QUEUE_SIZE - (queue->end - queue->first);
}

bool bp_queue_empty(const struct bp_queue *queue)
{
    return queue->end == queue->first;
}

void bp_queue_put(struct bp_queue *queue, const struct bp_ghost_record *record)
{
    if (!queue->broken)
        queue->ring[queue->end++ % BP_QUEUE_SIZE] = *record;
}

void bp_queue_flush(struct bp_queue *queue, int fd)
{
    while (!queue->broken && !bp_queue_empty(queue)) {
        uint32_t at = queue->first % BP_QUEUE_SIZE;
        uint32_t count = queue->end - queue->first;
        long n;

        if (count > BP_GHOST_BATCH)
            count = BP_GHOST_BATCH;
        if (count > BP_QUEUE_SIZE - at)
            count = BP_QUEUE_SIZE - at;
        n = bp_sys_send(fd, &queue->ring[at], count * sizeof(queue->ring[0]),
                        MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n == -EAGAIN || n == -EINTR || n == -ENOBUFS || n == -ENOMEM)
            return;
        if (n < 0)
            queue->broken = true;
        queue->first += count;
    }
    if (queue->broken)
        queue->first = queue->end;
}
