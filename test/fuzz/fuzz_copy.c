// sources: src/tools/copy_record.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_copy.c - any bytes as a stream of bpcp: refused, or names and offsets within bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/copy_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct copy_record record;

static void check(const struct copy_state *state, unsigned depth)
{
    int entry = record.type == COPY_FILE || record.type == COPY_FOLDER || record.type == COPY_LINK;
    if (state->depth > COPY_DEPTH_MAX || state->offset > INT64_MAX)
        abort();
    if (strchr(record.name, '/') != NULL || strcmp(record.name, ".") == 0 ||
        strcmp(record.name, "..") == 0 || strlen(record.name) > COPY_NAME_MAX)
        abort();
    if (entry && (record.name[0] == '\0') != (depth == 0))
        abort();
    if ((record.type == COPY_LINK) != (record.target[0] != '\0'))
        abort();
    if (record.type == COPY_DATA && record.value + record.length != state->offset)
        abort();
}

/* What was understood is written as it came. */
static void write_again(const uint8_t *head, const uint8_t *body)
{
    uint8_t again[COPY_HEAD_BYTES + COPY_ATTRIBUTES_BYTES + COPY_NAME_MAX + COPY_TARGET_MAX];
    if (record.type != COPY_FILE && record.type != COPY_FOLDER && record.type != COPY_LINK)
        return;
    size_t length = copy_body_encode(&record.attributes, record.name, record.target, again);
    if (length != record.length || memcmp(again, body, length) != 0)
        abort();
    copy_head_encode(record.type, record.length, record.value, again);
    if (memcmp(again, head, COPY_HEAD_BYTES) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct copy_state state = {0};
    struct bp_error err = {0};
    uint32_t length;
    while (size >= COPY_HEAD_BYTES) {
        unsigned depth = state.depth;
        if (copy_head_length(data, &length, &err) < 0 || length > size - COPY_HEAD_BYTES)
            return 0;
        uint8_t *body = malloc(length); /* its own, so that reading behind it is seen */
        if (body == NULL && length > 0)
            return 0;
        memcpy(body, data + COPY_HEAD_BYTES, length);
        int r = copy_record_decode(&state, data, body, &record, &err);
        if (r == 0) {
            check(&state, depth);
            write_again(data, body);
        } else if (r != -71 /* EPROTO */ || err.text[0] == '\0') {
            abort();
        }
        free(body);
        if (r < 0)
            return 0;
        data += COPY_HEAD_BYTES + length;
        size -= COPY_HEAD_BYTES + length;
    }
    return 0;
}
