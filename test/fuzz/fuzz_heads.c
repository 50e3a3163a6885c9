// sources: src/proto/plain.c src/proto/stream.c src/proto/preamble.c src/common/mem.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_heads.c - any bytes as the head of a piece of data, or as a preamble: refused, or within
 * bounds and written the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/preamble.h"
#include "proto/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stream(const uint8_t *data)
{
    struct bp_stream_head head;
    struct bp_error err = {0};
    uint8_t bytes[BP_STREAM_HEAD_BYTES];
    if (bp_stream_decode(data, &head, &err) < 0) {
        if (err.code >= 0 || err.text[0] == '\0')
            abort();
        return;
    }
    bp_stream_encode(&head, bytes);
    if (head.length > BP_STREAM_DATA_MAX || head.channel > 2 ||
        memcmp(bytes, data, 2) != 0 || memcmp(bytes + 4, data + 4, sizeof bytes - 4) != 0)
        abort();
}

static void preamble(const uint8_t *data)
{
    struct bp_preamble first, again;
    uint8_t bytes[BP_PREAMBLE_BYTES];
    memset(&first, 0, sizeof first);
    memset(&again, 0, sizeof again);
    if (bp_preamble_decode(data, &first) < 0)
        return;
    bp_preamble_encode(&first, bytes);
    if (bp_preamble_decode(bytes, &again) < 0 || again.version != first.version ||
        again.kind != first.kind || again.node != first.node ||
        memcmp(again.id, first.id, sizeof first.id) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == BP_STREAM_HEAD_BYTES)
        stream(data);
    else if (size == BP_PREAMBLE_BYTES)
        preamble(data);
    return 0;
}
