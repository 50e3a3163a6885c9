/* SPDX-License-Identifier: BSD-3-Clause */
/* test_master_relay.c - tools on nodes as bpmaster has them: few, the job's user, gone when they or their space
 * are, and no more than a node takes. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "master/master.h"
#include "proto/relay.h"
#include "tap.h"

static unsigned taken, refused, freed;
static struct tool *last;
static size_t backlog;
static unsigned said[BP_FRAME_TYPES]; /* to the node */
static struct bp_frame inner;         /* of the last CALL_ANSWER */

void tool_message(struct tool *tool, struct bp_local_message *message)
{
    taken += message->frame.type == BP_NODE_LIST;
    last = tool;
}

void tool_refuse(struct tool *tool, uint64_t tag, int code, const char *text)
{
    (void)tag, (void)text;
    refused += code == -EBUSY;
    last = tool;
}

void tool_free(struct tool *tool, const char *why)
{
    (void)why;
    freed++;
    DL_DELETE(tool->master->tools, tool);
    free(tool->groups);
    free(tool);
}

void bp_channel_send(struct bp_channel *channel, const struct bp_frame *frame, const void *body)
{
    const uint8_t *inside;
    (void)channel;
    said[frame->type]++;
    if (frame->type == BP_TOOL_HEARS)
        CU_ASSERT_EQUAL(bp_relay_unpack(body, frame->length, BP_PEER_MASTER, BP_PEER_CALLER, &inner,
                                       &inside, NULL), 0);
}

size_t bp_channel_backlog(const struct bp_channel *channel)
{
    (void)channel;
    return backlog;
}

static struct master master;
static struct node node = {.number = 2, .channel = (struct bp_channel *)&node};
static gid_t groups[] = {7, 8};
static struct job job = {.master = &master, .id = 77, .uid = 5, .gid = 6, .groups = groups,
                         .group_count = 2};
static struct job other = {.master = &master, .id = 78, .uid = 50, .gid = 60};

static void start(void)
{
    taken = refused = freed = 0;
    backlog = 0;
    memset(said, 0, sizeof said);
}

static unsigned count(void)
{
    unsigned tools;
    struct tool *tool;
    DL_COUNT(master.tools, tool, tools);
    return tools;
}

static int says(struct job *of, uint64_t number, unsigned type)
{
    struct bp_error err = {0};
    size_t length;
    auto_free uint8_t *body = bp_relay_pack(&(struct bp_frame){.type = (uint16_t)type, .tag = 1},
                                            NULL, &length);
    return relay_frame(of, &node, &(struct bp_frame){.type = BP_TOOL_SAYS, .tag = number,
                                                     .length = (uint32_t)length}, body, &err);
}

static int hang_up(uint64_t number)
{
    struct bp_error err = {0};
    return relay_frame(&job, &node, &(struct bp_frame){.type = BP_TOOL_GONE, .tag = number}, NULL,
                       &err);
}

static void identity(void)
{
    start();
    CU_ASSERT_EQUAL(says(&job, 9, BP_NODE_LIST), 0);
    CU_ASSERT_EQUAL(taken, 1);
    CU_ASSERT(last->uid == 5 && last->gid == 6 && last->group_count == 2);
    CU_ASSERT(memcmp(last->groups, groups, sizeof groups) == 0 && last->fd == -1);
    struct tool *first = last;
    CU_ASSERT_EQUAL(says(&job, 9, BP_NODE_LIST), 0);
    CU_ASSERT(last == first && count() == 1);
    CU_ASSERT_EQUAL(says(&other, 9, BP_NODE_LIST), 0); /* numbers are of a job */
    CU_ASSERT(last != first && last->uid == 50 && count() == 2);
    relay_gone(&master, NULL, &job);
    CU_ASSERT(count() == 1 && master.tools->uid == 50);
    relay_gone(&master, &node, NULL);
    CU_ASSERT_EQUAL(count(), 0);
}

static void refusals(void)
{
    static const unsigned types[] = {BP_NODE_ORDER, BP_JOB_MAP, BP_NODES, BP_PROC_EXIT, 999};
    start();
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        CU_ASSERT_EQUAL(says(&job, 9, types[i]), -EPROTO);
    CU_ASSERT(taken == 0 && count() == 0);
}

static void numbers(void)
{
    start();
    for (uint64_t i = 1; i <= BP_RELAY_MAX; i++)
        CU_ASSERT_EQUAL(says(&job, i, BP_NODE_LIST), 0);
    CU_ASSERT_EQUAL(says(&job, 999, BP_NODE_LIST), -EPROTO);
    CU_ASSERT_EQUAL(says(&other, 999, BP_NODE_LIST), 0);
    CU_ASSERT_EQUAL(says(&job, 1, BP_NODE_LIST), 0);
    CU_ASSERT_EQUAL(hang_up(3), 0);
    CU_ASSERT_EQUAL(hang_up(3), 0);
    CU_ASSERT(freed == 1 && count() == BP_RELAY_MAX);
    CU_ASSERT_EQUAL(says(&job, 999, BP_NODE_LIST), 0);
    relay_gone(&master, &node, NULL);
    CU_ASSERT(freed == 2 + BP_RELAY_MAX && master.tools == NULL);
}

static void behind(void)
{
    start();
    CU_ASSERT_EQUAL(says(&job, 1, BP_NODE_LIST), 0);
    last->watching = 1;
    relay_changed(last);
    CU_ASSERT(said[BP_TOOL_HEARS] == 1 && inner.type == BP_NODE_CHANGED && last->watching);
    backlog = 64 << 20;
    CU_ASSERT_EQUAL(says(&job, 1, BP_NODE_LIST), 0);
    CU_ASSERT(taken == 1 && refused == 1);
    relay_changed(last);
    CU_ASSERT(said[BP_TOOL_HEARS] == 1 && said[BP_TOOL_GONE] == 1 && !last->watching);
    CU_ASSERT_EQUAL(hang_up(1), 0);
    CU_ASSERT(freed == 1 && master.tools == NULL);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"a tool on a node is the job's user, whatever it says", identity},
        {"what it may not say ends the node's connection", refusals},
        {"there are few; they go one by one, with their job or with their node", numbers},
        {"a node that is behind gets no more", behind},
        {NULL, NULL},
    };
    return bp_tap_run("master_relay", tests);
}
