/* SPDX-License-Identifier: BSD-3-Clause */
/* order.c - root's orders to nodes: reboot, halt, power off, chroot, reconnect. An order is passed
 * on with a number; the node's answer, or its end, answers the tool that waits. */
#include <errno.h>
#include <sys/bproc.h>

#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"

#define ORDERS_MAX 4096

struct order {
    uint64_t number;
    struct node *node;
    struct tool *tool;
    uint64_t tag; /* of the tool's request */
    Bpmix__NodeOrder__Kind kind;
    struct order *prev, *next;
};

static void order_free(struct master *master, struct order *order)
{
    DL_DELETE(master->orders, order);
    free(order);
}

static int keep(struct tool *tool, const struct bp_frame *frame, struct node *node,
                Bpmix__NodeOrder__Kind kind, struct bp_error *err)
{
    struct master *master = tool->master;
    struct order *order;
    unsigned count;
    DL_COUNT(master->orders, order, count);
    if (count == ORDERS_MAX)
        return bp_error_set(err, -EBUSY, "%d orders to nodes are not answered yet", ORDERS_MAX);
    order = bp_calloc(1, sizeof *order);
    *order = (struct order){.number = ++master->last_order, .node = node, .tool = tool,
                            .tag = frame->tag, .kind = kind};
    DL_APPEND(master->orders, order);
    return 0;
}

int order_frame(struct tool *tool, const struct bp_frame *frame, const uint8_t *body,
                struct bp_error *err)
{
    struct master *master = tool->master;
    struct node *node = node_get(master, frame->node);
    auto_unpack Bpmix__NodeOrder *order =
        BP_UNPACK(NodeOrder, node_order, body, frame->length, err);
    if (order == NULL)
        return err->code;
    if (tool->uid != 0)
        return bp_error_set(err, -EPERM, "only root may do this");
    if (node == NULL && frame->node == BPROC_NODE_MASTER)
        return bp_error_set(err, -EINVAL, "this is for nodes, not for the master");
    if (node == NULL)
        return bp_error_set(err, -BE_INVALIDNODE, "there is no node %d", frame->node);
    if (node->state != NODE_UP)
        return bp_error_set(err, -BE_NODEDOWN, "%s is %s", node->name, node_state(node));
    if (!order->no_wait && keep(tool, frame, node, order->kind, err) < 0)
        return err->code;
    bp_log_info("order node=%d kind=%d", node->number, order->kind);
    node_send(node, &(struct bp_frame){.type = BP_NODE_ORDER, .node = node->number,
                                       .tag = order->no_wait ? 0 : master->last_order}, order);
    if (order->no_wait)
        tool_done(tool, frame->tag);
    return 0;
}

int order_answered(struct node *node, const struct bp_frame *frame, const uint8_t *body,
                   struct bp_error *err)
{
    struct master *master = node->master;
    struct order *order;
    auto_unpack Bpmix__NodeOrdered *answer =
        BP_UNPACK(NodeOrdered, node_ordered, body, frame->length, err);
    if (answer == NULL)
        return err->code;
    DL_FOREACH(master->orders, order)
        if (order->number == frame->tag && order->node == node)
            break;
    if (order == NULL)
        return 0; /* nobody waits for it */
    if (answer->code == 0)
        tool_done(order->tool, order->tag);
    else
        tool_refuse(order->tool, order->tag, answer->code, answer->text);
    order_free(master, order);
    return 0;
}

/* Most orders are obeyed by going. */
void order_node_gone(struct node *node)
{
    struct order *order, *next;
    DL_FOREACH_SAFE(node->master->orders, order, next) {
        if (order->node != node)
            continue;
        if (order->kind == BPMIX__NODE_ORDER__KIND__CHROOT)
            tool_refuse(order->tool, order->tag, BE_SLAVEDIED, "the node was lost");
        else
            tool_done(order->tool, order->tag);
        order_free(node->master, order);
    }
}

void order_tool_gone(struct tool *tool)
{
    struct order *order, *next;
    DL_FOREACH_SAFE(tool->master->orders, order, next)
        if (order->tool == tool)
            order_free(tool->master, order);
}
