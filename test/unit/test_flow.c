/* SPDX-License-Identifier: BSD-3-Clause */
/* test_flow.c - stdin for all ranks on its way: what is put, expected, checked, kept. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/flow.h"
#include "tap.h"

#define LENGTH (8u << 20)
#define FIRST  UINT64_C(12345678901)

static uint8_t bytes[LENGTH];

static void fill(void)
{
    uint32_t number = 7;
    for (size_t i = 0; i < LENGTH; i++) {
        number = number * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(number >> 24);
    }
}

static int expect(struct bp_flow *flow, size_t at, size_t length)
{
    uint8_t body[BP_STREAM_PIECE_HEAD];
    const uint8_t *digest;
    bp_flow_piece_encode(bytes + at, length, body);
    size_t told = bp_flow_piece_decode(body, &digest);
    return told == length ? bp_flow_expect(flow, length, digest) : -EIO;
}

/* What can be checked, compared; returns how much there was, or an error. */
static ssize_t take(struct bp_flow *flow, size_t at)
{
    const uint8_t *piece;
    size_t length, all = 0;
    int r;
    while ((r = bp_flow_check(flow, &piece, &length)) > 0 && length > 0) {
        CU_ASSERT_FATAL(memcmp(piece, bytes + at + all, length) == 0);
        all += length;
    }
    return r < 0 ? r : (ssize_t)all;
}

/* Pieces and arrivals of any sizes, some twice, many times round the ring; a reader behind. */
static void test_through(void)
{
    static uint8_t copy[LENGTH];
    struct bp_flow *flow = bp_flow_new(FIRST);
    size_t sent = 0, told = 0, taken = 0, read = 0;
    srandom(4);
    while (taken < LENGTH) {
        size_t most = (size_t)random() % BP_STREAM_FLOW_MAX + 1;
        if (told < LENGTH && told - taken < BP_STREAM_WINDOW / 2) {
            size_t length = LENGTH - told < most ? LENGTH - told : most;
            CU_ASSERT_EQUAL_FATAL(expect(flow, told, length), 0);
            told += length;
        }
        if (sent < LENGTH && sent - taken < BP_STREAM_WINDOW - BP_STREAM_FLOW_MAX) {
            size_t again = (size_t)random() % 3 == 0 ? sent % 5000 : 0;
            size_t from = sent - again, length = LENGTH - from < most ? LENGTH - from : most;
            int fresh = bp_flow_put(flow, FIRST + from, bytes + from, length);
            CU_ASSERT_EQUAL_FATAL(fresh, from + length > sent);
            sent = from + length > sent ? from + length : sent;
        }
        ssize_t now = take(flow, taken);
        CU_ASSERT_FATAL(now >= 0);
        taken += (size_t)now;
        if (taken - read > BP_STREAM_WINDOW - BP_STREAM_FLOW_MAX || taken == LENGTH)
            for (ssize_t got; (got = bp_flow_read(flow, FIRST + read, copy + read, 5000)) > 0;)
                read += (size_t)got;
    }
    CU_ASSERT_EQUAL(read, LENGTH);
    CU_ASSERT(memcmp(copy, bytes, LENGTH) == 0);
    CU_ASSERT_EQUAL(bp_flow_place(flow), FIRST + LENGTH);
    bp_flow_free(flow);
}

static void test_other(void)
{
    struct bp_flow *flow = bp_flow_new(0);
    CU_ASSERT_EQUAL(expect(flow, 0, 1000), 0);
    CU_ASSERT_EQUAL(expect(flow, 1000, 1000), 0);
    CU_ASSERT_EQUAL(bp_flow_put(flow, 0, bytes, 1500), 1);
    CU_ASSERT_EQUAL(bp_flow_put(flow, 1500, bytes, 500), 1); /* something else */
    CU_ASSERT_EQUAL(take(flow, 0), -EILSEQ);
    CU_ASSERT_EQUAL(bp_flow_back(flow), 1000);
    CU_ASSERT_EQUAL(bp_flow_lacks(flow), 1);
    CU_ASSERT_EQUAL(bp_flow_put(flow, 1000, bytes + 1000, 1000), 1);
    CU_ASSERT_EQUAL(take(flow, 1000), 1000);
    CU_ASSERT_EQUAL(bp_flow_lacks(flow), 0);
    bp_flow_free(flow);
}

