/* SPDX-License-Identifier: BSD-3-Clause */
/* collective.c - collectives on their way up and down the tree. */
#include <string.h>

#include <uthash.h>

#include "common/mem.h"
#include "pmix/bridge.h"
#include "pmix/collective.h"
#include "pmix/party.h"

#define SETS_MAX   4096u
#define ROUNDS_MAX 256u
#define DATA_MAX   (63u << 20) /* leaves room for the rest of a PMIX_PEER body */

struct round { /* one collective */
    struct round *next;
    bool entered;  /* the local ranks are in */
    bool sent;     /* our UP is sent */
    bool answered; /* libpmix has its answer already: it timed out */
    bool *heard;   /* by child */
    pmix_status_t status;
    uint8_t *data;
    size_t length;
    struct bp_entry entry;
    struct event *timer;
};

struct set { /* the collectives with one signature that are not over, oldest first */
    UT_hash_handle hh;
    struct bp_signature signature;
    struct bp_party party;
    size_t first_child, child_count;
    struct round *rounds;
    size_t round_count;
};

struct bp_fences {
    struct set *sets;
};

struct bp_fences *bp_fences_new(void)
{
    return bp_calloc(1, sizeof(struct bp_fences));
}

void bp_entry_answer(struct bp_entry *entry, pmix_status_t status, const uint8_t *data,
                     size_t length)
{
    if (entry->modex != NULL) {
        char *copy = bp_copy_bytes(data, length);
        entry->modex(status, copy, length, entry->arg, free, copy);
    } else {
        entry->op(status, entry->arg);
    }
    free(entry->data);
    entry->data = NULL;
}

/* ---- sets and rounds ---- */

static void set_free(struct bp_fences *fences, struct set *set)
{
    HASH_DEL(fences->sets, set);
    bp_party_done(&set->party);
    free(set->signature.bytes);
    free(set);
}

/* The set of these bytes, made if need be; NULL when there are too many. */
static struct set *set_get(struct bp_shepherd *shepherd, const uint8_t *bytes, size_t length)
{
    struct set *set;
    HASH_FIND(hh, shepherd->fences->sets, bytes, length, set);
    if (set != NULL || HASH_COUNT(shepherd->fences->sets) >= SETS_MAX)
        return set;
    set = bp_calloc(1, sizeof *set);
    set->signature = (struct bp_signature){bp_copy_bytes(bytes, length), length};
    bp_party_init(&set->party, shepherd->map, &set->signature, shepherd->fanout);
    if (set->party.self != BP_TREE_NONE)
        set->child_count =
            bp_tree_children(&set->party.tree, set->party.self, &set->first_child);
    HASH_ADD_KEYPTR(hh, shepherd->fences->sets, set->signature.bytes, length, set);
    return set;
}

static struct round *round_add(struct set *set)
{
    if (set->round_count >= ROUNDS_MAX)
        return NULL;
    struct round *round = bp_calloc(1, sizeof *round);
    round->heard = bp_calloc(set->child_count, sizeof *round->heard);
    struct round **end = &set->rounds;
    while (*end != NULL)
        end = &(*end)->next;
    *end = round;
    set->round_count++;
    return round;
}

static void round_pop(struct set *set)
{
    struct round *round = set->rounds;
    set->rounds = round->next;
    set->round_count--;
    if (round->timer != NULL)
        event_free(round->timer);
    free(round->entry.data);
    free(round->data);
    free(round->heard);
    free(round);
}

static void round_merge(struct round *round, pmix_status_t status, const uint8_t *data,
                        size_t length)
{
    if (round->status == PMIX_SUCCESS)
        round->status = status;
    if (length == 0)
        return;
    if (length > DATA_MAX - round->length) {
        round->status = PMIX_ERR_OUT_OF_RESOURCE;
        return;
    }
    round->data = bp_realloc(round->data, round->length + length, 1);
    memcpy(round->data + round->length, data, length);
    round->length += length;
}

