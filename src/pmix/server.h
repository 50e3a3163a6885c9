/* SPDX-License-Identifier: BSD-3-Clause */
/* server.h - libpmix as this job's server on this node. */
#ifndef BP_PMIX_SERVER_H
#define BP_PMIX_SERVER_H

#include "pmix/shepherd.h"

/* Start libpmix's threads and its table of upcalls. Once in the life of the process; there is no
 * way back but _exit (PMIx_server_finalize can crash or hang after ranks were killed). */
int bp_server_start(struct bp_shepherd *shepherd, struct bp_error *err);

/* What a local rank needs in its environment to find this server, as NAME=value strings with a
 * NULL at the end; bp_server_env_free() it. */
int bp_server_env(struct bp_shepherd *shepherd, uint32_t rank, char ***ret_env,
                  struct bp_error *err);
void bp_server_env_free(char **env);

#endif
