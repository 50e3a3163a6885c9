/* SPDX-License-Identifier: BSD-3-Clause */
/* server.c - libpmix's server: start, table of upcalls, environment of a rank. */
#include <errno.h>
#include <string.h>

#include <pmix.h>
#include <pmix_server.h>

#include "common/mem.h"
#include "pmix/infos.h"
#include "pmix/server.h"
#include "pmix/upcalls.h"

/* What is not here libpmix answers with PMIX_ERR_NOT_SUPPORTED by itself. */
static pmix_server_module_t module = {
    .client_connected2 = bp_upcall_connected,
    .client_finalized = bp_upcall_finalized,
    .abort = bp_upcall_abort,
    .fence_nb = bp_upcall_fence,
    .direct_modex = bp_upcall_modex,
    .publish = bp_upcall_publish,
    .lookup = bp_upcall_lookup,
    .unpublish = bp_upcall_unpublish,
    .connect = bp_upcall_connect,
    .disconnect = bp_upcall_disconnect,
    .register_events = bp_upcall_register_events,
    .deregister_events = bp_upcall_deregister_events,
    .notify_event = bp_upcall_notify,
    .query = bp_upcall_query,
    .log = bp_upcall_log,
};

extern char **environ;

/* A shepherd below another PMIx job must not take itself for a part of that. PMIX_MCA_* stays: it
 * is how a site tunes libpmix. */
static void forget_outer_job(void)
{
    size_t i = 0;
    while (environ != NULL && environ[i] != NULL) {
        const char *entry = environ[i];
        size_t length = strcspn(entry, "=");
        if (strncmp(entry, "PMIX_", 5) == 0 && strncmp(entry, "PMIX_MCA_", 9) != 0) {
            auto_free char *name = strndup(entry, length);
            if (name != NULL && unsetenv(name) == 0)
                continue;
        }
        i++;
    }
}

int bp_server_start(struct bp_shepherd *shepherd, struct bp_error *err)
{
    const struct bp_map *map = shepherd->map;
    struct bp_infos infos = {0};
    forget_outer_job();
    setenv("HOME", shepherd->tmp, 0); /* libpmix crashes for a user who has neither it nor a name */
    bp_infos_string(&infos, PMIX_SERVER_NSPACE, "bpmix");
    bp_infos_rank(&infos, PMIX_SERVER_RANK, (pmix_rank_t)map->self);
    bp_infos_number(&infos, PMIX_USERID, shepherd->uid);
    bp_infos_number(&infos, PMIX_GRPID, shepherd->gid);
    bp_infos_string(&infos, PMIX_HOSTNAME, bp_map_here(map)->name);
    bp_infos_string(&infos, PMIX_SERVER_TMPDIR, shepherd->tmp);
    bp_infos_string(&infos, PMIX_SYSTEM_TMPDIR, shepherd->tmp);
    bp_infos_true(&infos, PMIX_SERVER_SHARE_TOPOLOGY);
    pmix_status_t status = PMIx_server_init(&module, infos.array, infos.count);
    bp_infos_done(&infos);
    if (status != PMIX_SUCCESS)
        return bp_error_set(err, -EIO, "libpmix does not start: %s (is the loopback interface up, "
                            "and %s writable?)", PMIx_Error_string(status), shepherd->tmp);
    return 0;
}

int bp_server_env(struct bp_shepherd *shepherd, uint32_t rank, char ***ret_env,
                  struct bp_error *err)
{
    pmix_proc_t proc;
    char **env = NULL;
    PMIX_LOAD_PROCID(&proc, shepherd->map->nspace, rank);
    pmix_status_t status = PMIx_server_setup_fork(&proc, &env);
    /* Open MPI 4.1 believes in a launcher only by the variable of one it knows; this one is read
     * nowhere else, and says that ranks are bound already. */
    if (status == PMIX_SUCCESS)
        PMIX_ARGV_APPEND(status, env, "JSM_JSRUN_PORT=1");
    if (status != PMIX_SUCCESS) {
        bp_server_env_free(env);
        return bp_error_set(err, -EIO, "no environment for rank %u: %s", rank,
                            PMIx_Error_string(status));
    }
    *ret_env = env;
    return 0;
}

void bp_server_env_free(char **env)
{
    for (char **entry = env; entry != NULL && *entry != NULL; entry++)
        free(*entry);
    free(env);
}
