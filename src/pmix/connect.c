/* SPDX-License-Identifier: BSD-3-Clause */
/* connect.c - the connect and disconnect upcalls: collectives without data. Processes of one nspace
 * know all of each other already, so there is nothing more to exchange. */
#include "pmix/bridge.h"
#include "pmix/upcalls.h"

pmix_status_t bp_upcall_connect(const pmix_proc_t procs[], size_t proc_count,
                                const pmix_info_t infos[], size_t info_count,
                                pmix_op_cbfunc_t callback, void *arg)
{
    struct bp_entry entry = {.op = callback, .arg = arg};
    bp_fence_post(BP_CONNECT, procs, proc_count, infos, info_count, &entry);
    return PMIX_SUCCESS;
}

pmix_status_t bp_upcall_disconnect(const pmix_proc_t procs[], size_t proc_count,
                                   const pmix_info_t infos[], size_t info_count,
                                   pmix_op_cbfunc_t callback, void *arg)
{
    struct bp_entry entry = {.op = callback, .arg = arg};
    bp_fence_post(BP_DISCONNECT, procs, proc_count, infos, info_count, &entry);
    return PMIX_SUCCESS;
}
