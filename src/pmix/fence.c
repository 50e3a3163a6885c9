/* SPDX-License-Identifier: BSD-3-Clause */
/* fence.c - the fence upcall. */
#include "common/mem.h"
#include "pmix/bridge.h"
#include "pmix/codec.h"
#include "pmix/upcalls.h"

struct fence {
    struct bp_call call;
    enum bp_collective kind;
    pmix_proc_t *procs;
    size_t proc_count;
    struct bp_entry entry;
};

static void run(struct bp_shepherd *shepherd, struct bp_call *take_call)
{
    auto_free struct fence *fence = (struct fence *)take_call;
    auto_free pmix_proc_t *procs = fence->procs;
    struct bp_signature signature;
    pmix_status_t status =
        bp_signature_make(fence->kind, shepherd->map->nspace, shepherd->map->rank_count, procs,
                          fence->proc_count, &signature);
    if (status == PMIX_SUCCESS)
        bp_fences_enter(shepherd, &signature, &fence->entry);
    else
        bp_entry_answer(&fence->entry, status, NULL, 0);
}

void bp_fence_post(enum bp_collective kind, const pmix_proc_t *procs, size_t proc_count,
                   const pmix_info_t *infos, size_t info_count, const struct bp_entry *entry)
{
    struct fence *fence = bp_calloc(1, sizeof *fence);
    fence->call.run = run;
    fence->kind = kind;
    fence->procs = bp_copy_bytes(procs, proc_count * sizeof *procs);
    fence->proc_count = proc_count;
    fence->entry = *entry;
    fence->entry.data = bp_copy_bytes(entry->data, entry->length);
    const pmix_value_t *status = bp_find_info(infos, info_count, PMIX_LOCAL_COLLECTIVE_STATUS);
    if (status != NULL && status->type == PMIX_STATUS)
        fence->entry.status = status->data.status;
    const pmix_value_t *timeout = bp_find_info(infos, info_count, PMIX_TIMEOUT);
    if (timeout != NULL)
        fence->entry.timeout_s = bp_value_number(timeout);
    bp_bridge_post(&fence->call);
}

pmix_status_t bp_upcall_fence(const pmix_proc_t procs[], size_t proc_count,
                              const pmix_info_t infos[], size_t info_count, char *data,
                              size_t length, pmix_modex_cbfunc_t callback, void *arg)
{
    struct bp_entry entry = {
        .data = (uint8_t *)data, .length = length, .modex = callback, .arg = arg};
    bp_fence_post(BP_FENCE, procs, proc_count, infos, info_count, &entry);
    return PMIX_SUCCESS;
}
