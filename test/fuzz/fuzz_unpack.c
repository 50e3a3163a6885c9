// sources: src/proto/pack.c src/proto/bpmix.pb-c.c src/common/mem.c src/common/error.c
// src/proto/apps.c
// src/pmix/map.c src/pmix/party.c src/pmix/tree.c src/pmix/signature.c src/pmix/codec.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_unpack.c - any bytes as a frame's body: refused, or decoded in bounded memory and written
 * back the same; then the checks that stand behind the decoder. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pmix.h>
#include <sanitizer/allocator_interface.h>

#include "common/mem.h"
#include "pmix/codec.h"
#include "pmix/map.h"
#include "pmix/party.h"
#include "proto/pack.h"

#define EACH_BYTE 64 /* what a byte of a body may cost; see pack.c */
#define ANY_BODY  65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const types[] = {
    &bpmix__refusal__descriptor,      &bpmix__join__descriptor,
    &bpmix__joined__descriptor,       &bpmix__node_list__descriptor,
    &bpmix__job_list__descriptor,     &bpmix__job_request__descriptor,
    &bpmix__job_map__descriptor,      &bpmix__job_event__descriptor,
    &bpmix__job_kill__descriptor,     &bpmix__job_forward__descriptor,
    &bpmix__space_open__descriptor,   &bpmix__proc_create__descriptor,
    &bpmix__proc_failed__descriptor,  &bpmix__proc_exit__descriptor,
    &bpmix__proc_stopped__descriptor, &bpmix__proc_signal__descriptor,
    &bpmix__space_ended__descriptor,  &bpmix__pmix_job__descriptor,
    &bpmix__pmix_ready__descriptor,   &bpmix__pmix_peer__descriptor,
    &bpmix__pmix_publish__descriptor, &bpmix__pmix_lookup__descriptor,
    &bpmix__pmix_reply__descriptor,   &bpmix__pmix_abort__descriptor,
    &bpmix__pmix_state__descriptor,   &bpmix__pmix_gone__descriptor,
    &bpmix__node_rights__descriptor,  &bpmix__node_state__descriptor,
    &bpmix__node_attribute__descriptor, &bpmix__node_order__descriptor,
    &bpmix__node_ordered__descriptor, &bpmix__proc_list__descriptor,
    &bpmix__library_change__descriptor, &bpmix__library_list__descriptor,
};

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const ProtobufCMessageDescriptor *type = types[data[0] % (sizeof types / sizeof *types)];
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
