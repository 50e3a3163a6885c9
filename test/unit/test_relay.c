/* SPDX-License-Identifier: BSD-3-Clause */
/* test_relay.c - frames of processes on nodes: what they may say, and how it is packed. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "proto/relay.h"
#include "tap.h"

static int unpack(const uint8_t *bytes, size_t length, struct bp_frame *ret,
                  const uint8_t **ret_body)
{
    struct bp_error err = {0};
    int r = bp_relay_unpack(bytes, length, BP_PEER_CALLER, BP_PEER_MASTER, ret, ret_body, &err);
    CU_ASSERT((r < 0) == (err.text[0] != '\0'));
    return r;
}

static void there_and_back(void)
{
    struct bp_frame frame = {.type = BP_NODE_GET, .flags = 1, .length = 3, .node = -1, .job = 5,
                             .tag = 1}, got;
    const uint8_t *body = NULL;
    size_t length;
    auto_free uint8_t *bytes = bp_relay_pack(&frame, "abc", &length);
    CU_ASSERT_EQUAL(length, BP_FRAME_BYTES + 3);
    CU_ASSERT_EQUAL(unpack(bytes, length, &got, &body), 0);
    CU_ASSERT(got.type == BP_NODE_GET && got.flags == 0 && got.node == -1 && got.tag == 1);
    CU_ASSERT(body == bytes + BP_FRAME_BYTES && memcmp(body, "abc", 3) == 0);
}

static void lengths(void)
{
    struct bp_frame frame = {.type = BP_NODE_GET, .length = 8}, got;
    const uint8_t *body;
    size_t length;
    auto_free uint8_t *bytes = bp_relay_pack(&frame, "12345678", &length);
    for (size_t shorter = 0; shorter < length; shorter++)
        CU_ASSERT_EQUAL(unpack(bytes, shorter, &got, &body), -EPROTO);
    bytes[8] = 7; /* less than there is */
    CU_ASSERT_EQUAL(unpack(bytes, length, &got, &body), -EPROTO);
    bytes[8] = 8;
    CU_ASSERT_EQUAL(unpack(bytes, length, &got, &body), 0);
    bytes[5] = 1; /* flags are about local sockets */
    CU_ASSERT_EQUAL(unpack(bytes, length, &got, &body), -EPROTO);
}

/* Questions, changes that are looked at by rights, and jobs; no orders to nodes. */
static void what_may_be_asked(void)
{
    static const enum bp_frame_type may[] = {BP_NODE_LIST,  BP_JOB_LIST,   BP_NODE_RIGHTS,
                                             BP_NODE_STATE, BP_NODE_SET,   BP_NODE_GET,
                                             BP_NODE_WATCH, BP_PROC_LIST,  BP_LIBRARY_SET,
                                             BP_LIBRARY_LIST, BP_JOB_SIGNAL, BP_JOB_OPEN,
                                             BP_JOB_KILL, BP_JOB_FORWARD, BP_NODE_HARDWARE,
                                             BP_JOB_MOVE, BP_JOB_DRAINED};
    unsigned count = 0;
    for (unsigned type = 0; type < BP_FRAME_TYPES; type++) {
        const struct bp_route *route = bp_route_get(type);
        if (route == NULL || (route->from & BP_PEER_CALLER) == 0)
            continue;
        count++;
        CU_ASSERT(route->to == BP_PEER_MASTER && (route->from & BP_PEER_TOOL) != 0);
        CU_ASSERT(BP_FRAME_BYTES + route->max_body <= bp_route_get(BP_TOOL_SAYS)->max_body);
    }
    CU_ASSERT_EQUAL(count, sizeof may / sizeof *may);
    for (size_t i = 0; i < sizeof may / sizeof *may; i++)
        CU_ASSERT((bp_route_get(may[i])->from & BP_PEER_CALLER) != 0);
}

/* Whatever answers a caller's question can be passed on. */
static void what_may_be_answered(void)
{
    unsigned count = 0;
    for (unsigned type = 0; type < BP_FRAME_TYPES; type++) {
        const struct bp_route *route = bp_route_get(type);
        if (route == NULL || (route->to & BP_PEER_CALLER) == 0)
            continue;
        count++;
        CU_ASSERT(route->from == BP_PEER_MASTER && (route->to & BP_PEER_TOOL) != 0);
        CU_ASSERT(BP_FRAME_BYTES + route->max_body <= bp_route_get(BP_TOOL_HEARS)->max_body);
    }
    CU_ASSERT_EQUAL(count, 13);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"a frame comes back as it went, without flags", there_and_back},
        {"lengths that lie are refused", lengths},
        {"what a process on a node may ask", what_may_be_asked},
        {"what it may be answered", what_may_be_answered},
        {NULL, NULL},
    };
    return bp_tap_run("relay", tests);
}
