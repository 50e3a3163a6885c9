// sources: src/proto/frame.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_frame.c - any bytes as a frame header: refused, or within its row and written the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size != BP_FRAME_BYTES + 1)
        return 0;
    enum bp_peer from = (enum bp_peer)(1 << (data[0] & 15) % 5);
    enum bp_peer to = (enum bp_peer)(1 << (data[0] >> 4) % 5);
    struct bp_frame frame;
    struct bp_error err = {0};
    if (bp_frame_decode(data + 1, from, to, &frame, &err) < 0) {
        if (err.code >= 0 || err.text[0] == '\0')
            abort();
        return 0;
    }
    uint8_t bytes[BP_FRAME_BYTES];
    bp_frame_encode(&frame, bytes);
    const struct bp_route *route = bp_route_get(frame.type);
    if (route == NULL || (route->from & from) == 0 || (route->to & to) == 0 ||
        frame.length > route->max_body || memcmp(bytes, data + 1, sizeof bytes) != 0)
        abort();
    return 0;
}
