// sources: src/pmix/bridge.c src/pmix/codec.c src/pmix/dmodex.c src/pmix/event.c src/pmix/fence.c
// src/pmix/map.c src/pmix/party.c src/pmix/publish.c src/pmix/shepherd.c
// src/pmix/signature.c src/pmix/tree.c src/proto/apps.c src/proto/frame.c src/proto/pack.c
// src/proto/bpmix.pb-c.c src/common/error.c src/common/log.c src/common/mem.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_shepherd.c - a bpshepherd under other shepherds that say anything while its own ranks fence,
 * look up and ask: every call of libpmix is answered at most once, and every frame sent is one
 * that its receiver takes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pmix_server.h>

#include "common/mem.h"
#include "pmix/bridge.h"
#include "pmix/collective.c" /* its sets must be seen to be freed */
#include "pmix/dmodex.h"
#include "pmix/event.h"
#include "pmix/publish.h"
#include "pmix/upcalls.h"
#include "proto/pack.h"

#define NODES 5
#define RANKS 8
#define CALLS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t answered[CALLS]; /* by number of the call */
static unsigned call_count;

static void answer_once(void *arg)
{
    uint8_t *mine = arg;
    if ((*mine)++ != 0)
        abort();
}

static void on_modex(pmix_status_t status, const char *data, size_t length, void *arg,
                     pmix_release_cbfunc_t release, void *release_arg)
{
    volatile char sum = (char)status;
    for (size_t i = 0; i < length; i++)
        sum = (char)(sum + data[i]);
    answer_once(arg);
    if (release != NULL)
        release(release_arg);
}

static void on_found(pmix_status_t status, pmix_pdata_t found[], size_t count, void *arg)
{
    (void)status;
    for (size_t i = 0; i < count; i++)
        if (memchr(found[i].key, '\0', sizeof found[i].key) == NULL)
            abort();
    answer_once(arg);
}

/* ---- what stands behind: the socket to bpnode, libpmix ---- */

void bp_link_send(struct bp_link *link, const struct bp_frame *frame, const void *body)
{
    uint8_t bytes[BP_FRAME_BYTES];
    struct bp_frame taken;
    (void)link;
    bp_frame_encode(frame, bytes);
    if ((frame->length > 0 && body == NULL) ||
        bp_frame_decode(bytes, BP_PEER_SHEPHERD, BP_PEER_NODE, &taken, NULL) < 0)
        abort();
}

pmix_status_t PMIx_Notify_event(pmix_status_t status, const pmix_proc_t *source,
                                pmix_data_range_t range, const pmix_info_t infos[],
                                size_t info_count, pmix_op_cbfunc_t callback, void *arg)
{
    (void)range;
    for (size_t i = 0; i < info_count; i++)
        if (memchr(infos[i].key, '\0', sizeof infos[i].key) == NULL)
            abort();
    if (source->rank >= RANKS)
        abort();
    if (status % 2 == 0)
        return PMIX_ERR_BAD_PARAM;
    callback(PMIX_SUCCESS, arg);
    return PMIX_SUCCESS;
}

pmix_status_t PMIx_server_dmodex_request(const pmix_proc_t *proc, pmix_dmodex_response_fn_t callback,
                                         void *arg)
{
    char data[] = "data";
    if (proc->rank % 2 == 0)
        return PMIX_ERR_NOT_FOUND;
    callback(PMIX_SUCCESS, data, sizeof data, arg);
    return PMIX_SUCCESS;
}

/* ---- a job on five nodes ---- */

static const uint8_t *next_byte, *end_byte;

static unsigned byte(void)
{
    return next_byte < end_byte ? *next_byte++ : 0;
}

static struct bp_map *make_map(unsigned self)
{
    static const char *const names[NODES] = {"a", "b", "c", "d", "e"};
    Bpmix__PmixJob job = BPMIX__PMIX_JOB__INIT;
    Bpmix__MapNode rows[NODES], *list[NODES];
    uint32_t ranks[NODES][2];
    struct bp_map *map;
    for (uint32_t i = 0; i < NODES; i++) {
        list[i] = &rows[i];
        bpmix__map_node__init(&rows[i]);
        rows[i].node = (int32_t)i;
        rows[i].name = (char *)(uintptr_t)names[i];
        rows[i].ranks = ranks[i];
        for (uint32_t r = i; r < RANKS; r += NODES)
            ranks[i][rows[i].n_ranks++] = r;
    }
    job.nspace = (char *)"bp.fuzz";
    job.map = list;
    job.n_map = NODES;
    job.node = (int32_t)self;
    if (bp_map_new(&job, &map, NULL) < 0)
        abort();
    return map;
}

static uint8_t *new_call(void)
{
    return &answered[call_count++];
}

/* The ranks of this node enter a fence of some ranks, or of all. */
static void fence(unsigned ranks)
{
    pmix_proc_t procs[RANKS];
    size_t count = 0;
    for (unsigned rank = 0; rank < RANKS; rank++)
        if ((ranks >> rank & 1) != 0) {
            PMIX_LOAD_PROCID(&procs[count], "bp.fuzz", rank); /* a macro: reads its words twice */
            count++;
        }
    char data[] = "mine";
    bp_upcall_fence(procs, count, NULL, 0, data, sizeof data, on_modex, new_call());
}

