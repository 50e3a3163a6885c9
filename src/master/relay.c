/* SPDX-License-Identifier: BSD-3-Clause */
/* relay.c - tools on nodes: processes of a job whose bpnode passes on what they ask. They are who
 * the job is; what the node says about that is not asked for. */
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"
#include "proto/relay.h"

#define BACKLOG_MAX (4u << 20) /* bytes that wait for a node: no more questions from there */

static int is_behind(const struct node *node)
{
    return node->channel != NULL && bp_channel_backlog(node->channel) > BACKLOG_MAX;
}

static struct tool *find(const struct job *job, const struct node *node, uint64_t number,
                         unsigned *ret_count)
{
    struct tool *tool, *found = NULL;
    *ret_count = 0;
    DL_FOREACH(job->master->tools, tool) {
        if (tool->via != node || tool->via_job != job)
            continue;
        ++*ret_count;
        if (tool->via_number == number)
            found = tool;
    }
    return found;
}

static struct tool *tool_new(struct job *job, struct node *node, uint64_t number)
{
    struct tool *tool = bp_calloc(1, sizeof *tool);
    *tool = (struct tool){.master = job->master, .fd = -1, .uid = job->uid, .gid = job->gid,
                          .group_count = job->group_count, .via = node, .via_job = job,
                          .via_number = number};
    tool->groups = bp_memdup(job->groups, job->group_count * sizeof *job->groups);
    DL_APPEND(job->master->tools, tool);
    return tool;
}

static int says(struct job *job, struct node *node, const struct bp_frame *frame,
                const uint8_t *body, struct bp_error *err)
{
    struct bp_local_message message = {0};
    const uint8_t *inner;
    unsigned count;
    int r = bp_relay_unpack(body, frame->length, BP_PEER_CALLER, BP_PEER_MASTER, &message.frame,
                            &inner, err);
    if (r < 0)
        return r;
    struct tool *tool = find(job, node, frame->tag, &count);
    if (tool == NULL && count == BP_RELAY_MAX)
        return bp_error_set(err, -EPROTO, "more than %d tools of a job", BP_RELAY_MAX);
    if (tool == NULL)
        tool = tool_new(job, node, frame->tag);
    message.body = (uint8_t *)inner;
    if (is_behind(node)) {
        tool_refuse(tool, message.frame.tag, -EBUSY, "the connection to this node is behind");
        return 0;
    }
    tool_message(tool, &message);
    return 0;
}

int relay_frame(struct job *job, struct node *node, const struct bp_frame *frame,
                const uint8_t *body, struct bp_error *err)
{
    unsigned count;
    if (frame->type == BP_TOOL_SAYS)
        return says(job, node, frame, body, err);
    struct tool *tool = find(job, node, frame->tag, &count);
    if (tool != NULL)
        tool_free(tool, NULL);
    return 0;
}

static void node_hears(const struct tool *tool, unsigned type, const uint8_t *bytes, size_t length)
{
    if (tool->via->channel != NULL)
        bp_channel_send(tool->via->channel,
                        &(struct bp_frame){.type = (uint16_t)type, .node = tool->via->number,
                                           .job = tool->via_job->id, .tag = tool->via_number,
                                           .length = (uint32_t)length}, bytes);
}

void relay_send(const struct tool *tool, const struct bp_frame *frame, const uint8_t *body)
{
    size_t length;
    auto_free uint8_t *bytes = bp_relay_pack(frame, body, &length);
    node_hears(tool, BP_TOOL_HEARS, bytes, length);
}

/* News must not pile up for a node that does not take them: the watcher sees its end. */
void relay_changed(struct tool *tool)
{
    if (!is_behind(tool->via)) {
        relay_send(tool, &(struct bp_frame){.type = BP_NODE_CHANGED}, NULL);
        return;
    }
    tool->watching = 0;
    node_hears(tool, BP_TOOL_GONE, NULL, 0); /* bpnode says it back, and then it is gone */
}

void relay_gone(struct master *master, const struct node *node, const struct job *job)
{
    struct tool *tool, *next;
    DL_FOREACH_SAFE(master->tools, tool, next)
        if (tool->via != NULL && (tool->via == node || tool->via_job == job))
            tool_free(tool, NULL);
}
