/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_rights.c - libbproc: who may place processes on a node. */
#include <stdlib.h>
#include <unistd.h>

#include "common/mem.h"
#include "lib/node.h"
#include "lib/public.h"

static int change(int node, const Bpmix__NodeRights *rights)
{
    struct bp_error err = {0};
    return bp_public_result(bp_node_set_rights(bp_public_node(node), rights, &err));
}

int bproc_chmod(int node, int mode)
{
    Bpmix__NodeRights rights = BPMIX__NODE_RIGHTS__INIT;
    rights.set_mode = 1;
    rights.mode = (uint32_t)mode;
    return change(node, &rights);
}

int bproc_chown(int node, int user)
{
    Bpmix__NodeRights rights = BPMIX__NODE_RIGHTS__INIT;
    rights.set_user = 1;
    rights.user = (uint32_t)user;
    return change(node, &rights);
}

int bproc_chgrp(int node, int group)
{
    Bpmix__NodeRights rights = BPMIX__NODE_RIGHTS__INIT;
    rights.set_group = 1;
    rights.group = (uint32_t)group;
    return change(node, &rights);
}

/* 1, 0 or -errno. */
static int is_member(gid_t group)
{
    int count = getgroups(0, NULL);
    auto_free gid_t *groups = count > 0 ? calloc((size_t)count, sizeof *groups) : NULL;
    if (getegid() == group)
        return 1;
    if (count > 0 && groups == NULL)
        return -ENOMEM;
    count = count > 0 ? getgroups(count, groups) : count;
    for (int i = 0; i < count; i++)
        if (groups[i] == group)
            return 1;
    return count < 0 ? -errno : 0;
}

int bproc_access(int node, int mode)
{
    struct bproc_node_info_t info;
    if ((mode & ~BPROC_X_OK) != 0)
        return bp_public_result(-EINVAL);
    if (bproc_nodeinfo(node, &info) < 0)
        return -1;
    if (mode == 0 || geteuid() == 0)
        return 0;
    unsigned bit = 0100;
    if (geteuid() != info.user) {
        int member = is_member(info.group);
        if (member < 0)
            return bp_public_result(member);
        bit = member ? 0010 : 0001;
    }
    return bp_public_result((info.mode & bit) != 0 ? 0 : -EACCES);
}
