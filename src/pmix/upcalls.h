/* SPDX-License-Identifier: BSD-3-Clause */
/* upcalls.h - the functions that libpmix calls on its own threads; each copies its arguments, posts
 * them to the loop and returns (PMIx Standard, chapter "Server-Specific Interfaces"). */
#ifndef BP_PMIX_UPCALLS_H
#define BP_PMIX_UPCALLS_H

#include <pmix_server.h>

#include "pmix/collective.h"

/* fence.c: an entry of the local ranks, on its way to the loop; entry->data is copied. */
void bp_fence_post(enum bp_collective kind, const pmix_proc_t *procs, size_t proc_count,
                   const pmix_info_t *infos, size_t info_count, const struct bp_entry *entry);

pmix_status_t bp_upcall_fence(const pmix_proc_t procs[], size_t proc_count,
                              const pmix_info_t infos[], size_t info_count, char *data,
                              size_t length, pmix_modex_cbfunc_t callback, void *arg);

/* connect.c */
pmix_status_t bp_upcall_connect(const pmix_proc_t procs[], size_t proc_count,
                                const pmix_info_t infos[], size_t info_count,
                                pmix_op_cbfunc_t callback, void *arg);
pmix_status_t bp_upcall_disconnect(const pmix_proc_t procs[], size_t proc_count,
                                   const pmix_info_t infos[], size_t info_count,
                                   pmix_op_cbfunc_t callback, void *arg);

/* client.c */
pmix_status_t bp_upcall_connected(const pmix_proc_t *proc, void *object, pmix_info_t infos[],
                                  size_t info_count, pmix_op_cbfunc_t callback, void *arg);
pmix_status_t bp_upcall_finalized(const pmix_proc_t *proc, void *object,
                                  pmix_op_cbfunc_t callback, void *arg);

/* abort.c */
pmix_status_t bp_upcall_abort(const pmix_proc_t *proc, void *object, int status,
                              const char text[], pmix_proc_t procs[], size_t proc_count,
                              pmix_op_cbfunc_t callback, void *arg);

/* dmodex.c */
pmix_status_t bp_upcall_modex(const pmix_proc_t *proc, const pmix_info_t infos[],
                              size_t info_count, pmix_modex_cbfunc_t callback, void *arg);

/* publish.c */
pmix_status_t bp_upcall_publish(const pmix_proc_t *proc, const pmix_info_t infos[],
                                size_t info_count, pmix_op_cbfunc_t callback, void *arg);
pmix_status_t bp_upcall_lookup(const pmix_proc_t *proc, char **keys, const pmix_info_t infos[],
                               size_t info_count, pmix_lookup_cbfunc_t callback, void *arg);
pmix_status_t bp_upcall_unpublish(const pmix_proc_t *proc, char **keys,
                                  const pmix_info_t infos[], size_t info_count,
                                  pmix_op_cbfunc_t callback, void *arg);

/* event.c */
pmix_status_t bp_upcall_register_events(pmix_status_t *codes, size_t code_count,
                                        const pmix_info_t infos[], size_t info_count,
                                        pmix_op_cbfunc_t callback, void *arg);
pmix_status_t bp_upcall_deregister_events(pmix_status_t *codes, size_t code_count,
                                          pmix_op_cbfunc_t callback, void *arg);
pmix_status_t bp_upcall_notify(pmix_status_t code, const pmix_proc_t *source,
                               pmix_data_range_t range, pmix_info_t infos[], size_t info_count,
                               pmix_op_cbfunc_t callback, void *arg);

/* query.c */
pmix_status_t bp_upcall_query(pmix_proc_t *proc, pmix_query_t *queries, size_t query_count,
                              pmix_info_cbfunc_t callback, void *arg);

/* console.c */
void bp_upcall_log(const pmix_proc_t *client, const pmix_info_t data[], size_t data_count,
                   const pmix_info_t directives[], size_t directive_count,
                   pmix_op_cbfunc_t callback, void *arg);

#endif
