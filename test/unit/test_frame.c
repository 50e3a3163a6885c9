/* SPDX-License-Identifier: BSD-3-Clause */
/* test_frame.c - the frame header: written, read, and refused when anything in it lies. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/frame.h"
#include "tap.h"

static const struct bp_frame sample = {
    .type = BP_PROC_EXIT, .length = 17, .node = -1, .job = 0x1122334455667788u, .tag = UINT64_MAX};

static int decode(const uint8_t *bytes, enum bp_peer from, enum bp_peer to, struct bp_error *err)
{
    struct bp_frame frame = {.type = 999};
    int r = bp_frame_decode(bytes, from, to, &frame, err);
    CU_ASSERT((r == 0) == (frame.type != 999)); /* written only on success */
    return r;
}

static void there_and_back(void)
{
    uint8_t bytes[BP_FRAME_BYTES];
    struct bp_frame frame = {0};
    struct bp_error err = {0};
    bp_frame_encode(&sample, bytes);
    CU_ASSERT_EQUAL(memcmp(bytes, "BPMX", 4), 0);
    CU_ASSERT_EQUAL(bp_frame_decode(bytes, BP_PEER_NODE, BP_PEER_MASTER, &frame, &err), 0);
    CU_ASSERT_EQUAL(frame.type, sample.type);
    CU_ASSERT_EQUAL(frame.flags, sample.flags);
    CU_ASSERT_EQUAL(frame.length, sample.length);
    CU_ASSERT_EQUAL(frame.node, sample.node);
    CU_ASSERT_EQUAL(frame.job, sample.job);
    CU_ASSERT_EQUAL(frame.tag, sample.tag);
}

/* The bytes on the wire, so that two builds agree for ever. */
static void wire(void)
{
    static const uint8_t want[BP_FRAME_BYTES] = {'B',  'P',  'M',  'X',  1,    0,    40,   0,
                                                 17,   0,    0,    0,    0xff, 0xff, 0xff, 0xff,
                                                 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
                                                 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint8_t bytes[BP_FRAME_BYTES];
    bp_frame_encode(&sample, bytes);
    CU_ASSERT_EQUAL(BP_PROC_EXIT, 40);
    CU_ASSERT_EQUAL(memcmp(bytes, want, sizeof want), 0);
}

static void magic_and_version(void)
{
    uint8_t bytes[BP_FRAME_BYTES], bad[BP_FRAME_BYTES];
    struct bp_error err;
    bp_frame_encode(&sample, bytes);
    for (int i = 0; i < 4; i++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(bad, bytes, sizeof bad);
            bad[i] ^= (uint8_t)(1 << bit);
            CU_ASSERT_EQUAL(decode(bad, BP_PEER_NODE, BP_PEER_MASTER, &err), -EPROTO);
        }
    memset(bad, 0, sizeof bad);
    CU_ASSERT_EQUAL(decode(bad, BP_PEER_NODE, BP_PEER_MASTER, &err), -EPROTO);
    for (int version = 0; version < 256; version++) {
        bytes[4] = (uint8_t)version;
        CU_ASSERT_EQUAL(decode(bytes, BP_PEER_NODE, BP_PEER_MASTER, &err),
                        version == BP_FRAME_VERSION ? 0 : -EPROTONOSUPPORT);
    }
}

/* Every type, known or not, from every kind of peer to every other: as its row says. */
static void types_and_peers(void)
{
    static const enum bp_peer peers[] = {BP_PEER_TOOL, BP_PEER_NODE, BP_PEER_MASTER,
                                         BP_PEER_SHEPHERD, BP_PEER_CALLER};
    unsigned wrong = 0, known = 0;
    for (unsigned type = 0; type <= UINT16_MAX; type++) {
        const struct bp_route *route = bp_route_get(type);
        known += route != NULL;
        struct bp_frame frame = {.type = (uint16_t)type};
        uint8_t bytes[BP_FRAME_BYTES];
        bp_frame_encode(&frame, bytes);
        for (int from = 0; from < 5; from++)
            for (int to = 0; to < 5; to++) {
                bool may = route != NULL && (route->from & peers[from]) != 0 &&
                           (route->to & peers[to]) != 0;
                struct bp_frame got;
                int r = bp_frame_decode(bytes, peers[from], peers[to], &got, NULL);
                wrong += r != (may ? 0 : -EPROTO);
            }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(known > 30);
    CU_ASSERT_PTR_NULL(bp_route_get(0));
    CU_ASSERT_PTR_NULL(bp_route_get(BP_FRAME_TYPES));
    CU_ASSERT_PTR_NULL(bp_route_get(UINT32_MAX));
}

static void rows_are_complete(void)
{
    for (unsigned type = 0; type < BP_FRAME_TYPES; type++) {
        const struct bp_route *route = bp_route_get(type);
        if (route == NULL)
            continue;
        CU_ASSERT(route->from != 0 && route->to != 0);
        CU_ASSERT(route->max_body <= 64u << 20);
    }
}

static void lengths(void)
{
    unsigned wrong = 0;
    for (unsigned type = 0; type < BP_FRAME_TYPES; type++) {
        const struct bp_route *route = bp_route_get(type);
        if (route == NULL)
            continue;
        const uint32_t most = route->max_body, tries[] = {0, most, most + 1, UINT32_MAX};
        enum bp_peer from = (enum bp_peer)(route->from & -route->from);
        enum bp_peer to = (enum bp_peer)(route->to & -route->to);
        for (int i = 0; i < 4; i++) {
            struct bp_frame frame = {.type = (uint16_t)type, .length = tries[i]};
            uint8_t bytes[BP_FRAME_BYTES];
            bp_frame_encode(&frame, bytes);
            wrong += decode(bytes, from, to, NULL) != (tries[i] <= most ? 0 : -EMSGSIZE);
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

static void sentences(void)
{
    uint8_t bytes[BP_FRAME_BYTES];
    struct bp_error err;
    bp_frame_encode(&sample, bytes);
    CU_ASSERT_EQUAL(decode(bytes, BP_PEER_TOOL, BP_PEER_MASTER, &err), -EPROTO);
    CU_ASSERT_STRING_EQUAL(err.text, "PROC_EXIT may not be sent here by this peer");
    bytes[9] = 1;
    CU_ASSERT_EQUAL(decode(bytes, BP_PEER_NODE, BP_PEER_MASTER, &err), -EMSGSIZE);
    CU_ASSERT_STRING_EQUAL(err.text, "PROC_EXIT with 273 bytes, but 64 is the most");
    bytes[7] = 0xff;
    CU_ASSERT_EQUAL(decode(bytes, BP_PEER_NODE, BP_PEER_MASTER, &err), -EPROTO);
    CU_ASSERT_STRING_EQUAL(err.text, "unknown frame type 65320");
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"written and read back", there_and_back},
        {"the bytes on the wire", wire},
        {"wrong magic or version", magic_and_version},
        {"every type between all kinds of peers", types_and_peers},
        {"rows of the table are complete", rows_are_complete},
        {"lengths", lengths},
        {"sentences", sentences},
        {NULL, NULL},
    };
    return bp_tap_run("frame", tests);
}