static void test_bounds(void)
{
    struct bp_flow *flow = bp_flow_new(0);
    uint8_t none[16];
    size_t put = 0;
    CU_ASSERT_EQUAL(bp_flow_put(flow, 1, bytes, 10), -ERANGE);
    while (put < BP_STREAM_WINDOW && bp_flow_put(flow, put, bytes + put, 4096) == 1)
        put += 4096;
    CU_ASSERT_EQUAL(put, BP_STREAM_WINDOW);
    CU_ASSERT_EQUAL(bp_flow_put(flow, put, bytes, 1), -EMSGSIZE);
    CU_ASSERT_EQUAL(bp_flow_read(flow, 0, none, sizeof none), 0); /* nothing is checked */
    CU_ASSERT_EQUAL(expect(flow, 0, BP_STREAM_FLOW_MAX + 1), -EMSGSIZE);
    for (int i = 0; i < BP_FLOW_PIECES; i++)
        CU_ASSERT_EQUAL_FATAL(expect(flow, (size_t)i, 1), 0);
    CU_ASSERT_EQUAL(expect(flow, 0, 1), -EMSGSIZE);
    CU_ASSERT_EQUAL(take(flow, 0), BP_FLOW_PIECES);
    bp_flow_trust(flow);
    while (put < 4 * BP_STREAM_WINDOW) {
        CU_ASSERT_EQUAL_FATAL(bp_flow_put(flow, put, bytes + put, 65536), 1);
        bp_flow_trust(flow);
        put += 65536;
    }
    CU_ASSERT_EQUAL(bp_flow_read(flow, 0, none, sizeof none), -ERANGE);
    CU_ASSERT_EQUAL(bp_flow_read(flow, put - BP_STREAM_WINDOW, none, sizeof none), 16);
    CU_ASSERT(memcmp(none, bytes + put - BP_STREAM_WINDOW, sizeof none) == 0);
    CU_ASSERT_EQUAL(bp_flow_read(flow, put + 5, none, sizeof none), 0);
    bp_flow_free(flow);
}

static void test_end(void)
{
    struct bp_flow *flow = bp_flow_new(0);
    const uint8_t *piece;
    size_t length = 7;
    CU_ASSERT_EQUAL(expect(flow, 0, 100), 0);
    CU_ASSERT_EQUAL(expect(flow, 0, 0), 0);
    CU_ASSERT_EQUAL(expect(flow, 0, 1), -EPROTO); /* behind the end */
    CU_ASSERT_EQUAL(bp_flow_check(flow, &piece, &length), 0);
    CU_ASSERT_EQUAL(bp_flow_put(flow, 0, bytes, 100), 1);
    CU_ASSERT_EQUAL(bp_flow_check(flow, &piece, &length), 1);
    CU_ASSERT_EQUAL(length, 100);
    CU_ASSERT_EQUAL(bp_flow_check(flow, &piece, &length), 1);
    CU_ASSERT_EQUAL(length, 0);
    CU_ASSERT_EQUAL(bp_flow_check(flow, &piece, &length), 0);
    bp_flow_free(flow);
}

static void test_bodies(void)
{
    uint8_t body[BP_STREAM_DATA_MAX];
    CU_ASSERT_EQUAL(bp_flow_encode(FIRST, bytes, 5, body), 13);
    CU_ASSERT_EQUAL(bp_flow_decode(body), FIRST);
    CU_ASSERT(memcmp(body + 8, bytes, 5) == 0);
    CU_ASSERT_EQUAL(bp_flow_encode(7, NULL, 0, body), 8);
    CU_ASSERT_EQUAL(bp_flow_decode(body), 7);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"all comes through, in any pieces", test_through},
        {"something else is noticed, and mended", test_other},
        {"no more is held than a window", test_bounds},
        {"the end", test_end},
        {"bodies", test_bodies},
        {NULL, NULL},
    };
    fill();
    return bp_tap_run("flow", tests);
}
