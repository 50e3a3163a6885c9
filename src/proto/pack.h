/* SPDX-License-Identifier: BSD-3-Clause */
/* pack.h - bodies of frames: protobuf in and out, decoded into a bounded amount of memory. */
#ifndef BP_PROTO_PACK_H
#define BP_PROTO_PACK_H

#include <protobuf-c/protobuf-c.h>

#include "proto/bpmix.pb-c.h"
#include "proto/frame.h"

/* Decode a body of this type. Memory is limited to a multiple of the body's length, so that no
 * small body can ask for much. NULL with a sentence in *err if it is malformed. */
void *bp_unpack(const ProtobufCMessageDescriptor *type, const void *body, size_t length,
                struct bp_error *err);
void bp_unpack_free(void *message);

/* The message as bytes; *ret_length of them; free() them. */
uint8_t *bp_pack(const void *message, size_t *ret_length);

#define BP_UNPACK(Type, type, body, length, err) \
    ((Bpmix__##Type *)bp_unpack(&bpmix__##type##__descriptor, (body), (length), (err)))

static inline void bp_cleanup_unpack(void *p)
{
    bp_unpack_free(*(void **)p);
}
#define auto_unpack __attribute__((cleanup(bp_cleanup_unpack)))

#endif
