/* SPDX-License-Identifier: BSD-3-Clause */
/* publish.c - publish, lookup and unpublish through bpmaster, which keeps the data. */
#include <string.h>

#include <pmix.h>
#include <uthash.h>

#include "common/mem.h"
#include "pmix/bridge.h"
#include "pmix/codec.h"
#include "pmix/publish.h"
#include "pmix/upcalls.h"

struct request {
    struct bp_call call;
    UT_hash_handle hh;
    uint64_t tag;
    unsigned type; /* of the frame */
    pmix_proc_t proc;
    char **keys; /* NULL-terminated; NULL = none */
    pmix_info_t *infos;
    size_t info_count;
    struct event *timer;
    pmix_lookup_cbfunc_t found; /* one of these two is set */
    pmix_op_cbfunc_t done;
    void *arg;
    struct bp_requests *requests;
};

struct bp_requests {
    struct request *waiting;
    uint64_t last_tag;
};

struct bp_requests *bp_requests_new(void)
{
    return bp_calloc(1, sizeof(struct bp_requests));
}

static void request_end(struct request *take_request, pmix_status_t status, pmix_pdata_t *items,
                        size_t count)
{
    if (take_request->found != NULL)
        take_request->found(status, items, count, take_request->arg);
    else
        take_request->done(status, take_request->arg);
    if (take_request->tag != 0)
        HASH_DEL(take_request->requests->waiting, take_request);
    if (take_request->timer != NULL)
        event_free(take_request->timer);
    for (char **key = take_request->keys; key != NULL && *key != NULL; key++)
        free(*key);
    free(take_request->keys);
    bp_free_infos(take_request->infos, take_request->info_count);
    free(take_request);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    request_end(arg, PMIX_ERR_TIMEOUT, NULL, 0);
}

/* ---- to bpmaster ---- */

static const pmix_value_t *directive(const struct request *request, const char *key)
{
    return bp_find_info(request->infos, request->info_count, key);
}

static uint32_t range_of(const struct request *request)
{
    const pmix_value_t *range = directive(request, PMIX_RANGE);
    return range != NULL ? bp_value_number(range) : PMIX_RANGE_SESSION;
}

static bool is_directive(const pmix_info_t *info)
{
    static const char *const keys[] = {PMIX_RANGE,  PMIX_PERSISTENCE, PMIX_USERID,
                                       PMIX_GRPID,  PMIX_TIMEOUT,     PMIX_WAIT,
                                       PMIX_ACCESS_PERMISSIONS};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (PMIX_CHECK_KEY(info, keys[i]))
            return true;
    return false;
}

static void free_items(Bpmix__PmixItem *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(items[i].value.data);
    free(items);
}

static pmix_status_t send_publish(struct bp_shepherd *shepherd, struct request *request)
{
    Bpmix__PmixPublish publish = BPMIX__PMIX_PUBLISH__INIT;
    Bpmix__PmixItem *items = bp_calloc(request->info_count, sizeof *items);
    auto_free Bpmix__PmixItem **list = bp_calloc(request->info_count, sizeof(void *));
    pmix_status_t status = PMIX_SUCCESS;
    size_t count = 0;
    for (size_t i = 0; i < request->info_count && status == PMIX_SUCCESS; i++) {
        if (is_directive(&request->infos[i]))
            continue;
        Bpmix__PmixItem *item = list[count] = &items[count];
        bpmix__pmix_item__init(item);
        item->key = request->infos[i].key;
        item->nspace = request->proc.nspace;
        item->rank = request->proc.rank;
        status = bp_value_encode(&request->infos[i].value, &item->value.data, &item->value.len);
        count += status == PMIX_SUCCESS;
    }
    const pmix_value_t *persistence = directive(request, PMIX_PERSISTENCE);
    publish.items = list;
    publish.n_items = count;
    publish.range = range_of(request);
    publish.persistence = persistence != NULL ? bp_value_number(persistence) : PMIX_PERSIST_APP;
    publish.nspace = request->proc.nspace;
    publish.rank = request->proc.rank;
    if (status == PMIX_SUCCESS &&
        bp_shepherd_send(shepherd, request->type, 0, request->tag, &publish.base) < 0)
        status = PMIX_ERR_OUT_OF_RESOURCE;
    free_items(items, count);
    return status;
}

static pmix_status_t send_lookup(struct bp_shepherd *shepherd, struct request *request)
{
    Bpmix__PmixLookup lookup = BPMIX__PMIX_LOOKUP__INIT;
    const pmix_value_t *wait = directive(request, PMIX_WAIT);
    const pmix_value_t *timeout = directive(request, PMIX_TIMEOUT);
    while (request->keys != NULL && request->keys[lookup.n_keys] != NULL)
        lookup.n_keys++;
    lookup.keys = request->keys;
    lookup.wait = wait != NULL && bp_value_is_true(wait);
    lookup.timeout_s = timeout != NULL ? bp_value_number(timeout) : 0;
    lookup.range = range_of(request);
    lookup.nspace = request->proc.nspace;
    lookup.rank = request->proc.rank;
    if (bp_shepherd_send(shepherd, request->type, 0, request->tag, &lookup.base) < 0)
        return PMIX_ERR_OUT_OF_RESOURCE;
    struct timeval after = {.tv_sec = lookup.timeout_s};
    if (lookup.timeout_s > 0) {
        request->timer = evtimer_new(shepherd->base, on_timeout, request);
        if (request->timer != NULL)
            evtimer_add(request->timer, &after);
    }
    return PMIX_SUCCESS;
}

