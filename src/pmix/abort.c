/* SPDX-License-Identifier: BSD-3-Clause */
/* abort.c - a rank aborts: bpmaster is told, and does the killing. */
#include <string.h>

#include "common/mem.h"
#include "pmix/bridge.h"
#include "pmix/upcalls.h"

#define TEXT_MAX 1024

struct abort_call {
    struct bp_call call;
    pmix_proc_t proc;
    int status;
    char text[TEXT_MAX];
    pmix_proc_t *procs;
    size_t proc_count;
    pmix_op_cbfunc_t callback;
    void *arg;
};

/* The ranks meant; false = all of the job. */
static bool named_ranks(const struct abort_call *call, const struct bp_map *map,
                        Bpmix__PmixAbort *abort)
{
    for (size_t i = 0; i < call->proc_count; i++) {
        if (!PMIX_CHECK_NSPACE(call->procs[i].nspace, map->nspace))
            continue;
        if (call->procs[i].rank == PMIX_RANK_WILDCARD)
            return false;
        if (call->procs[i].rank < map->rank_count)
            abort->ranks[abort->n_ranks++] = call->procs[i].rank;
    }
    return call->proc_count > 0;
}

static void run(struct bp_shepherd *shepherd, struct bp_call *take_call)
{
    auto_free struct abort_call *call = (struct abort_call *)take_call;
    auto_free pmix_proc_t *procs = call->procs;
    auto_free uint32_t *ranks = bp_calloc(call->proc_count, sizeof *ranks);
    Bpmix__PmixAbort abort = BPMIX__PMIX_ABORT__INIT;
    (void)procs;
    abort.ranks = ranks;
    abort.nspace = call->proc.nspace;
    abort.rank = call->proc.rank;
    abort.status = call->status;
    abort.text = call->text;
    abort.all = !named_ranks(call, shepherd->map, &abort);
    if (abort.all)
        abort.n_ranks = 0;
    pmix_status_t status = PMIX_SUCCESS;
    if (!abort.all && abort.n_ranks == 0)
        status = PMIX_ERR_NOT_SUPPORTED; /* processes of other nspaces */
    else if (bp_shepherd_send(shepherd, BP_PMIX_ABORT, 0, 0, &abort.base) < 0)
        status = PMIX_ERR_OUT_OF_RESOURCE;
    if (call->callback != NULL)
        call->callback(status, call->arg);
}

pmix_status_t bp_upcall_abort(const pmix_proc_t *proc, void *object, int status,
                              const char text[], pmix_proc_t procs[], size_t proc_count,
                              pmix_op_cbfunc_t callback, void *arg)
{
    (void)object;
    struct abort_call *call = bp_calloc(1, sizeof *call);
    call->call.run = run;
    PMIX_LOAD_PROCID(&call->proc, proc->nspace, proc->rank);
    call->status = status;
    if (text != NULL)
        strncpy(call->text, text, sizeof call->text - 1);
    call->procs = bp_copy_bytes(procs, proc_count * sizeof *procs);
    call->proc_count = proc_count;
    call->callback = callback;
    call->arg = arg;
    bp_bridge_post(&call->call);
    return PMIX_SUCCESS;
}
