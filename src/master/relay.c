/* SPDX-License-Identifier: BSD-3-Clause */
/* relay.c - tools on nodes: processes of a job whose bpnode passes on what they ask. They are who
 * the job is; what the node says about that is not asked for. */
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"

#define TOOLS_MAX 64 /* of a job on one node; bpnode keeps to it, too */

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
    unsigned count;
    if (frame->length < BP_FRAME_BYTES)
        return bp_error_set(err, -EPROTO, "TOOL_SAYS without a frame");
    int r = bp_frame_decode(body, BP_PEER_TOOL, BP_PEER_MASTER, &message.frame, err);
    if (r < 0)
        return r;
    if (message.frame.length != frame->length - BP_FRAME_BYTES)
        return bp_error_set(err, -EPROTO, "TOOL_SAYS with a frame of another length");
    struct tool *tool = find(job, node, frame->tag, &count);
    if (tool == NULL && count == TOOLS_MAX)
        return bp_error_set(err, -EPROTO, "more than %d tools of a job", TOOLS_MAX);
    if (tool == NULL)
        tool = tool_new(job, node, frame->tag);
    message.body = (uint8_t *)body + BP_FRAME_BYTES;
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

void relay_send(const struct tool *tool, const struct bp_frame *frame, const uint8_t *body)
{
    auto_free uint8_t *bytes = bp_calloc(1, BP_FRAME_BYTES + (size_t)frame->length);
    bp_frame_encode(frame, bytes);
    if (frame->length > 0)
        memcpy(bytes + BP_FRAME_BYTES, body, frame->length);
    if (tool->via->channel != NULL)
        bp_channel_send(tool->via->channel,
                        &(struct bp_frame){.type = BP_TOOL_HEARS, .node = tool->via->number,
                                           .job = tool->via_job->id, .tag = tool->via_number,
                                           .length = BP_FRAME_BYTES + frame->length}, bytes);
}

void relay_gone(struct master *master, const struct node *node, const struct job *job)
{
    struct tool *tool, *next;
    DL_FOREACH_SAFE(master->tools, tool, next)
        if (tool->via != NULL && (tool->via == node || tool->via_job == job))
            tool_free(tool, NULL);
}
