/* SPDX-License-Identifier: BSD-3-Clause */
/* node.c - questions and orders about nodes to bpmaster. */
#include <errno.h>
#include <poll.h>

#include "common/mem.h"
#include "lib/client.h"
#include "lib/node.h"

/* Ask and take the answer apart; NULL with a sentence. */
static void *ask(struct bp_frame frame, const void *request, unsigned answer,
                 const ProtobufCMessageDescriptor *type, struct bp_error *err)
{
    struct bp_local_message message;
    if (bp_client_call(frame, request, answer, &message, err) < 0)
        return NULL;
    void *unpacked = bp_unpack(type, message.body, message.frame.length, err);
    bp_local_done(&message);
    return unpacked;
}

static int tell(unsigned type, int node, const void *request, struct bp_error *err)
{
    struct bp_frame frame = {.type = (uint16_t)type, .node = node};
    struct bp_local_message message;
    int r = bp_client_call(frame, request, BP_DONE, &message, err);
    if (r == 0)
        bp_local_done(&message);
    return r;
}

Bpmix__NodeList *bp_node_list(struct bp_error *err)
{
    return ask((struct bp_frame){.type = BP_NODE_LIST}, NULL, BP_NODES,
               &bpmix__node_list__descriptor, err);
}

Bpmix__HardwareList *bp_node_hardware(struct bp_error *err)
{
    return ask((struct bp_frame){.type = BP_NODE_HARDWARE}, NULL, BP_HARDWARE,
               &bpmix__hardware_list__descriptor, err);
}

int bp_node_set_rights(int node, const Bpmix__NodeRights *rights, struct bp_error *err)
{
    return tell(BP_NODE_RIGHTS, node, rights, err);
}

int bp_node_set_state(int node, const char *state, struct bp_error *err)
{
    Bpmix__NodeState request = BPMIX__NODE_STATE__INIT;
    request.state = (char *)state;
    return tell(BP_NODE_STATE, node, &request, err);
}

int bp_node_set_attribute(int node, const char *name, const void *value, size_t length,
                          struct bp_error *err)
{
    Bpmix__NodeAttribute request = BPMIX__NODE_ATTRIBUTE__INIT;
    request.name = (char *)name;
    request.value = (ProtobufCBinaryData){.data = (uint8_t *)value, .len = length};
    return tell(BP_NODE_SET, node, &request, err);
}

Bpmix__NodeAttribute *bp_node_attribute(int node, const char *name, struct bp_error *err)
{
    Bpmix__NodeAttribute request = BPMIX__NODE_ATTRIBUTE__INIT;
    request.name = (char *)name;
    return ask((struct bp_frame){.type = BP_NODE_GET, .node = node}, &request, BP_NODE_VALUE,
               &bpmix__node_attribute__descriptor, err);
}

int bp_node_order_start(int node, const Bpmix__NodeOrder *order, struct bp_error *err)
{
    auto_close int fd = bp_client_connect(err);
    if (fd < 0)
        return fd;
    int r = bp_client_send(fd, (struct bp_frame){.type = BP_NODE_ORDER, .node = node}, order, err);
    return r < 0 ? r : bp_take_fd(fd);
}

int bp_node_order_end(int take_fd, struct bp_error *err)
{
    auto_close int fd = take_fd;
    struct bp_local_message message;
    int r = bp_client_answer(fd, BP_DONE, &message, err);
    if (r == 0)
        bp_local_done(&message);
    return r;
}

int bp_node_order(int node, const Bpmix__NodeOrder *order, struct bp_error *err)
{
    int fd = bp_node_order_start(node, order, err);
    return fd < 0 ? fd : bp_node_order_end(fd, err);
}

Bpmix__ProcList *bp_node_procs(int node, struct bp_error *err)
{
    Bpmix__ProcList *list = ask((struct bp_frame){.type = BP_PROC_LIST, .node = node}, NULL,
                                BP_PROCS, &bpmix__proc_list__descriptor, err);
    if (list != NULL && list->n_pids != list->n_nodes) {
        bp_unpack_free(list);
        bp_error_set(err, -EPROTO, "bpmaster sent processes without nodes");
        return NULL;
    }
    return list;
}

Bpmix__LibraryList *bp_library_list(struct bp_error *err)
{
    return ask((struct bp_frame){.type = BP_LIBRARY_LIST}, NULL, BP_LIBRARIES,
               &bpmix__library_list__descriptor, err);
}

int bp_library_change(Bpmix__LibraryChange__Kind kind, const char *path, struct bp_error *err)
{
    Bpmix__LibraryChange request = BPMIX__LIBRARY_CHANGE__INIT;
    request.kind = kind;
    request.path = (char *)path;
    return tell(BP_LIBRARY_SET, 0, &request, err);
}

/* ---- watching ---- */

int bp_node_watch(struct bp_error *err)
{
    struct bp_local_message message;
    auto_close int fd = bp_client_connect(err);
    if (fd < 0)
        return fd;
    int r = bp_client_request(fd, (struct bp_frame){.type = BP_NODE_WATCH}, NULL, BP_DONE, &message,
                              err);
    if (r < 0)
        return r;
    bp_local_done(&message);
    return bp_take_fd(fd);
}

/* The next frame; its owner may have made the descriptor non-blocking. */
static int receive(int fd, struct bp_local_message *ret_message, struct bp_error *err)
{
    for (;;) {
        int r = bp_local_receive(fd, BP_PEER_MASTER, BP_PEER_TOOL, ret_message, err);
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        if (r == 0)
            return bp_error_set(err, -ECONNRESET, "bpmaster closed the connection");
        if (r != -EAGAIN)
            return r;
        if (poll(&readable, 1, -1) < 0 && errno != EINTR)
            return bp_error_set(err, -errno, "poll failed");
    }
}

Bpmix__NodeList *bp_node_list_watched(int fd, struct bp_error *err)
{
    struct bp_local_message message;
    if (bp_client_send(fd, (struct bp_frame){.type = BP_NODE_LIST}, NULL, err) < 0)
        return NULL;
    while (receive(fd, &message, err) == 1) {
        Bpmix__NodeList *list = NULL;
        unsigned type = message.frame.type;
        if (type == BP_NODES) /* what was said before it is in it */
            list = BP_UNPACK(NodeList, node_list, message.body, message.frame.length, err);
        bp_local_done(&message);
        if (type == BP_NODES)
            return list;
    }
    return NULL;
}