/* ---- up and down ---- */

static void send_peer(struct bp_shepherd *shepherd, const struct set *set, size_t position,
                      Bpmix__PmixPeer__Kind kind, pmix_status_t status, uint8_t *data,
                      size_t length)
{
    Bpmix__PmixPeer peer = BPMIX__PMIX_PEER__INIT;
    peer.kind = kind;
    peer.signature = (ProtobufCBinaryData){set->signature.length, set->signature.bytes};
    peer.status = status;
    peer.data = (ProtobufCBinaryData){length, data};
    int32_t node = shepherd->map->nodes[set->party.nodes[position]].number;
    if (bp_shepherd_send(shepherd, BP_PMIX_PEER, node, 0, &peer.base) < 0) {
        peer.status = PMIX_ERR_OUT_OF_RESOURCE;
        peer.data = (ProtobufCBinaryData){0, NULL};
        bp_shepherd_send(shepherd, BP_PMIX_PEER, node, 0, &peer.base);
    }
}

/* The oldest round is over: tell the living children first, then our ranks. */
static void finish(struct bp_shepherd *shepherd, struct set *set, pmix_status_t status,
                   uint8_t *data, size_t length)
{
    struct round *round = set->rounds;
    for (size_t i = 0; i < set->child_count; i++)
        if (set->party.alive[set->first_child + i] > 0)
            send_peer(shepherd, set, set->first_child + i,
                      BPMIX__PMIX_PEER__KIND__FENCE_DOWN, status, data, length);
    if (round->entered && !round->answered)
        bp_entry_answer(&round->entry, status, data, length);
    round_pop(set);
}

static bool is_complete(const struct set *set, const struct round *round)
{
    if (!round->entered && set->party.self_alive > 0)
        return false;
    for (size_t i = 0; i < set->child_count; i++)
        if (!round->heard[i] && set->party.alive[set->first_child + i] > 0)
            return false;
    return true;
}

/* Somebody who was not waited for did not come. */
static bool is_partial(const struct set *set, const struct round *round)
{
    for (size_t i = 0; i < set->child_count; i++)
        if (!round->heard[i])
            return true;
    return !round->entered;
}

/* Do what can be done now; the set may be freed. Rounds complete in order, oldest first. */
static void advance(struct bp_shepherd *shepherd, struct set *set)
{
    struct round *round = set->rounds;
    while (round != NULL && (round->sent || is_complete(set, round))) {
        struct round *next = round->next;
        if (!round->sent) {
            if (is_partial(set, round))
                round_merge(round, PMIX_ERR_PARTIAL_SUCCESS, NULL, 0);
            round->sent = true;
            if (set->party.self == 0)
                finish(shepherd, set, round->status, round->data, round->length);
            else
                send_peer(shepherd, set, bp_tree_parent(&set->party.tree, set->party.self),
                          BPMIX__PMIX_PEER__KIND__FENCE_UP, round->status, round->data,
                          round->length);
        }
        round = next;
    }
    if (set->rounds == NULL)
        set_free(shepherd->fences, set);
}

/* ---- local ranks ---- */

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct round *round = arg;
    round->answered = true;
    bp_entry_answer(&round->entry, PMIX_ERR_TIMEOUT, NULL, 0);
}

static void start_timer(struct bp_shepherd *shepherd, struct round *round)
{
    struct timeval after = {.tv_sec = round->entry.timeout_s};
    if (after.tv_sec == 0)
        return;
    round->timer = evtimer_new(shepherd->base, on_timeout, round);
    if (round->timer != NULL)
        evtimer_add(round->timer, &after);
}

