/* SPDX-License-Identifier: BSD-3-Clause */
/* event.c - events between ranks of different nodes, and about ranks that ended. */
#include <string.h>

#include <pmix.h>
#include <pmix_server.h>

#include "common/mem.h"
#include "pmix/bridge.h"
#include "pmix/codec.h"
#include "pmix/event.h"
#include "pmix/upcalls.h"

#define ITEMS_MAX 64u

struct event_call {
    struct bp_call call;
    pmix_status_t code;
    pmix_proc_t source;
    pmix_info_t *infos;
    size_t info_count;
};

static void event_free_infos(struct event_call *event)
{
    bp_free_infos(event->infos, event->info_count);
    free(event);
}

/* ---- to local ranks ---- */

static void notified(pmix_status_t status, void *arg)
{
    (void)status;
    event_free_infos(arg);
}

static void notify(struct event_call *take_event)
{
    pmix_status_t status =
        PMIx_Notify_event(take_event->code, &take_event->source, PMIX_RANGE_LOCAL,
                          take_event->infos, take_event->info_count, notified, take_event);
    if (status != PMIX_SUCCESS)
        event_free_infos(take_event);
}

void bp_event_gone(struct bp_shepherd *shepherd, const uint32_t *ranks, size_t count, int status)
{
    if (status == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        struct event_call *event = bp_calloc(1, sizeof *event);
        event->code = PMIX_ERR_PROC_ABORTED;
        PMIX_LOAD_PROCID(&event->source, shepherd->map->nspace, ranks[i]);
        event->infos = bp_calloc(1, sizeof *event->infos);
        event->info_count = 1;
        PMIX_INFO_LOAD(&event->infos[0], PMIX_EVENT_AFFECTED_PROC, &event->source, PMIX_PROC);
        notify(event);
    }
}

void bp_event_peer(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                   const Bpmix__PmixPeer *peer)
{
    const struct bp_map *map = shepherd->map;
    if (strcmp(peer->nspace, map->nspace) != 0 || peer->rank >= map->rank_count ||
        peer->n_items > ITEMS_MAX) {
        bp_shepherd_refuse(shepherd, frame, "an event of nobody in this job, or too long");
        return;
    }
    struct event_call *event = bp_calloc(1, sizeof *event);
    event->code = peer->status;
    PMIX_LOAD_PROCID(&event->source, map->nspace, peer->rank);
    event->infos = bp_calloc(peer->n_items, sizeof *event->infos);
    pmix_status_t status = PMIX_SUCCESS;
    for (size_t i = 0; i < peer->n_items && status == PMIX_SUCCESS; i++) {
        const Bpmix__PmixItem *item = peer->items[i];
        status = strlen(item->key) > PMIX_MAX_KEYLEN
                     ? PMIX_ERR_UNPACK_FAILURE
                     : bp_value_decode(item->value.data, item->value.len,
                                       &event->infos[i].value);
        PMIX_LOAD_KEY(event->infos[i].key, item->key);
        event->info_count++;
    }
    if (status == PMIX_SUCCESS) {
        notify(event);
        return;
    }
    bp_shepherd_refuse(shepherd, frame, "a malformed event");
    event_free_infos(event);
}

/* ---- from local ranks ---- */

static void send_event(struct bp_shepherd *shepherd, struct event_call *event)
{
    const struct bp_map *map = shepherd->map;
    Bpmix__PmixItem items[ITEMS_MAX], *list[ITEMS_MAX];
    Bpmix__PmixPeer peer = BPMIX__PMIX_PEER__INIT;
    peer.kind = BPMIX__PMIX_PEER__KIND__EVENT;
    peer.status = event->code;
    peer.nspace = event->source.nspace;
    peer.rank = event->source.rank;
    peer.items = list;
    for (size_t i = 0; i < event->info_count && peer.n_items < ITEMS_MAX; i++) {
        Bpmix__PmixItem *item = list[peer.n_items] = &items[peer.n_items];
        bpmix__pmix_item__init(item);
        item->key = event->infos[i].key;
        if (bp_value_encode(&event->infos[i].value, &item->value.data, &item->value.len) ==
            PMIX_SUCCESS)
            peer.n_items++;
    }
    for (size_t i = 0; i < map->node_count; i++)
        if (i != map->self && map->nodes[i].rank_count > 0)
            bp_shepherd_send(shepherd, BP_PMIX_PEER, map->nodes[i].number, 0, &peer.base);
    for (size_t i = 0; i < peer.n_items; i++)
        free(items[i].value.data);
}

static void run(struct bp_shepherd *shepherd, struct bp_call *take_call)
{
    struct event_call *event = (struct event_call *)take_call;
    if (PMIX_CHECK_NSPACE(event->source.nspace, shepherd->map->nspace) &&
        event->source.rank < shepherd->map->rank_count)
        send_event(shepherd, event);
    event_free_infos(event);
}

/* Never PMIX_SUCCESS and a later call of callback: libpmix 4.2.2 has freed its argument by then. */

pmix_status_t bp_upcall_notify(pmix_status_t code, const pmix_proc_t *source,
                               pmix_data_range_t range, pmix_info_t infos[], size_t info_count,
                               pmix_op_cbfunc_t callback, void *arg)
{
    (void)callback;
    (void)arg;
    if (range == PMIX_RANGE_LOCAL || range == PMIX_RANGE_PROC_LOCAL)
        return PMIX_OPERATION_SUCCEEDED; /* libpmix has told the local ranks */
    if (range != PMIX_RANGE_NAMESPACE && range != PMIX_RANGE_SESSION && range != PMIX_RANGE_GLOBAL)
        return PMIX_ERR_NOT_SUPPORTED;
    struct event_call *event = bp_calloc(1, sizeof *event);
    event->call.run = run;
    event->code = code;
    PMIX_LOAD_PROCID(&event->source, source->nspace, source->rank);
    event->infos = bp_copy_infos(infos, info_count);
    event->info_count = info_count;
    bp_bridge_post(&event->call);
    return PMIX_SUCCESS;
}

/* libpmix keeps who wants which event; every event of the job comes to every shepherd. */
pmix_status_t bp_upcall_register_events(pmix_status_t *codes, size_t code_count,
                                        const pmix_info_t infos[], size_t info_count,
                                        pmix_op_cbfunc_t callback, void *arg)
{
    (void)codes;
    (void)code_count;
    (void)infos;
    (void)info_count;
    return bp_bridge_answer(callback, arg, PMIX_SUCCESS);
}

pmix_status_t bp_upcall_deregister_events(pmix_status_t *codes, size_t code_count,
                                          pmix_op_cbfunc_t callback, void *arg)
{
    (void)codes;
    (void)code_count;
    return bp_bridge_answer(callback, arg, PMIX_SUCCESS);
}
