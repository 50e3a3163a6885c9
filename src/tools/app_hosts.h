/* SPDX-License-Identifier: BSD-3-Clause */
/* app_hosts.h - programs of one job that have nodes of their own. */
#ifndef BP_TOOLS_APP_HOSTS_H
#define BP_TOOLS_APP_HOSTS_H

#include "tools/apps.h"

/* When each program has hosts: one host for each rank, in *ret_hosts, a node's ranks in a row. They
 * fill the slots of the program's nodes in their order, then once more; nodes without slots share
 * what is left evenly. 1; 0 = no program has hosts, or the first one alone has, for all of them;
 * -EINVAL: some have none, or a node's word cannot be taken apart here. */
int app_hosts_deal(const struct apps *apps, struct hosts *ret_hosts, struct bp_error *err);

#endif
