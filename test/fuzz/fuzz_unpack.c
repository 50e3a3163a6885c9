// sources: src/proto/pack.c src/proto/bpmix.pb-c.c src/common/mem.c src/common/error.c
// src/proto/apps.c src/proto/frame.c
// src/pmix/map.c src/pmix/party.c src/pmix/tree.c src/pmix/signature.c src/pmix/codec.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_unpack.c - any bytes as the body of any frame: refused, or decoded in bounded memory and
 * written back the same; then the checks that stand behind the decoder. And any body with values
 * in its fields: decoded. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pmix.h>
#include <sanitizer/allocator_interface.h>

#include "bodies.h"
#include "pmix/codec.h"
#include "pmix/map.h"
#include "pmix/party.h"

#define EACH_BYTE 64 /* what a byte of a body may cost; see pack.c */
#define ANY_BODY  65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *next_byte, *end_byte;

static unsigned byte(void)
{
    return next_byte < end_byte ? *next_byte++ : 0;
}

/* What is taken must be a map in which every rank has its place. */
static void check_job(const Bpmix__PmixJob *job)
{
    struct bp_map *map;
    struct bp_error err = {0};
    if (bp_map_new(job, &map, &err) < 0) {
        if (err.code >= 0 || err.text[0] == '\0')
            abort();
        return;
    }
    for (uint32_t rank = 0; rank < map->rank_count; rank++) {
        const struct bp_map_node *node = &map->nodes[map->node_of[rank]];
        if (map->local_of[rank] >= node->rank_count || node->ranks[map->local_of[rank]] != rank)
            abort();
    }
    uint8_t all = BP_FENCE;
    struct bp_signature signature = {&all, 1};
    struct bp_party party;
    bp_party_init(&party, map, &signature, job->fanout);
    if (party.tree.count == 0 || party.alive[0] != map->rank_count)
        abort();
    for (size_t p = 0; p < party.tree.count; p++)
        if (bp_party_find(&party, map, map->nodes[party.nodes[p]].number) != p)
            abort();
    bp_party_done(&party);
    bp_map_free(map);
}

static void check_items(size_t count, Bpmix__PmixItem **items)
{
    for (size_t i = 0; i < count; i++) {
        pmix_value_t value;
        if (bp_value_decode(items[i]->value.data, items[i]->value.len, &value) == PMIX_SUCCESS)
            PMIX_VALUE_DESTRUCT(&value);
    }
}

static void check(const ProtobufCMessage *message)
{
    if (message->descriptor == &bpmix__pmix_job__descriptor) {
        check_job((const Bpmix__PmixJob *)message);
    } else if (message->descriptor == &bpmix__pmix_reply__descriptor) {
        const Bpmix__PmixReply *reply = (const Bpmix__PmixReply *)message;
        check_items(reply->n_items, reply->items);
    } else if (message->descriptor == &bpmix__pmix_peer__descriptor) {
        const Bpmix__PmixPeer *peer = (const Bpmix__PmixPeer *)message;
        bp_signature_check(peer->signature.data, peer->signature.len, 5);
        check_items(peer->n_items, peer->items);
    }
}

/* Written and read again it must be the same. (protobuf-c takes an unknown field 0 whose number is
 * written in two bytes and does not take what it writes for it itself.) */
static void check_again(const ProtobufCMessage *message)
{
    size_t length, again_length;
    auto_free uint8_t *bytes = bp_pack(message, &length);
    auto_unpack ProtobufCMessage *again = bp_unpack(message->descriptor, bytes, length, NULL);
    if (again == NULL)
        return;
    auto_free uint8_t *again_bytes = bp_pack(again, &again_length);
    if (again_length != length || memcmp(again_bytes, bytes, length) != 0)
        abort();
}

/* What is made of the input must be taken, and be the same. */
static void check_made(unsigned type)
{
    size_t length, again_length;
    struct bp_error err = {0};
    auto_free uint8_t *bytes = body_make(type, byte, &length);
    auto_unpack ProtobufCMessage *message = bp_unpack(body_types[type], bytes, length, &err);
    if (message == NULL)
        return; /* texts are UTF-8, and there are rules */
    auto_free uint8_t *again = bp_pack(message, &again_length);
    if (again_length != length || memcmp(again, bytes, length) != 0)
        abort();
    check(message);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    body_check();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || body_types[(data[0] & 127) % BP_FRAME_TYPES] == NULL)
        return 0;
    unsigned number = (data[0] & 127) % BP_FRAME_TYPES;
    const ProtobufCMessageDescriptor *type = body_types[number];
    if (data[0] & 128) {
        next_byte = data + 1;
        end_byte = data + size;
        check_made(number);
        return 0;
    }
    auto_free uint8_t *body = bp_calloc(1, size - 1); /* of just this size: the sanitizer looks */
    memcpy(body, data + 1, size - 1);
    struct bp_error err = {0};
    size_t before = __sanitizer_get_current_allocated_bytes();
    auto_unpack ProtobufCMessage *message = bp_unpack(type, body, size - 1, &err);
    if (__sanitizer_get_current_allocated_bytes() - before > (size - 1) * EACH_BYTE + ANY_BODY)
        abort();
    if (message == NULL) {
        if (err.code >= 0 || err.text[0] == '\0')
            abort();
        return 0;
    }
    check_again(message);
    check(message);
    return 0;
}
