/* SPDX-License-Identifier: BSD-3-Clause */
/* flow.c - the stdin of all ranks on its way from node to node. */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include <openssl/evp.h>

#include "common/mem.h"
#include "proto/flow.h"

/* A window of what is checked, which nodes below may be behind; and as much of what is not yet. */
#define RING (2 * BP_STREAM_WINDOW)

struct piece {
    uint32_t length;
    uint8_t digest[BP_STREAM_DIGEST_BYTES];
};

struct bp_flow {
    uint64_t start;   /* the oldest byte in the ring */
    uint64_t checked; /* so far they are right */
    uint64_t got;     /* so far they are here */
    uint64_t known;   /* so far there are digests */
    int ends;         /* the last known piece is the end */
    unsigned first, count; /* of the known pieces that are not checked */
    struct piece pieces[BP_FLOW_PIECES];
    uint8_t piece[BP_STREAM_DATA_MAX];
    uint8_t ring[RING]; /* by place */
};

struct bp_flow *bp_flow_new(uint64_t place)
{
    struct bp_flow *flow = bp_calloc(1, sizeof *flow);
    flow->start = flow->checked = flow->got = flow->known = place;
    return flow;
}

void bp_flow_free(struct bp_flow *flow)
{
    free(flow);
}

/* Ranges that may go round the ring's end. */
static void ring_put(struct bp_flow *flow, uint64_t place, const uint8_t *bytes, size_t length)
{
    size_t at = (size_t)(place % RING), before = RING - at < length ? RING - at : length;
    memcpy(flow->ring + at, bytes, before);
    memcpy(flow->ring, bytes + before, length - before);
}

static void ring_get(const struct bp_flow *flow, uint64_t place, uint8_t *bytes, size_t length)
{
    size_t at = (size_t)(place % RING), before = RING - at < length ? RING - at : length;
    memcpy(bytes, flow->ring + at, before);
    memcpy(bytes + before, flow->ring, length - before);
}

int bp_flow_put(struct bp_flow *flow, uint64_t place, const uint8_t *bytes, size_t length)
{
    if (place > flow->got)
        return -ERANGE;
    if (flow->got - place >= length)
        return 0;
    bytes += flow->got - place;
    length -= (size_t)(flow->got - place);
    if (length > BP_STREAM_WINDOW - (flow->got - flow->checked))
        return -EMSGSIZE;
    ring_put(flow, flow->got, bytes, length);
    flow->got += length;
    if (flow->got - flow->start > RING)
        flow->start = flow->got - RING;
    return 1;
}

int bp_flow_expect(struct bp_flow *flow, size_t length,
                   const uint8_t digest[BP_STREAM_DIGEST_BYTES])
{
    if (flow->ends)
        return -EPROTO;
    if (flow->count == BP_FLOW_PIECES || length > BP_STREAM_FLOW_MAX)
        return -EMSGSIZE;
    struct piece *piece = &flow->pieces[(flow->first + flow->count++) % BP_FLOW_PIECES];
    piece->length = (uint32_t)length;
    memcpy(piece->digest, digest, sizeof piece->digest);
    flow->known += length;
    flow->ends = length == 0;
    return 0;
}

int bp_flow_check(struct bp_flow *flow, const uint8_t **ret_bytes, size_t *ret_length)
{
    const struct piece *piece = &flow->pieces[flow->first];
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (flow->count == 0 || flow->got - flow->checked < piece->length)
        return 0;
    ring_get(flow, flow->checked, flow->piece, piece->length);
    if (EVP_Digest(flow->piece, piece->length, digest, NULL, EVP_sha256(), NULL) != 1)
        return -EIO;
    if (memcmp(digest, piece->digest, sizeof piece->digest) != 0)
        return -EILSEQ;
    flow->checked += piece->length;
    flow->first = (flow->first + 1) % BP_FLOW_PIECES;
    flow->count--;
    *ret_bytes = flow->piece;
    *ret_length = piece->length;
    return 1;
}

void bp_flow_trust(struct bp_flow *flow)
{
    flow->checked = flow->got;
}

uint64_t bp_flow_back(struct bp_flow *flow)
{
    return flow->got = flow->checked;
}

uint64_t bp_flow_place(const struct bp_flow *flow)
{
    return flow->got;
}

int bp_flow_lacks(const struct bp_flow *flow)
{
    return flow->known > flow->got;
}

ssize_t bp_flow_read(const struct bp_flow *flow, uint64_t place, uint8_t *buffer, size_t size)
{
    if (place < flow->start)
        return -ERANGE;
    uint64_t left = flow->checked > place ? flow->checked - place : 0;
    size_t length = left < size ? (size_t)left : size;
    ring_get(flow, place, buffer, length);
    return (ssize_t)length;
}

size_t bp_flow_encode(uint64_t place, const void *bytes, size_t length,
                      uint8_t body[BP_STREAM_DATA_MAX])
{
    uint64_t number = htole64(place);
    memcpy(body, &number, sizeof number);
    if (length > 0)
        memcpy(body + sizeof number, bytes, length);
    return sizeof number + length;
}

uint64_t bp_flow_decode(const uint8_t *body)
{
    uint64_t number;
    memcpy(&number, body, sizeof number);
    return le64toh(number);
}

int bp_flow_piece_encode(const void *bytes, size_t length, uint8_t body[BP_STREAM_PIECE_HEAD])
{
    uint32_t number = htole32((uint32_t)length);
    memcpy(body, &number, sizeof number);
    return EVP_Digest(bytes, length, body + sizeof number, NULL, EVP_sha256(), NULL) == 1 ? 0
                                                                                          : -EIO;
}

size_t bp_flow_piece_decode(const uint8_t *body, const uint8_t **ret_digest)
{
    uint32_t number;
    memcpy(&number, body, sizeof number);
    *ret_digest = body + sizeof number;
    return le32toh(number);
}
