/* SPDX-License-Identifier: BSD-3-Clause */
/* client.c - a local rank connects or finalizes: bpmaster is told before the rank goes on. */
#include "common/mem.h"
#include "pmix/bridge.h"
#include "pmix/upcalls.h"

struct change {
    struct bp_call call;
    pmix_proc_t proc;
    bool finalized;
    pmix_op_cbfunc_t callback;
    void *arg;
};

static void run(struct bp_shepherd *shepherd, struct bp_call *take_call)
{
    auto_free struct change *change = (struct change *)take_call;
    Bpmix__PmixState state = BPMIX__PMIX_STATE__INIT;
    state.rank = change->proc.rank;
    state.finalized = change->finalized;
    if (PMIX_CHECK_NSPACE(change->proc.nspace, shepherd->map->nspace))
        bp_shepherd_send(shepherd, BP_PMIX_STATE, 0, 0, &state.base);
    if (change->callback != NULL)
        change->callback(PMIX_SUCCESS, change->arg);
}

static pmix_status_t post(const pmix_proc_t *proc, bool finalized, pmix_op_cbfunc_t callback,
                          void *arg)
{
    struct change *change = bp_calloc(1, sizeof *change);
    change->call.run = run;
    PMIX_LOAD_PROCID(&change->proc, proc->nspace, proc->rank);
    change->finalized = finalized;
    change->callback = callback;
    change->arg = arg;
    bp_bridge_post(&change->call);
    return PMIX_SUCCESS;
}

pmix_status_t bp_upcall_connected(const pmix_proc_t *proc, void *object, pmix_info_t infos[],
                                  size_t info_count, pmix_op_cbfunc_t callback, void *arg)
{
    (void)object;
    (void)infos;
    (void)info_count;
    return post(proc, false, callback, arg);
}

pmix_status_t bp_upcall_finalized(const pmix_proc_t *proc, void *object,
                                  pmix_op_cbfunc_t callback, void *arg)
{
    (void)object;
    return post(proc, true, callback, arg);
}
