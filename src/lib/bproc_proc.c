/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_proc.c - libbproc: where processes run. */
#include <signal.h>
#include <stdlib.h>

#include "lib/node.h"
#include "lib/public.h"

int bproc_proclist(int node, struct bproc_proc_info_t **list)
{
    struct bp_error err = {0};
    auto_unpack Bpmix__ProcList *found = bp_node_procs(bp_public_node(node), &err);
    if (found == NULL)
        return bp_public_result(err.code);
    struct bproc_proc_info_t *rows = calloc(found->n_pids + 1, sizeof *rows);
    if (rows == NULL)
        return bp_public_result(-ENOMEM);
    for (size_t i = 0; i < found->n_pids; i++)
        rows[i] = (struct bproc_proc_info_t){.pid = found->pids[i], .node = found->nodes[i]};
    *list = rows;
    return (int)found->n_pids;
}

int bproc_pidnode(int pid)
{
    struct bp_error err = {0};
    auto_unpack Bpmix__ProcList *found = bp_node_procs(BPROC_NODE_ANY, &err);
    if (found == NULL)
        return bp_public_result(err.code);
    for (size_t i = 0; i < found->n_pids; i++)
        if (found->pids[i] == pid)
            return found->nodes[i];
    if (pid <= 0 || (kill(pid, 0) < 0 && errno == ESRCH))
        return bp_public_result(-ESRCH);
    errno = 0;
    return BPROC_NODE_MASTER;
}
