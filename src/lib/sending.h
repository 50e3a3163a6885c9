/* SPDX-License-Identifier: BSD-3-Clause */
/* sending.h - an image on its way to the nodes of a job: read a block at a time, as the slowest
 * buffer drains, and only once for nodes that are at the same place. */
#ifndef BP_LIB_SENDING_H
#define BP_LIB_SENDING_H

#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "proto/stream.h"

struct bp_image_source { /* what an image is read from: bp_image_read, or a file */
    uint64_t bytes;
    /* As pread; -errno and a sentence. */
    ssize_t (*read)(void *arg, void *buffer, size_t size, uint64_t offset, struct bp_error *err);
    /* The source is not needed any more: every node has all of it or is gone, or (why->code is not
     * 0) reading failed and the nodes will not get it. Called once at most. */
    void (*done)(void *arg, const struct bp_error *why);
    void *arg;
    int relay; /* the request said so: nodes pass it on, and ask for what they need */
};

struct bp_sending;

struct bp_sending *bp_sending_new(const struct bp_image_source *source);
void bp_sending_free(struct bp_sending *sending);

/* Put bytes from *offset on into the stream, of the job whose rank 0 has the number `first` there,
 * until it holds enough, or all are in it: then the mark of their end follows, and 1 is returned,
 * once. 0 = not yet; -errno: the source cannot be read. */
int bp_sending_feed(struct bp_sending *sending, struct bp_stream *stream, uint32_t first,
                    uint64_t *offset, struct bp_error *err);

/* With relay: the digests of all pieces that were read so far. */
const uint8_t *bp_sending_digests(const struct bp_sending *sending, size_t *ret_bytes);

/* Tell the source that it is done. */
void bp_sending_end(struct bp_sending *sending, const struct bp_error *why);

#endif
