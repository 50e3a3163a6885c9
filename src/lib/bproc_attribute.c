/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_attribute.c - libbproc: named values of a node. */
#include <string.h>

#include "common/mem.h"
#include "lib/node.h"
#include "lib/public.h"

/* The prefix is understood, and may be written. */
static const char *plain(const char *name)
{
    size_t length = strlen(BPROC_ATTR_PREFIX);
    return strncmp(name, BPROC_ATTR_PREFIX, length) == 0 ? name + length : name;
}

static int give(const void *from, size_t length, void *value, int size)
{
    if (size < 0)
        return bp_public_result(-EINVAL);
    if (size > 0 && (size_t)size < length)
        return bp_public_result(-ERANGE);
    if (size > 0)
        memcpy(value, from, length);
    return (int)length;
}

int bproc_getnodeattr(int node, const char *name, void *value, int size)
{
    struct bp_error err = {0};
    struct bproc_node_info_t info;
    name = plain(name);
    int is_state = strcmp(name, plain(BPROC_ATTR_STATE)) == 0;
    if (is_state || strcmp(name, plain(BPROC_ATTR_ADDR)) == 0) {
        if (bproc_nodeinfo(node, &info) < 0)
            return -1;
        return is_state ? give(info.status, strlen(info.status) + 1, value, size)
                        : give(&info.addr, sizeof info.addr, value, size);
    }
    auto_unpack Bpmix__NodeAttribute *found = bp_node_attribute(bp_public_node(node), name, &err);
    if (found == NULL)
        return bp_public_result(err.code);
    return give(found->value.data, found->value.len, value, size);
}

int bproc_setnodeattr(int node, const char *name, const void *value, int size)
{
    struct bp_error err = {0};
    if (size < 0 || size > BPROC_ATTR_VALUE_LEN)
        return bp_public_result(-EINVAL);
    return bp_public_result(
        bp_node_set_attribute(bp_public_node(node), plain(name), value, (size_t)size, &err));
}