static void ask(unsigned rank)
{
    pmix_proc_t proc;
    PMIX_LOAD_PROCID(&proc, rank < 128 ? "bp.fuzz" : "other", rank % 16);
    bp_upcall_modex(&proc, NULL, 0, on_modex, new_call());
}

static void look_up(void)
{
    pmix_proc_t proc;
    char key[] = "key", *keys[] = {key, NULL};
    PMIX_LOAD_PROCID(&proc, "bp.fuzz", 0);
    bp_upcall_lookup(&proc, keys, NULL, 0, on_found, new_call());
}

static void peer_says(struct bp_shepherd *shepherd, unsigned node, const uint8_t *body,
                      size_t length)
{
    struct bp_frame frame = {.type = BP_PMIX_PEER, .node = (int32_t)(node % (NODES + 1)),
                             .length = (uint32_t)length};
    auto_unpack Bpmix__PmixPeer *peer = BP_UNPACK(PmixPeer, pmix_peer, body, length, NULL);
    if (peer == NULL || bp_map_index(shepherd->map, frame.node) == BP_NODE_NONE ||
        frame.node == (int32_t)shepherd->map->self)
        return;
    if (peer->kind == BPMIX__PMIX_PEER__KIND__FENCE_UP)
        bp_fences_up(shepherd, &frame, peer);
    else if (peer->kind == BPMIX__PMIX_PEER__KIND__FENCE_DOWN)
        bp_fences_down(shepherd, &frame, peer);
    else if (peer->kind == BPMIX__PMIX_PEER__KIND__MODEX_ASK)
        bp_modexes_ask(shepherd, &frame, peer);
    else if (peer->kind == BPMIX__PMIX_PEER__KIND__MODEX_ANSWER)
        bp_modexes_answer(shepherd, &frame, peer);
    else
        bp_event_peer(shepherd, &frame, peer);
}

static void master_says(struct bp_shepherd *shepherd, unsigned tag, const uint8_t *body,
                        size_t length)
{
    auto_unpack Bpmix__PmixReply *reply = BP_UNPACK(PmixReply, pmix_reply, body, length, NULL);
    struct bp_frame frame = {.type = BP_PMIX_REPLY, .tag = tag};
    if (reply != NULL)
        bp_requests_reply(shepherd, &frame, reply);
}

static void gone(struct bp_shepherd *shepherd, uint32_t rank)
{
    shepherd->map->gone[rank] = true;
    bp_event_gone(shepherd, &rank, 1, 9);
    bp_fences_gone(shepherd);
    bp_modexes_gone(shepherd);
}

static void step(struct bp_shepherd *shepherd)
{
    unsigned what = byte() % 6, who = byte();
    size_t length = byte(), left = (size_t)(end_byte - next_byte);
    if (what < 2) {
        if (length > left)
            length = left;
        auto_free uint8_t *body = bp_calloc(1, length);
        memcpy(body, next_byte, length);
        next_byte += length;
        (what == 0 ? peer_says : master_says)(shepherd, who, body, length);
    } else if (what == 2) {
        fence(who);
    } else if (what == 3) {
        ask(who);
    } else if (what == 4) {
        look_up();
    } else {
        gone(shepherd, who % RANKS);
    }
}

/* What waits for an answer from above waits until the job is over. */
static void drop_fences(struct bp_fences *fences)
{
    struct set *set, *next;
    HASH_ITER(hh, fences->sets, set, next)
    {
        while (set->rounds != NULL) {
            if (!set->rounds->sent)
                abort(); /* everybody has gone: nobody is waited for */
            round_pop(set);
        }
        set_free(fences, set);
    }
    free(fences);
}

static void end(struct bp_shepherd *shepherd)
{
    for (uint32_t rank = 0; rank < RANKS; rank++)
        gone(shepherd, rank);
    event_base_loop(shepherd->base, EVLOOP_NONBLOCK);
    for (int32_t node = 0; node < NODES; node++)
        for (unsigned number = 1; number <= CALLS; number++) {
            Bpmix__PmixPeer peer = BPMIX__PMIX_PEER__INIT;
            struct bp_frame frame = {.type = BP_PMIX_PEER, .node = node};
            peer.number = number;
            bp_modexes_answer(shepherd, &frame, &peer);
        }
    for (unsigned tag = 1; tag <= CALLS; tag++)
        master_says(shepherd, tag, NULL, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bp_shepherd shepherd;
    next_byte = data;
    end_byte = data + size;
    if (shepherd.base == NULL) {
        bp_log_init("fuzz", BP_LOG_ERROR);
        shepherd.base = event_base_new();
        if (bp_bridge_open(shepherd.base, &shepherd, NULL) < 0)
            abort();
    }
    shepherd.map = make_map(byte() % NODES);
    shepherd.fanout = byte() % 4;
    shepherd.fences = bp_fences_new();
    shepherd.modexes = bp_modexes_new();
    shepherd.requests = bp_requests_new();
    memset(answered, 0, sizeof answered);
    call_count = 0;
    while (next_byte < end_byte && call_count < CALLS) {
        step(&shepherd);
        event_base_loop(shepherd.base, EVLOOP_NONBLOCK);
    }
    end(&shepherd);
    drop_fences(shepherd.fences);
    free(shepherd.modexes);
    free(shepherd.requests);
    bp_map_free(shepherd.map);
    return 0;
}
