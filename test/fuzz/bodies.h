/* SPDX-License-Identifier: BSD-3-Clause */
/* bodies.h - for fuzz targets: what the body of each type of frame is, and such bodies, made of the
 * input, so that every field of each is reached and not only what random bytes decode to. */
#ifndef BP_FUZZ_BODIES_H
#define BP_FUZZ_BODIES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "proto/pack.h"

#define BODY_DEPTH 4 /* of messages in messages */

/* Types without a row have no body, or none of protobuf; body_check() knows them. */
static const ProtobufCMessageDescriptor *const body_types[BP_FRAME_TYPES] = {
    [BP_NODES] = &bpmix__node_list__descriptor,
    [BP_JOB_OPEN] = &bpmix__job_request__descriptor,
    [BP_JOB_MAP] = &bpmix__job_map__descriptor,
    [BP_JOB_STREAM] = &bpmix__job_stream__descriptor,
    [BP_JOB_EVENT] = &bpmix__job_event__descriptor,
    [BP_JOB_KILL] = &bpmix__job_kill__descriptor,
    [BP_JOB_FORWARD] = &bpmix__job_forward__descriptor,
    [BP_REFUSED] = &bpmix__refusal__descriptor,
    [BP_JOBS] = &bpmix__job_list__descriptor,
    [BP_NODE_RIGHTS] = &bpmix__node_rights__descriptor,
    [BP_NODE_STATE] = &bpmix__node_state__descriptor,
    [BP_NODE_SET] = &bpmix__node_attribute__descriptor,
    [BP_NODE_GET] = &bpmix__node_attribute__descriptor,
    [BP_NODE_VALUE] = &bpmix__node_attribute__descriptor,
    [BP_PROCS] = &bpmix__proc_list__descriptor,
    [BP_LIBRARY_SET] = &bpmix__library_change__descriptor,
    [BP_LIBRARIES] = &bpmix__library_list__descriptor,
    [BP_JOB_WAIT] = &bpmix__job_wait__descriptor,
    [BP_JOB_SIGNAL] = &bpmix__job_kill__descriptor,
    [BP_HARDWARE] = &bpmix__hardware_list__descriptor,
    [BP_JOB_MOVE] = &bpmix__job_move__descriptor,
    [BP_JOIN] = &bpmix__join__descriptor,
    [BP_JOINED] = &bpmix__joined__descriptor,
    [BP_SPACE_OPEN] = &bpmix__space_open__descriptor,
    [BP_PROC_CREATE] = &bpmix__proc_create__descriptor,
    [BP_PROC_CREATED] = &bpmix__proc_created__descriptor,
    [BP_PROC_FAILED] = &bpmix__proc_failed__descriptor,
    [BP_PROC_EXIT] = &bpmix__proc_exit__descriptor,
    [BP_PROC_STOPPED] = &bpmix__proc_stopped__descriptor,
    [BP_PROC_SIGNAL] = &bpmix__proc_signal__descriptor,
    [BP_SPACE_ENDED] = &bpmix__space_ended__descriptor,
    [BP_NODE_ORDER] = &bpmix__node_order__descriptor,
    [BP_NODE_ORDERED] = &bpmix__node_ordered__descriptor,
    [BP_HERD_OPEN] = &bpmix__herd_open__descriptor,
    [BP_PMIX_JOB] = &bpmix__pmix_job__descriptor,
    [BP_PMIX_READY] = &bpmix__pmix_ready__descriptor,
    [BP_PMIX_PEER] = &bpmix__pmix_peer__descriptor,
    [BP_PMIX_PUBLISH] = &bpmix__pmix_publish__descriptor,
    [BP_PMIX_LOOKUP] = &bpmix__pmix_lookup__descriptor,
    [BP_PMIX_UNPUBLISH] = &bpmix__pmix_lookup__descriptor,
    [BP_PMIX_REPLY] = &bpmix__pmix_reply__descriptor,
    [BP_PMIX_ABORT] = &bpmix__pmix_abort__descriptor,
    [BP_PMIX_STATE] = &bpmix__pmix_state__descriptor,
    [BP_PMIX_GONE] = &bpmix__pmix_gone__descriptor,
    [BP_JOB_HOME] = &bpmix__job_home__descriptor,
    [BP_JOB_DRAINED] = &bpmix__job_home__descriptor,
    [BP_HOME] = &bpmix__home__descriptor,
    [BP_JOB_REAPED] = &bpmix__job_reaped__descriptor,
};

