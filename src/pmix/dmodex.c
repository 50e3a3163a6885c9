/* SPDX-License-Identifier: BSD-3-Clause */
/* dmodex.c - asking other shepherds for a rank's data, and answering them. */
#include <string.h>

#include <pmix_server.h>
#include <uthash.h>

#include "common/mem.h"
#include "pmix/bridge.h"
#include "pmix/codec.h"
#include "pmix/dmodex.h"
#include "pmix/upcalls.h"

#define SERVED_MAX 65536u

struct ask { /* ours, to the shepherd of the owner's node */
    struct bp_call call;
    UT_hash_handle hh;
    uint64_t number;
    int32_t node;
    pmix_proc_t proc;
    uint32_t timeout_s;
    struct event *timer;
    pmix_modex_cbfunc_t callback;
    void *arg;
    struct bp_modexes *modexes;
};

struct serve { /* a peer's, waiting for libpmix to have the data */
    struct bp_call call;
    struct serve *next, **link;
    uint64_t number;
    int32_t node;
    uint32_t rank;
    bool answered;
    pmix_status_t status;
    uint8_t *data;
    size_t length;
};

struct bp_modexes {
    struct ask *asks;
    uint64_t last_number;
    struct serve *serves;
    size_t serve_count;
};

struct bp_modexes *bp_modexes_new(void)
{
    return bp_calloc(1, sizeof(struct bp_modexes));
}

/* ---- asking ---- */

static void ask_end(struct ask *take_ask, pmix_status_t status, const uint8_t *data,
                    size_t length)
{
    char *copy = bp_copy_bytes(data, length);
    take_ask->callback(status, copy, length, take_ask->arg, free, copy);
    if (take_ask->number != 0)
        HASH_DEL(take_ask->modexes->asks, take_ask);
    if (take_ask->timer != NULL)
        event_free(take_ask->timer);
    free(take_ask);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    ask_end(arg, PMIX_ERR_TIMEOUT, NULL, 0);
}

static void run_ask(struct bp_shepherd *shepherd, struct bp_call *take_call)
{
    struct ask *ask = (struct ask *)take_call;
    const struct bp_map *map = shepherd->map;
    ask->modexes = shepherd->modexes;
    if (strcmp(ask->proc.nspace, map->nspace) != 0 || ask->proc.rank >= map->rank_count) {
        ask_end(ask, PMIX_ERR_NOT_FOUND, NULL, 0);
        return;
    }
    ask->node = map->nodes[map->node_of[ask->proc.rank]].number;
    ask->number = ++shepherd->modexes->last_number;
    HASH_ADD(hh, shepherd->modexes->asks, number, sizeof ask->number, ask);
    struct timeval after = {.tv_sec = ask->timeout_s};
    if (ask->timeout_s > 0 && (ask->timer = evtimer_new(shepherd->base, on_timeout, ask)) != NULL)
        evtimer_add(ask->timer, &after);
    Bpmix__PmixPeer peer = BPMIX__PMIX_PEER__INIT;
    peer.kind = BPMIX__PMIX_PEER__KIND__MODEX_ASK;
    peer.number = ask->number;
    peer.nspace = ask->proc.nspace;
    peer.rank = ask->proc.rank;
    bp_shepherd_send(shepherd, BP_PMIX_PEER, ask->node, 0, &peer.base);
}

pmix_status_t bp_upcall_modex(const pmix_proc_t *proc, const pmix_info_t infos[],
                              size_t info_count, pmix_modex_cbfunc_t callback, void *arg)
{
    struct ask *ask = bp_calloc(1, sizeof *ask);
    ask->call.run = run_ask;
    PMIX_LOAD_PROCID(&ask->proc, proc->nspace, proc->rank);
    const pmix_value_t *timeout = bp_find_info(infos, info_count, PMIX_TIMEOUT);
    if (timeout != NULL)
        ask->timeout_s = bp_value_number(timeout);
    ask->callback = callback;
    ask->arg = arg;
    bp_bridge_post(&ask->call);
    return PMIX_SUCCESS;
}

