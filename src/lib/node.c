/* SPDX-License-Identifier: BSD-3-Clause */
/* node.c - questions to bpmaster about the nodes. */
#include <errno.h>

#include "lib/client.h"
#include "lib/node.h"

Bpmix__NodeList *bp_node_list(struct bp_error *err)
{
    struct bp_local_message message;
    struct bp_frame frame = {.type = BP_NODE_LIST};
    if (bp_client_call(frame, NULL, BP_NODES, &message, err) < 0)
        return NULL;
    Bpmix__NodeList *list =
        BP_UNPACK(NodeList, node_list, message.body, message.frame.length, err);
    bp_local_done(&message);
    return list;
}