/* No type of frame that has a body is forgotten above. */
static void body_check(void)
{
    for (unsigned type = 0; type < BP_FRAME_TYPES; type++) {
        const struct bp_route *route = bp_route_get(type);
        int raw = type == BP_TOOL_SAYS || type == BP_TOOL_HEARS || type == BP_HERD_SAYS ||
                  type == BP_HERD_HEARS; /* frames, and records of ghosts */
        int has = route != NULL && route->max_body > 0 && !raw;
        if (has == (body_types[type] != NULL))
            continue;
        fprintf(stderr, "bodies.h: the row of %s\n", route != NULL ? route->name : "what is none");
        abort();
    }
}

static uint64_t body_number(unsigned (*byte)(void))
{
    static const uint64_t odd[] = {UINT64_MAX, INT64_MAX, UINT32_MAX, INT32_MAX, 1u << 31, 0xffff,
                                   60000, 300};
    unsigned value = byte();
    if (value == 127)
        return (uint64_t)getpid();
    if (value >= 128 && value < 128 + sizeof odd / sizeof *odd)
        return odd[value - 128];
    return value >= 248 ? (uint64_t)((int)value - 256) : value; /* -8 to -1 */
}

static uint8_t *body_bytes(unsigned (*byte)(void), size_t length)
{
    uint8_t *bytes = bp_calloc(length + 1, 1);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)byte();
    return bytes;
}

static char *body_string(unsigned (*byte)(void))
{
    static const char *const words[] = {"all", "allup", "n0", "0-2", "up", "prog", "/", ".", "1",
                                        "core", "ppr:1:node", "A=1", "x", "*"};
    unsigned value = byte();
    if (value < sizeof words / sizeof *words)
        return bp_strdup(words[value]);
    char *text = (char *)body_bytes(byte, value % 40);
    for (char *p = text; *p != '\0'; p++)
        *p = (char)(*p & 127 ? *p & 127 : 'y'); /* what is no UTF-8 is another's matter */
    return text;
}

static ProtobufCMessage *body_message(const ProtobufCMessageDescriptor *type,
                                      unsigned (*byte)(void), int depth);

/* One value, where it is to be. */
static void body_value(const ProtobufCFieldDescriptor *field, void *where, unsigned (*byte)(void),
                       int depth)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)where = body_string(byte);
        break;
    case PROTOBUF_C_TYPE_BYTES: {
        size_t length = byte() % 48;
        *(ProtobufCBinaryData *)where = (ProtobufCBinaryData){length, body_bytes(byte, length)};
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)where = body_message(field->descriptor, byte, depth + 1);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        *(uint64_t *)where = body_number(byte);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)where = (protobuf_c_boolean)(byte() & 1);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FLOAT:
        abort(); /* there are none */
    default:
        *(uint32_t *)where = (uint32_t)body_number(byte);
    }
}

static size_t body_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return 8;
    default:
        return 4;
    }
}

/* A message of this type, each field of it there or not, for protobuf_c_message_free_unpacked. */
static ProtobufCMessage *body_message(const ProtobufCMessageDescriptor *type,
                                      unsigned (*byte)(void), int depth)
{
    ProtobufCMessage *message = bp_calloc(1, type->sizeof_message);
    type->message_init(message);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        char *where = (char *)message + field->offset;
        unsigned count = byte() % 4;
        if (count == 0 || (field->type == PROTOBUF_C_TYPE_MESSAGE && depth >= BODY_DEPTH))
            continue;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            body_value(field, where, byte, depth);
            if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset != 0)
                *(protobuf_c_boolean *)((char *)message + field->quantifier_offset) = 1;
            continue;
        }
        size_t size = body_size(field->type);
        char *values = bp_calloc(count, size);
        for (unsigned k = 0; k < count; k++)
            body_value(field, values + k * size, byte, depth);
        *(char **)where = values;
        *(size_t *)((char *)message + field->quantifier_offset) = count;
    }
    return message;
}

/* The bytes of such a body; NULL = the type has none. */
static uint8_t *body_make(unsigned type, unsigned (*byte)(void), size_t *ret_length)
{
    *ret_length = 0;
    if (type >= BP_FRAME_TYPES || body_types[type] == NULL)
        return NULL;
    ProtobufCMessage *message = body_message(body_types[type], byte, 0);
    uint8_t *bytes = bp_pack(message, ret_length);
    protobuf_c_message_free_unpacked(message, NULL);
    return bytes;
}

#endif
