/* SPDX-License-Identifier: BSD-3-Clause */
/* pack.c - protobuf bodies, decoded into a bounded amount of memory. */
#include <errno.h>
#include <stddef.h>

#include "common/mem.h"
#include "proto/pack.h"

/* An element of a repeated message can cost 64 times its bytes on the wire (an empty submessage is
 * two bytes there and a struct here); a body may not cost more, and has this much in any case. */
#define FACTOR  64
#define MINIMUM 65536

struct arena { /* what is left of the bound */
    size_t left;
    int empty; /* the system has no more memory */
};

static void *arena_alloc(void *data, size_t size)
{
    struct arena *arena = data;
    if (size > arena->left)
        return NULL;
    arena->left -= size;
    void *p = malloc(size > 0 ? size : 1);
    arena->empty |= p == NULL;
    return p;
}

static void arena_free(void *data, void *p)
{
    (void)data;
    free(p);
}

void *bp_unpack(const ProtobufCMessageDescriptor *type, const void *body, size_t length,
                struct bp_error *err)
{
    struct arena arena = {.left = length * FACTOR + MINIMUM};
    ProtobufCAllocator allocator = {
        .alloc = arena_alloc, .free = arena_free, .allocator_data = &arena};
    static const uint8_t nothing[1];
    void *message = protobuf_c_message_unpack(type, &allocator, length,
                                              body != NULL ? body : nothing);
    if (message == NULL && arena.empty)
        bp_error_set(err, -ENOMEM, "no memory for %s", type->short_name);
    else if (message == NULL)
        bp_error_set(err, -EBADMSG, "malformed %s", type->short_name);
    return message;
}

void bp_unpack_free(void *message)
{
    if (message != NULL)
        protobuf_c_message_free_unpacked(message, NULL);
}

uint8_t *bp_pack(const void *message, size_t *ret_length)
{
    size_t length = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = bp_calloc(1, length);
    protobuf_c_message_pack(message, bytes);
    *ret_length = length;
    return bytes;
}
