/* SPDX-License-Identifier: BSD-3-Clause */
/* copy_record.c - the stream between the two ends of bpcp, to bytes and back. */
#include <errno.h>
#include <string.h>

#include "tools/copy_record.h"

static void put(uint8_t *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

void copy_attributes_of(const struct stat *st, uint32_t source,
                        struct copy_attributes *ret_attributes)
{
    *ret_attributes = (struct copy_attributes){
        .mode = st->st_mode & 07777, .source = source, .times = {st->st_atim, st->st_mtim}};
}

void copy_head_encode(enum copy_type type, uint32_t length, uint64_t value,
                      uint8_t head[COPY_HEAD_BYTES])
{
    put(head, type, 4);
    put(head + 4, length, 4);
    put(head + 8, value, 8);
}

size_t copy_body_encode(const struct copy_attributes *attributes, const char *name,
                        const char *target, uint8_t *body)
{
    size_t name_bytes = strlen(name), target_bytes = strlen(target);
    put(body, attributes->mode, 4);
    put(body + 4, attributes->source, 4);
    for (unsigned i = 0; i < 2; i++) {
        put(body + 8 + 8 * i, (uint64_t)attributes->times[i].tv_sec, 8);
        put(body + 24 + 4 * i, (uint64_t)attributes->times[i].tv_nsec, 4);
    }
    memcpy(body + COPY_ATTRIBUTES_BYTES, name, name_bytes);
    memcpy(body + COPY_ATTRIBUTES_BYTES + name_bytes, target, target_bytes);
    return COPY_ATTRIBUTES_BYTES + name_bytes + target_bytes;
}

int copy_head_length(const uint8_t head[COPY_HEAD_BYTES], uint32_t *ret_length,
                     struct bp_error *err)
{
    uint32_t length = (uint32_t)get(head + 4, 4);
    if (length > COPY_DATA_MAX)
        return bp_error_set(err, -EPROTO, "a record of %u bytes", length);
    *ret_length = length;
    return 0;
}

/* ---- decoding ---- */

/* One component of a path. */
static int is_name(const char *name, size_t length)
{
    return length > 0 && length <= COPY_NAME_MAX && memchr(name, '/', length) == NULL &&
           memchr(name, '\0', length) == NULL && !(length == 1 && name[0] == '.') &&
           !(length == 2 && name[0] == '.' && name[1] == '.');
}

static int decode_attributes(const uint8_t *body, struct copy_attributes *ret)
{
    ret->mode = (uint32_t)get(body, 4);
    ret->source = (uint32_t)get(body + 4, 4);
    for (unsigned i = 0; i < 2; i++) {
        ret->times[i].tv_sec = (time_t)get(body + 8 + 8 * i, 8);
        ret->times[i].tv_nsec = (long)get(body + 24 + 4 * i, 4);
        if (ret->times[i].tv_nsec > 999999999)
            return -EPROTO;
    }
    return (ret->mode & ~07777u) != 0 ? -EPROTO : 0;
}

static int decode_entry(const struct copy_state *state, const uint8_t *body,
                        struct copy_record *record)
{
    if (record->length < COPY_ATTRIBUTES_BYTES ||
        decode_attributes(body, &record->attributes) < 0)
        return -EPROTO;
    const char *text = (const char *)body + COPY_ATTRIBUTES_BYTES;
    size_t rest = record->length - COPY_ATTRIBUTES_BYTES;
    size_t name = record->type == COPY_LINK ? record->value : rest;
    if (name > rest || (state->depth == 0 ? name != 0 : !is_name(text, name)))
        return -EPROTO;
    size_t target = rest - name;
    if (record->type == COPY_LINK &&
        (target == 0 || target > COPY_TARGET_MAX || memchr(text + name, '\0', target) != NULL))
        return -EPROTO;
    memcpy(record->name, text, name);
    record->name[name] = '\0';
    memcpy(record->target, text + name, target);
    record->target[target] = '\0';
    return 0;
}

static int decode_data(struct copy_state *state, const uint8_t *body, struct copy_record *record)
{
    if (record->length == 0 || record->value < state->offset ||
        record->value > (uint64_t)INT64_MAX - record->length)
        return -EPROTO;
    state->offset = record->value + record->length;
    record->data = body;
    return 0;
}

/* Is this the place for it? */
static int is_due(const struct copy_state *state, enum copy_type type)
{
    switch (type) {
    case COPY_DATA:
    case COPY_CLOSE:
    case COPY_DROP:
        return state->in_file;
    case COPY_LEAVE:
        return !state->in_file && state->depth > 0;
    case COPY_END:
        return !state->in_file && state->depth == 0;
    case COPY_FOLDER:
        return !state->in_file && state->depth < COPY_DEPTH_MAX;
    case COPY_FILE:
    case COPY_LINK:
        return !state->in_file;
    default:
        return 0;
    }
}

static int decode(struct copy_state *state, const uint8_t *body, struct copy_record *record)
{
    int r = 0;
    switch (record->type) {
    case COPY_FILE:
        r = decode_entry(state, body, record);
        state->in_file = 1;
        state->offset = 0;
        return r;
    case COPY_FOLDER:
        r = decode_entry(state, body, record);
        state->depth++;
        return r;
    case COPY_LINK:
        return decode_entry(state, body, record);
    case COPY_DATA:
        return decode_data(state, body, record);
    case COPY_CLOSE:
        if (record->value < state->offset || record->value > INT64_MAX)
            return -EPROTO;
        /* fall through */
    case COPY_DROP:
        state->in_file = 0;
        break;
    case COPY_LEAVE:
        state->depth--;
        break;
    case COPY_END:
        state->ended = 1;
        break;
    }
    return record->length > 0 ? -EPROTO : 0;
}

int copy_record_decode(struct copy_state *state, const uint8_t head[COPY_HEAD_BYTES],
                       const uint8_t *body, struct copy_record *ret_record, struct bp_error *err)
{
    uint32_t type = (uint32_t)get(head, 4);
    if (type < COPY_FILE || type > COPY_END || state->ended ||
        !is_due(state, (enum copy_type)type))
        return bp_error_set(err, -EPROTO, "a record of type %u is out of place", type);
    ret_record->type = (enum copy_type)type;
    ret_record->length = (uint32_t)get(head + 4, 4);
    ret_record->value = get(head + 8, 8);
    ret_record->data = NULL;
    ret_record->name[0] = ret_record->target[0] = '\0';
    if (decode(state, body, ret_record) < 0)
        return bp_error_set(err, -EPROTO, "a record of type %u makes no sense", type);
    return 0;
}
