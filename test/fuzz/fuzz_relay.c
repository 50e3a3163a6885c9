// sources: src/proto/relay.c src/proto/frame.c src/common/mem.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_relay.c - any bytes as the body of TOOL_SAYS or TOOL_HEARS: refused, or a frame that a caller
 * may say or hear, as long as it says, and packed the same again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "proto/relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    int asks = data[0] & 1;
    auto_free uint8_t *bytes = bp_calloc(1, size - 1); /* of just this size: the sanitizer looks */
    memcpy(bytes, data + 1, size - 1);
    struct bp_frame inner;
    const uint8_t *body;
    struct bp_error err = {0};
    if (bp_relay_unpack(bytes, size - 1, asks ? BP_PEER_CALLER : BP_PEER_MASTER,
                       asks ? BP_PEER_MASTER : BP_PEER_CALLER, &inner, &body, &err) < 0) {
        if (err.code >= 0 || err.text[0] == '\0')
            abort();
        return 0;
    }
    size_t length;
    auto_free uint8_t *again = bp_relay_pack(&inner, body, &length);
    const struct bp_route *route = bp_route_get(inner.type);
    if (((asks ? route->from : route->to) & BP_PEER_CALLER) == 0 || length != size - 1 ||
        memcmp(again, bytes, length) != 0)
        abort();
    return 0;
}