void bp_modexes_answer(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                       const Bpmix__PmixPeer *peer)
{
    struct ask *ask;
    HASH_FIND(hh, shepherd->modexes->asks, &peer->number, sizeof peer->number, ask);
    if (ask == NULL)
        return; /* it timed out here */
    if (ask->node != frame->node)
        bp_shepherd_refuse(shepherd, frame, "this node was not asked");
    else
        ask_end(ask, peer->status, peer->data.data, peer->data.len);
}

/* ---- answering ---- */

static void serve_send(struct bp_shepherd *shepherd, struct serve *serve)
{
    Bpmix__PmixPeer peer = BPMIX__PMIX_PEER__INIT;
    peer.kind = BPMIX__PMIX_PEER__KIND__MODEX_ANSWER;
    peer.number = serve->number;
    peer.status = serve->status;
    peer.data = (ProtobufCBinaryData){serve->length, serve->data};
    if (bp_shepherd_send(shepherd, BP_PMIX_PEER, serve->node, 0, &peer.base) < 0) {
        peer.status = PMIX_ERR_OUT_OF_RESOURCE;
        peer.data = (ProtobufCBinaryData){0, NULL};
        bp_shepherd_send(shepherd, BP_PMIX_PEER, serve->node, 0, &peer.base);
    }
    serve->answered = true;
}

static void serve_free(struct bp_modexes *modexes, struct serve *serve)
{
    *serve->link = serve->next;
    if (serve->next != NULL)
        serve->next->link = serve->link;
    modexes->serve_count--;
    free(serve->data);
    free(serve);
}

static void run_served(struct bp_shepherd *shepherd, struct bp_call *take_call)
{
    struct serve *serve = (struct serve *)take_call;
    if (!serve->answered)
        serve_send(shepherd, serve);
    serve_free(shepherd->modexes, serve);
}

/* On libpmix's thread: the data are there. */
static void on_data(pmix_status_t status, char *data, size_t length, void *arg)
{
    struct serve *serve = arg;
    serve->status = status;
    serve->data = bp_copy_bytes(data, length);
    serve->length = length;
    serve->call.run = run_served;
    bp_bridge_post(&serve->call);
}

void bp_modexes_ask(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                    const Bpmix__PmixPeer *peer)
{
    struct bp_modexes *modexes = shepherd->modexes;
    const struct bp_map *map = shepherd->map;
    struct serve *serve = bp_calloc(1, sizeof *serve);
    *serve = (struct serve){.number = peer->number, .node = frame->node, .rank = peer->rank};
    serve->next = modexes->serves;
    serve->link = &modexes->serves;
    if (serve->next != NULL)
        serve->next->link = &serve->next;
    modexes->serves = serve;
    modexes->serve_count++;

    if (strcmp(peer->nspace, map->nspace) != 0 || peer->rank >= map->rank_count ||
        map->node_of[peer->rank] != map->self || map->gone[peer->rank]) {
        serve->status = PMIX_ERR_NOT_FOUND;
    } else if (modexes->serve_count > SERVED_MAX) {
        serve->status = PMIX_ERR_OUT_OF_RESOURCE;
    } else {
        pmix_proc_t proc;
        PMIX_LOAD_PROCID(&proc, map->nspace, peer->rank);
        serve->status = PMIx_server_dmodex_request(&proc, on_data, serve);
        if (serve->status == PMIX_SUCCESS)
            return;
    }
    serve_send(shepherd, serve);
    serve_free(modexes, serve);
}

void bp_modexes_gone(struct bp_shepherd *shepherd)
{
    /* What was committed before the end is on its way through the bridge; the rest never comes. */
    for (struct serve *serve = shepherd->modexes->serves; serve != NULL; serve = serve->next) {
        if (serve->answered || !shepherd->map->gone[serve->rank])
            continue;
        Bpmix__PmixPeer peer = BPMIX__PMIX_PEER__INIT;
        peer.kind = BPMIX__PMIX_PEER__KIND__MODEX_ANSWER;
        peer.number = serve->number;
        peer.status = PMIX_ERR_NOT_FOUND;
        bp_shepherd_send(shepherd, BP_PMIX_PEER, serve->node, 0, &peer.base);
        serve->answered = true; /* stays until libpmix lets go of it */
    }
}
