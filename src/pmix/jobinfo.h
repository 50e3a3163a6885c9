/* SPDX-License-Identifier: BSD-3-Clause */
/* jobinfo.h - what the ranks can ask about their job: registered with libpmix before they start. */
#ifndef BP_PMIX_JOBINFO_H
#define BP_PMIX_JOBINFO_H

#include "pmix/shepherd.h"

/* After PMIx_server_init. cpus: lists ("0-3") of the local ranks, by local rank, or NULL when the
 * ranks are not bound. Blocks until libpmix has it. */
int bp_jobinfo_register(struct bp_shepherd *shepherd, char **cpus, struct bp_error *err);

#endif