void bp_fences_enter(struct bp_shepherd *shepherd, struct bp_signature *take_signature,
                     struct bp_entry *take_entry)
{
    auto_free uint8_t *bytes = take_signature->bytes;
    struct set *set = set_get(shepherd, bytes, take_signature->length);
    if (set == NULL || set->party.self == BP_TREE_NONE || set->party.self_alive == 0) {
        /* Nobody waits for ranks that have ended: the tree has counted them as in. */
        pmix_status_t status = set == NULL ? PMIX_ERR_OUT_OF_RESOURCE : PMIX_ERR_PARTIAL_SUCCESS;
        bp_entry_answer(take_entry, status, NULL, 0);
        if (set != NULL && set->rounds == NULL)
            set_free(shepherd->fences, set);
        return;
    }
    struct round *round = set->rounds;
    while (round != NULL && round->entered)
        round = round->next;
    if (round == NULL)
        round = round_add(set);
    if (round == NULL) {
        bp_entry_answer(take_entry, PMIX_ERR_OUT_OF_RESOURCE, NULL, 0);
        return;
    }
    round->entered = true;
    round->entry = *take_entry;
    /* libpmix does not count a rank that had gone before the first one called in. */
    if (set->party.self_gone > 0)
        round_merge(round, PMIX_ERR_PARTIAL_SUCCESS, NULL, 0);
    round_merge(round, round->entry.status, round->entry.data, round->entry.length);
    start_timer(shepherd, round);
    advance(shepherd, set);
}

/* ---- peers ---- */

/* The set a frame of a peer speaks of, or NULL, the frame then being refused. */
static struct set *set_of_frame(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                                const Bpmix__PmixPeer *peer)
{
    struct set *set = NULL;
    if (!bp_signature_check(peer->signature.data, peer->signature.len,
                            shepherd->map->rank_count))
        bp_shepherd_refuse(shepherd, frame, "no such participants");
    else if ((set = set_get(shepherd, peer->signature.data, peer->signature.len)) == NULL)
        bp_shepherd_refuse(shepherd, frame, "too many collectives at once");
    return set;
}

void bp_fences_up(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                  const Bpmix__PmixPeer *peer)
{
    struct set *set = set_of_frame(shepherd, frame, peer);
    if (set == NULL)
        return;
    size_t child = bp_party_find(&set->party, shepherd->map, frame->node) - set->first_child;
    struct round *round = NULL;
    if (set->party.self == BP_TREE_NONE || child >= set->child_count) {
        bp_shepherd_refuse(shepherd, frame, "not below this node in this collective");
    } else if (set->party.alive[set->first_child + child] > 0) {
        round = set->rounds;
        while (round != NULL && round->heard[child])
            round = round->next;
        if (round == NULL && (round = round_add(set)) == NULL)
            bp_shepherd_refuse(shepherd, frame, "too far ahead in this collective");
    }
    if (round != NULL) {
        round->heard[child] = true;
        round_merge(round, peer->status, peer->data.data, peer->data.len);
    }
    advance(shepherd, set);
}

void bp_fences_down(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                    const Bpmix__PmixPeer *peer)
{
    struct set *set = set_of_frame(shepherd, frame, peer);
    if (set == NULL)
        return;
    size_t self = set->party.self;
    size_t from = bp_party_find(&set->party, shepherd->map, frame->node);
    if (self == BP_TREE_NONE || self == 0 || from != bp_tree_parent(&set->party.tree, self))
        bp_shepherd_refuse(shepherd, frame, "not above this node in this collective");
    else if (set->rounds != NULL && set->rounds->sent)
        finish(shepherd, set, peer->status, peer->data.data, peer->data.len);
    else if (set->party.alive[self] > 0)
        bp_shepherd_refuse(shepherd, frame, "no collective waits for this answer");
    advance(shepherd, set);
}

void bp_fences_gone(struct bp_shepherd *shepherd)
{
    struct set *set, *next;
    HASH_ITER(hh, shepherd->fences->sets, set, next)
    {
        bp_party_count(&set->party, shepherd->map, &set->signature);
        advance(shepherd, set);
    }
}
