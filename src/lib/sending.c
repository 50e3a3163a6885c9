/* SPDX-License-Identifier: BSD-3-Clause */
/* sending.c - an image on its way to the nodes of a job. */
#include <errno.h>
#include <inttypes.h>

#include <openssl/evp.h>

#include "common/mem.h"
#include "lib/sending.h"

#define BLOCK_BYTES   BP_STREAM_PIECE_BYTES
#define BACKLOG_BYTES (BP_STREAM_HIGH / 2) /* in one stream, */
#define FIRST_BYTES   BP_STREAM_DATA_MAX   /* fewer in the beginning: nodes are idle then */

struct bp_sending {
    struct bp_image_source source;
    int ended;
    uint8_t *digests; /* of the first blocks, in their order */
    size_t digest_bytes, digest_size;
    uint64_t start; /* of the block in `bytes`; a multiple of block_bytes() */
    size_t length;  /* 0 = none yet */
    uint8_t bytes[BLOCK_BYTES];
};

struct bp_sending *bp_sending_new(const struct bp_image_source *source)
{
    struct bp_sending *sending = bp_calloc(1, sizeof *sending);
    sending->source = *source;
    return sending;
}

void bp_sending_free(struct bp_sending *sending)
{
    if (sending != NULL)
        free(sending->digests);
    free(sending);
}

const uint8_t *bp_sending_digests(const struct bp_sending *sending, size_t *ret_bytes)
{
    *ret_bytes = sending->digest_bytes;
    return sending->digests;
}

/* A block was read. Blocks are read for the first time in their order, whoever asks: the first that
 * are asked for are asked for from the start on. */
static int digest(struct bp_sending *sending, struct bp_error *err)
{
    uint64_t number = sending->start / BLOCK_BYTES;
    if (!sending->source.relay || number != sending->digest_bytes / BP_STREAM_DIGEST_BYTES)
        return 0;
    if (sending->digest_bytes == sending->digest_size) {
        sending->digest_size = 2 * sending->digest_size + 64 * BP_STREAM_DIGEST_BYTES;
        sending->digests = bp_realloc(sending->digests, sending->digest_size, 1);
    }
    if (EVP_Digest(sending->bytes, sending->length, sending->digests + sending->digest_bytes, NULL,
                   EVP_sha256(), NULL) != 1)
        return bp_error_set(err, -EIO, "no SHA-256");
    sending->digest_bytes += BP_STREAM_DIGEST_BYTES;
    return 0;
}

void bp_sending_end(struct bp_sending *sending, const struct bp_error *why)
{
    if (sending->ended)
        return;
    sending->ended = 1;
    sending->source.done(sending->source.arg, why);
}

/* Digests are of whole pieces. */
static size_t block_bytes(const struct bp_sending *sending)
{
    return sending->source.relay ? BLOCK_BYTES : FIRST_BYTES;
}

/* The block that has the byte at offset. */
static int load(struct bp_sending *sending, uint64_t offset, struct bp_error *err)
{
    size_t most = block_bytes(sending);
    uint64_t start = offset / most * most;
    uint64_t left = sending->source.bytes - start;
    size_t wanted = left < most ? (size_t)left : most;
    if (sending->length > 0 && sending->start == start)
        return digest(sending, err);
    sending->length = 0;
    for (size_t have = 0; have < wanted;) {
        ssize_t got = sending->source.read(sending->source.arg, sending->bytes + have,
                                           wanted - have, start + have, err);
        if (got < 0)
            return (int)got;
        if (got == 0)
            return bp_error_set(err, -EIO, "the image ends after %" PRIu64 " of its %" PRIu64
                                " bytes", start + have, sending->source.bytes);
        have += (size_t)got;
    }
    sending->start = start;
    sending->length = wanted;
    return digest(sending, err);
}

int bp_sending_feed(struct bp_sending *sending, struct bp_stream *stream, uint32_t first,
                    uint64_t *offset, struct bp_error *err)
{
    while (*offset < sending->source.bytes) {
        uint64_t most = *offset < BACKLOG_BYTES ? FIRST_BYTES + *offset / 2 : BACKLOG_BYTES;
        if (sending->ended || bp_stream_backlog(stream) >= most)
            return 0;
        int r = load(sending, *offset, err);
        if (r < 0)
            return r;
        size_t at = (size_t)(*offset - sending->start);
        size_t length = sending->length - at;
        if (length > BP_STREAM_DATA_MAX)
            length = BP_STREAM_DATA_MAX;
        bp_stream_send(stream, &(struct bp_stream_head){.kind = BP_STREAM_IMAGE,
                                                        .rank = first,
                                                        .length = (uint32_t)length},
                       sending->bytes + at);
        *offset += length;
    }
    bp_stream_send(stream, &(struct bp_stream_head){.kind = BP_STREAM_IMAGE, .rank = first}, NULL);
    return 1;
}
