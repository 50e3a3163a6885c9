/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_node.c - libbproc: what the nodes are. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/cpu.h"
#include "lib/client.h"
#include "lib/node.h"
#include "lib/public.h"

int bproc_currnode(void)
{
    return bp_client_node();
}

int bp_public_node(int node)
{
    return node == BPROC_NODE_SELF ? bproc_currnode() : node;
}

const Bpmix__Node *bp_public_find(const Bpmix__NodeList *list, int node)
{
    if (node == BPROC_NODE_MASTER)
        return list->master;
    for (size_t i = 0; i < list->n_nodes; i++)
        if (list->nodes[i]->number == node)
            return list->nodes[i];
    return NULL;
}

bool bp_public_cpu_fits(const Bpmix__Node *row, const uint32_t *cpu)
{
    uint32_t have[BP_CPU_WORDS];
    return bp_cpu_take(row->cpu, row->n_cpu, have) == 0 && bp_cpu_missing(cpu, have) == NULL;
}

int bp_public_cpu_check(int node)
{
    uint32_t own[BP_CPU_WORDS];
    struct bp_error err = {0};
    auto_unpack Bpmix__NodeList *list = bp_node_list(&err);
    const Bpmix__Node *row = list != NULL ? bp_public_find(list, node) : NULL;
    if (list == NULL)
        return err.code;
    if (row == NULL || strcmp(row->state, "up") != 0)
        return 0; /* who makes the process will say so */
    bp_image_cpu_own(own);
    return bp_public_cpu_fits(row, own) ? 0 : -ENOTSUP;
}

void bp_public_info(const Bpmix__Node *row, struct bproc_node_info_t *ret_info)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    *ret_info = (struct bproc_node_info_t){
        .node = row->number, .mode = row->mode, .user = row->user, .group = row->group};
    snprintf(ret_info->status, sizeof ret_info->status, "%s", row->state);
    if (inet_pton(AF_INET, row->address, &in.sin_addr) == 1)
        memcpy(&ret_info->addr, &in, sizeof in);
}

int bproc_numnodes(void)
{
    struct bp_error err = {0};
    auto_unpack Bpmix__NodeList *list = bp_node_list(&err);
    return list != NULL ? (int)list->n_nodes : bp_public_result(err.code);
}

int bproc_nodeinfo(int node, struct bproc_node_info_t *info)
{
    struct bp_error err = {0};
    auto_unpack Bpmix__NodeList *list = bp_node_list(&err);
    if (list == NULL)
        return bp_public_result(err.code);
    const Bpmix__Node *row = bp_public_find(list, bp_public_node(node));
    if (row == NULL)
        return bp_public_result(-BE_INVALIDNODE);
    bp_public_info(row, info);
    return 0;
}

int bproc_nodestatus(int node, char *status, int len)
{
    struct bproc_node_info_t info;
    if (len <= 0)
        return bp_public_result(-EINVAL);
    int r = bproc_nodeinfo(node, &info);
    if (r == 0)
        snprintf(status, (size_t)len, "%s", info.status);
    return r;
}

int bproc_nodeaddr(int node, struct sockaddr *addr, int *size)
{
    struct bproc_node_info_t info;
    if (*size < 0)
        return bp_public_result(-EINVAL);
    int r = bproc_nodeinfo(node, &info);
    if (r < 0)
        return r;
    memcpy(addr, &info.addr, (size_t)*size < sizeof info.addr ? (size_t)*size : sizeof info.addr);
    *size = sizeof info.addr;
    return 0;
}

int bp_public_set(const Bpmix__NodeList *list, struct bproc_node_set_t *ret_set)
{
    struct bproc_node_set_t set;
    if (bproc_nodeset_init(&set, (int)list->n_nodes) < 0)
        return -errno;
    for (size_t i = 0; i < list->n_nodes; i++)
        bp_public_info(list->nodes[i], &set.node[set.size++]);
    *ret_set = set;
    return 0;
}

static int fill(Bpmix__NodeList *take_list, const struct bp_error *err,
                struct bproc_node_set_t *set)
{
    auto_unpack Bpmix__NodeList *list = take_list;
    if (list == NULL)
        return bp_public_result(err->code);
    int r = bp_public_set(list, set);
    return r < 0 ? bp_public_result(r) : set->size;
}

int bproc_nodelist(struct bproc_node_set_t *set)
{
    struct bp_error err = {0};
    Bpmix__NodeList *list = bp_node_list(&err);
    return fill(list, &err, set);
}

int bproc_nodelist_(struct bproc_node_set_t *set, int fd)
{
    struct bp_error err = {0};
    Bpmix__NodeList *list = bp_node_list_watched(fd, &err);
    return fill(list, &err, set);
}

int bproc_notifier(void)
{
    struct bp_error err = {0};
    return bp_public_result(bp_node_watch(&err));
}
