/* SPDX-License-Identifier: BSD-3-Clause */
/* test_publish.c - what jobs publish and look up at bpmaster, and the bounds of it. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "master/master.h"
#include "tap.h"

enum { DUPLICATE = -53, NOT_FOUND = -46, NO_ROOM = -29 }; /* PMIx Standard */

static struct master master;
static struct node node;
static int replies, status;
static size_t items, reply_bytes;

void node_send(struct node *to, const struct bp_frame *frame, const void *message)
{
    const Bpmix__PmixReply *reply = message;
    (void)to, (void)frame;
    replies++;
    status = reply->status;
    items = reply->n_items;
    reply_bytes = protobuf_c_message_get_packed_size(&reply->base);
}

static int send_body(struct job *job, unsigned type, const void *message)
{
    struct bp_error err = {0};
    size_t length;
    auto_free uint8_t *body = bp_pack(message, &length);
    struct bp_frame frame = {.type = (uint16_t)type, .tag = 1, .length = (uint32_t)length};
    return publish_frame(job, &node, &frame, body, &err);
}

/* The answer's status. */
static int publish_bytes(struct job *job, const char *key, size_t length)
{
    Bpmix__PmixPublish publish = BPMIX__PMIX_PUBLISH__INIT;
    Bpmix__PmixItem item = BPMIX__PMIX_ITEM__INIT, *list[] = {&item};
    auto_free uint8_t *value = bp_calloc(1, length);
    item.key = (char *)(uintptr_t)key;
    item.value = (ProtobufCBinaryData){length, value};
    publish.items = list;
    publish.n_items = 1;
    publish.nspace = (char *)"ns";
    publish.range = 5;
    return send_body(job, BP_PMIX_PUBLISH, &publish) == 0 ? status : 1;
}

static int look_up(struct job *job, unsigned type, const char **keys, size_t count, int wait)
{
    Bpmix__PmixLookup lookup = BPMIX__PMIX_LOOKUP__INIT;
    lookup.keys = (char **)(uintptr_t)keys;
    lookup.n_keys = count;
    lookup.wait = wait;
    return send_body(job, type, &lookup) == 0 ? status : 1;
}

static void there_and_gone(void)
{
    struct job one = {.master = &master, .id = 1, .uid = 7}, two = one, other = one;
    const char *key = "key";
    two.id = 2;
    other.id = 3;
    other.uid = 8;
    CU_ASSERT_EQUAL(publish_bytes(&one, key, 0), 0);
    CU_ASSERT_EQUAL(publish_bytes(&two, key, 5), DUPLICATE);
    CU_ASSERT_EQUAL(look_up(&two, BP_PMIX_LOOKUP, &key, 1, 0), 0);
    CU_ASSERT_EQUAL(items, 1);
    CU_ASSERT_EQUAL(look_up(&other, BP_PMIX_LOOKUP, &key, 1, 0), NOT_FOUND);
    CU_ASSERT_EQUAL(look_up(&two, BP_PMIX_UNPUBLISH, &key, 1, 0), 0); /* not its own: stays */
    CU_ASSERT_EQUAL(look_up(&two, BP_PMIX_LOOKUP, &key, 1, 0), 0);
    publish_job_gone(&one);
    CU_ASSERT_EQUAL(look_up(&two, BP_PMIX_LOOKUP, &key, 1, 0), NOT_FOUND);
}

/* Each may be published; together they are more than a reply may hold. */
static void big_reply(void)
{
    struct job job = {.master = &master, .id = 1, .uid = 7};
    const char *keys[] = {"a", "b", "a"};
    CU_ASSERT_EQUAL(publish_bytes(&job, "a", 600000), 0);
    CU_ASSERT_EQUAL(publish_bytes(&job, "b", 600000), 0);
    CU_ASSERT_EQUAL(look_up(&job, BP_PMIX_LOOKUP, keys, 1, 0), 0);
    CU_ASSERT(items == 1 && reply_bytes <= bp_route_get(BP_PMIX_REPLY)->max_body);
    CU_ASSERT_EQUAL(look_up(&job, BP_PMIX_LOOKUP, keys, 2, 0), NO_ROOM);
    CU_ASSERT_EQUAL(items, 0);
    CU_ASSERT_EQUAL(publish_bytes(&job, "c", (1 << 20) - 20), NO_ROOM); /* no reply could hold it */
    publish_job_gone(&job);
}

static void bounds(void)
{
    struct job job = {.master = &master, .id = 1, .uid = 7};
    char key[32];
    int r = 0, count = 0;
    for (; r == 0 && count < 100; count += r == 0) {
        snprintf(key, sizeof key, "key%d", count);
        r = publish_bytes(&job, key, 1000000);
    }
    CU_ASSERT_EQUAL(r, NO_ROOM);
    CU_ASSERT_EQUAL(count, 16);
    auto_free const char **keys = bp_calloc(1025, sizeof *keys);
    for (int i = 0; i < 1025; i++)
        keys[i] = "nobody's";
    CU_ASSERT_EQUAL(look_up(&job, BP_PMIX_LOOKUP, keys, 1025, 1), NO_ROOM);
    CU_ASSERT_EQUAL(look_up(&job, BP_PMIX_UNPUBLISH, keys, 1025, 0), NO_ROOM);
    int before = replies;
    look_up(&job, BP_PMIX_LOOKUP, keys, 1000, 1);
    CU_ASSERT_EQUAL(replies, before); /* it waits */
    CU_ASSERT_EQUAL(look_up(&job, BP_PMIX_LOOKUP, keys, 1000, 1), NOT_FOUND);
    publish_job_gone(&job);
    CU_ASSERT(master.lookups == NULL && master.publications == NULL);
}

static void waiting(void)
{
    struct job job = {.master = &master, .id = 1, .uid = 7};
    const char *keys[] = {"x", "y"};
    int before = replies;
    look_up(&job, BP_PMIX_LOOKUP, keys, 2, 1);
    CU_ASSERT_EQUAL(replies, before);
    CU_ASSERT_EQUAL(publish_bytes(&job, "x", 1), 0);
    CU_ASSERT_EQUAL(replies, before + 1);
    publish_bytes(&job, "y", 1);
    CU_ASSERT_EQUAL(replies, before + 3);
    CU_ASSERT(items == 2 && status == 0);
    publish_job_gone(&job);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"published, found, gone with its job", there_and_gone},
        {"a reply never gets too big", big_reply},
        {"a job's share is bounded", bounds},
        {"a lookup that waits", waiting},
        {NULL, NULL},
    };
    return bp_tap_run("publish", tests);
}
