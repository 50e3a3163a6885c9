/* SPDX-License-Identifier: BSD-3-Clause */
/* query.c - the query upcall: the job's nspace; all else is not supported. */
#include <string.h>

#include <pmix.h>

#include "common/mem.h"
#include "pmix/bridge.h"
#include "pmix/upcalls.h"

struct query {
    struct bp_call call;
    size_t wanted; /* keys asked for */
    size_t known;  /* of them, PMIX_QUERY_NAMESPACES */
    pmix_info_cbfunc_t callback;
    void *arg;
};

static void release(void *arg)
{
    pmix_info_t *info = arg;
    PMIX_INFO_DESTRUCT(info);
    free(info);
}

static void run(struct bp_shepherd *shepherd, struct bp_call *take_call)
{
    auto_free struct query *query = (struct query *)take_call;
    if (query->known == 0) {
        query->callback(PMIX_ERR_NOT_SUPPORTED, NULL, 0, query->arg, NULL, NULL);
        return;
    }
    pmix_info_t *info = bp_calloc(1, sizeof *info);
    PMIX_INFO_LOAD(info, PMIX_QUERY_NAMESPACES, shepherd->map->nspace, PMIX_STRING);
    query->callback(query->known == query->wanted ? PMIX_SUCCESS : PMIX_ERR_PARTIAL_SUCCESS, info,
                    1, query->arg, release, info);
}

pmix_status_t bp_upcall_query(pmix_proc_t *proc, pmix_query_t *queries, size_t query_count,
                              pmix_info_cbfunc_t callback, void *arg)
{
    (void)proc;
    struct query *query = bp_calloc(1, sizeof *query);
    query->call.run = run;
    for (size_t i = 0; i < query_count; i++) {
        for (char **key = queries[i].keys; key != NULL && *key != NULL; key++) {
            query->wanted++;
            query->known += strcmp(*key, PMIX_QUERY_NAMESPACES) == 0;
        }
    }
    query->callback = callback;
    query->arg = arg;
    bp_bridge_post(&query->call);
    return PMIX_SUCCESS;
}