static void run(struct bp_shepherd *shepherd, struct bp_call *take_call)
{
    struct request *request = (struct request *)take_call;
    request->requests = shepherd->requests;
    request->tag = ++shepherd->requests->last_tag;
    HASH_ADD(hh, shepherd->requests->waiting, tag, sizeof request->tag, request);
    pmix_status_t status = request->type == BP_PMIX_PUBLISH ? send_publish(shepherd, request)
                                                            : send_lookup(shepherd, request);
    if (status != PMIX_SUCCESS)
        request_end(request, status, NULL, 0);
}

/* ---- from bpmaster ---- */

static void free_found(pmix_pdata_t *found, size_t count)
{
    for (size_t i = 0; i < count; i++)
        PMIX_PDATA_DESTRUCT(&found[i]);
    free(found);
}

static pmix_status_t decode_items(const Bpmix__PmixReply *reply, pmix_pdata_t *found)
{
    for (size_t i = 0; i < reply->n_items; i++) {
        const Bpmix__PmixItem *item = reply->items[i];
        if (strlen(item->key) > PMIX_MAX_KEYLEN || strlen(item->nspace) > PMIX_MAX_NSLEN)
            return PMIX_ERR_UNPACK_FAILURE;
        PMIX_LOAD_KEY(found[i].key, item->key);
        PMIX_LOAD_PROCID(&found[i].proc, item->nspace, item->rank);
        pmix_status_t status =
            bp_value_decode(item->value.data, item->value.len, &found[i].value);
        if (status != PMIX_SUCCESS)
            return status;
    }
    return PMIX_SUCCESS;
}

void bp_requests_reply(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                       const Bpmix__PmixReply *reply)
{
    struct request *request;
    HASH_FIND(hh, shepherd->requests->waiting, &frame->tag, sizeof frame->tag, request);
    if (request == NULL)
        return; /* it timed out here */
    pmix_pdata_t *found = bp_calloc(reply->n_items, sizeof *found);
    pmix_status_t status = reply->status, decoded = decode_items(reply, found);
    size_t count = decoded == PMIX_SUCCESS ? reply->n_items : 0;
    if (decoded != PMIX_SUCCESS)
        status = decoded;
    else if (status == PMIX_SUCCESS && request->found != NULL && count == 0)
        status = PMIX_ERR_NOT_FOUND;
    request_end(request, status, found, count);
    free_found(found, reply->n_items);
}

/* ---- upcalls ---- */

static struct request *request_new(unsigned type, const pmix_proc_t *proc, char **keys,
                                   const pmix_info_t *infos, size_t info_count)
{
    struct request *request = bp_calloc(1, sizeof *request);
    request->call.run = run;
    request->type = type;
    PMIX_LOAD_PROCID(&request->proc, proc->nspace, proc->rank);
    request->infos = bp_copy_infos(infos, info_count);
    request->info_count = info_count;
    size_t count = 0;
    while (keys != NULL && keys[count] != NULL)
        count++;
    request->keys = bp_calloc(count + 1, sizeof *request->keys);
    for (size_t i = 0; i < count; i++)
        request->keys[i] = bp_strdup(keys[i]);
    return request;
}

pmix_status_t bp_upcall_publish(const pmix_proc_t *proc, const pmix_info_t infos[],
                                size_t info_count, pmix_op_cbfunc_t callback, void *arg)
{
    struct request *request = request_new(BP_PMIX_PUBLISH, proc, NULL, infos, info_count);
    request->done = callback;
    request->arg = arg;
    bp_bridge_post(&request->call);
    return PMIX_SUCCESS;
}

pmix_status_t bp_upcall_lookup(const pmix_proc_t *proc, char **keys, const pmix_info_t infos[],
                               size_t info_count, pmix_lookup_cbfunc_t callback, void *arg)
{
    struct request *request = request_new(BP_PMIX_LOOKUP, proc, keys, infos, info_count);
    request->found = callback;
    request->arg = arg;
    bp_bridge_post(&request->call);
    return PMIX_SUCCESS;
}

pmix_status_t bp_upcall_unpublish(const pmix_proc_t *proc, char **keys,
                                  const pmix_info_t infos[], size_t info_count,
                                  pmix_op_cbfunc_t callback, void *arg)
{
    struct request *request = request_new(BP_PMIX_UNPUBLISH, proc, keys, infos, info_count);
    request->done = callback;
    request->arg = arg;
    bp_bridge_post(&request->call);
    return PMIX_SUCCESS;
}
