/* SPDX-License-Identifier: BSD-3-Clause */
/* publish.c - PMIx publish, lookup, unpublish (PMIx Standard 4.1, chapter 9). What a user's job
 * publishes, that user's jobs may look up; values are bytes that only bpshepherds understand.
 * A lookup that waits is parked until its keys are there, its time is over or its job ends. */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "master/master.h"

/* PMIx Standard values, so that bpmaster need not link libpmix. */
enum {
    PMIX_ERR_DUPLICATE_KEY_ = -53,
    PMIX_ERR_NOT_FOUND_ = -46,
    PMIX_ERR_TIMEOUT_ = -24,
    PMIX_ERR_OUT_OF_RESOURCE_ = -29,
    PMIX_PERSIST_FIRST_READ_ = 1,
    PMIX_RANGE_NAMESPACE_ = 3,
};

/* What a job may have here. A reply that its node would not take, because it is too big, would
 * cost the node its connection, so it is never sent. */
#define JOB_ITEMS_MAX   4096
#define JOB_BYTES_MAX   (16u << 20)
#define JOB_LOOKUPS_MAX 1024
#define JOB_WAITING_MAX (2u << 20) /* bytes of lookups that wait */
#define JOB_KEYS_MAX    1024 /* that wait, and in any one request */
#define KEY_MAX         511
#define NSPACE_MAX      255
#define ITEM_BYTES      64 /* of an item in a reply, beside its strings and its value */

struct publication {
    uid_t uid;
    uint64_t job;
    char *key;
    uint8_t *value;
    size_t length;
    char *nspace;
    uint32_t rank;
    uint32_t range, persistence;
    size_t bytes; /* at most, in a reply */
    struct publication *prev, *next;
};

struct lookup {
    struct job *job;
    struct node *node;
    uint64_t tag;
    uint64_t end_ms; /* 0 = no limit */
    Bpmix__PmixLookup *request;
    struct lookup *prev, *next;
};

static void publication_free(struct master *master, struct publication *p)
{
    DL_DELETE(master->publications, p);
    free(p->key);
    free(p->value);
    free(p->nspace);
    free(p);
}

static void lookup_free(struct master *master, struct lookup *lookup)
{
    DL_DELETE(master->lookups, lookup);
    bp_unpack_free(lookup->request);
    free(lookup);
}

static void reply(struct job *job, struct node *node, uint64_t tag, int status,
                  struct publication **found, size_t count)
{
    Bpmix__PmixReply message = BPMIX__PMIX_REPLY__INIT;
    auto_free Bpmix__PmixItem *rows = bp_calloc(count, sizeof *rows);
    auto_free Bpmix__PmixItem **list = bp_calloc(count, sizeof *list);
    message.status = status;
    message.items = list;
    message.n_items = count;
    for (size_t i = 0; i < count; i++) {
        bpmix__pmix_item__init(&rows[i]);
        rows[i].key = found[i]->key;
        rows[i].value = (ProtobufCBinaryData){.data = found[i]->value, .len = found[i]->length};
        rows[i].nspace = found[i]->nspace;
        rows[i].rank = found[i]->rank;
        list[i] = &rows[i];
    }
    node_send(node, &(struct bp_frame){.type = BP_PMIX_REPLY, .job = job->id,
                                       .node = node->number, .tag = tag}, &message);
}

static struct publication *find(struct job *job, const char *key)
{
    struct publication *p;
    DL_FOREACH(job->master->publications, p)
        if (p->uid == job->uid && strcmp(p->key, key) == 0 &&
            (p->range != PMIX_RANGE_NAMESPACE_ || p->job == job->id))
            return p;
    return NULL;
}

/* Answer if all keys are there, or must it wait? 1 = answered. */
static int try_lookup(struct job *job, struct node *node, uint64_t tag,
                      const Bpmix__PmixLookup *request, int must_answer, int missing_status)
{
    size_t count = 0;
    auto_free struct publication **found = bp_calloc(request->n_keys, sizeof *found);
    for (size_t i = 0; i < request->n_keys; i++) {
        found[count] = find(job, request->keys[i]);
        count += found[count] != NULL;
    }
    if (count < request->n_keys && !must_answer)
        return 0;
    size_t bytes = ITEM_BYTES;
    for (size_t i = 0; i < count; i++)
        bytes += found[i]->bytes;
    if (bytes > bp_route_get(BP_PMIX_REPLY)->max_body) {
        reply(job, node, tag, PMIX_ERR_OUT_OF_RESOURCE_, NULL, 0);
        return 1;
    }
    reply(job, node, tag, count > 0 ? 0 : missing_status, found, count);
    for (size_t i = 0; i < count; i++) {
        int seen = 0;
        for (size_t j = 0; j < i; j++)
            seen |= found[j] == found[i];
        if (!seen && found[i]->persistence == PMIX_PERSIST_FIRST_READ_)
            publication_free(job->master, found[i]);
        else if (seen)
            found[i] = NULL;
    }
    return 1;
}

static void retry_lookups(struct master *master)
{
    struct lookup *lookup, *next;
    DL_FOREACH_SAFE(master->lookups, lookup, next)
        if (try_lookup(lookup->job, lookup->node, lookup->tag, lookup->request, 0, 0))
            lookup_free(master, lookup);
}

static size_t item_bytes(const Bpmix__PmixPublish *request, const Bpmix__PmixItem *item)
{
    return strlen(item->key) + item->value.len + strlen(request->nspace) + ITEM_BYTES;
}

/* Does what the job has published already leave room for this? */
static int has_room(const struct job *job, const Bpmix__PmixPublish *request)
{
    size_t count = request->n_items, bytes = 0, most = bp_route_get(BP_PMIX_REPLY)->max_body;
    struct publication *p;
    DL_FOREACH(job->master->publications, p) {
        count += p->job == job->id;
        bytes += p->job == job->id ? p->bytes : 0;
    }
    for (size_t i = 0; i < request->n_items; i++) {
        const Bpmix__PmixItem *item = request->items[i];
        size_t size = item_bytes(request, item);
        if (strlen(item->key) > KEY_MAX || size > most - ITEM_BYTES)
            return 0;
        bytes += size;
    }
    return count <= JOB_ITEMS_MAX && bytes <= JOB_BYTES_MAX &&
           strlen(request->nspace) <= NSPACE_MAX;
}

static int publish(struct job *job, struct node *node, uint64_t tag,
                   const Bpmix__PmixPublish *request)
{
    struct master *master = job->master;
    int status = has_room(job, request) ? 0 : PMIX_ERR_OUT_OF_RESOURCE_;
    for (size_t i = 0; i < request->n_items && status == 0; i++)
        if (find(job, request->items[i]->key) != NULL)
            status = PMIX_ERR_DUPLICATE_KEY_;
    for (size_t i = 0; i < request->n_items && status == 0; i++) {
        const Bpmix__PmixItem *item = request->items[i];
        struct publication *p = bp_calloc(1, sizeof *p);
        p->uid = job->uid;
        p->job = job->id;
        p->key = bp_strdup(item->key);
        p->length = item->value.len;
        p->value = bp_memdup(item->value.data, p->length);
        p->bytes = item_bytes(request, item);
        p->nspace = bp_strdup(request->nspace);
        p->rank = request->rank;
        p->range = request->range;
        p->persistence = request->persistence;
        DL_APPEND(master->publications, p);
    }
    reply(job, node, tag, status, NULL, 0);
    if (status == 0)
        retry_lookups(master);
    return 0;
}

static int unpublish(struct job *job, struct node *node, uint64_t tag,
                     const Bpmix__PmixLookup *request)
{
    struct publication *p, *next;
    if (request->n_keys > JOB_KEYS_MAX) {
        reply(job, node, tag, PMIX_ERR_OUT_OF_RESOURCE_, NULL, 0);
        return 0;
    }
    DL_FOREACH_SAFE(job->master->publications, p, next) {
        if (p->job != job->id || p->rank != request->rank)
            continue;
        int hit = request->n_keys == 0; /* no keys: all of this process */
        for (size_t i = 0; i < request->n_keys; i++)
            hit |= strcmp(p->key, request->keys[i]) == 0;
        if (hit)
            publication_free(job->master, p);
    }
    reply(job, node, tag, 0, NULL, 0);
    return 0;
}

/* Do the lookups of the job that wait leave room for one more? */
static int may_wait(const struct job *job, const Bpmix__PmixLookup *request)
{
    unsigned count = 1;
    size_t keys = request->n_keys, bytes = protobuf_c_message_get_packed_size(&request->base);
    struct lookup *other;
    DL_FOREACH(job->master->lookups, other) {
        if (other->job != job)
            continue;
        count++;
        keys += other->request->n_keys;
        bytes += protobuf_c_message_get_packed_size(&other->request->base);
    }
    return count <= JOB_LOOKUPS_MAX && keys <= JOB_KEYS_MAX && bytes <= JOB_WAITING_MAX;
}

static int lookup(struct job *job, struct node *node, uint64_t tag,
                  Bpmix__PmixLookup *take_request)
{
    if (take_request->n_keys > JOB_KEYS_MAX) {
        reply(job, node, tag, PMIX_ERR_OUT_OF_RESOURCE_, NULL, 0);
        bp_unpack_free(take_request);
        return 0;
    }
    int wait = take_request->wait && may_wait(job, take_request);
    if (try_lookup(job, node, tag, take_request, !wait, PMIX_ERR_NOT_FOUND_)) {
        bp_unpack_free(take_request);
        return 0;
    }
    struct lookup *l = bp_calloc(1, sizeof *l);
    *l = (struct lookup){.job = job, .node = node, .tag = tag, .request = take_request};
    if (take_request->timeout_s > 0)
        l->end_ms = bp_clock_ms() + 1000ull * take_request->timeout_s;
    DL_APPEND(job->master->lookups, l);
    return 0;
}

int publish_frame(struct job *job, struct node *node, const struct bp_frame *frame,
                  const uint8_t *body, struct bp_error *err)
{
    if (frame->type == BP_PMIX_PUBLISH) {
        auto_unpack Bpmix__PmixPublish *request =
            BP_UNPACK(PmixPublish, pmix_publish, body, frame->length, err);
        return request == NULL ? err->code : publish(job, node, frame->tag, request);
    }
    Bpmix__PmixLookup *request = BP_UNPACK(PmixLookup, pmix_lookup, body, frame->length, err);
    if (request == NULL)
        return err->code;
    if (frame->type == BP_PMIX_LOOKUP)
        return lookup(job, node, frame->tag, request);
    int r = unpublish(job, node, frame->tag, request);
    bp_unpack_free(request);
    return r;
}

void publish_tick(struct master *master)
{
    uint64_t now = bp_clock_ms();
    struct lookup *l, *next;
    DL_FOREACH_SAFE(master->lookups, l, next) {
        if (l->end_ms == 0 || now < l->end_ms)
            continue;
        try_lookup(l->job, l->node, l->tag, l->request, 1, PMIX_ERR_TIMEOUT_);
        lookup_free(master, l);
    }
}

/* Lookups of the job end, and so does what it published. */
void publish_job_gone(struct job *job)
{
    struct master *master = job->master;
    struct lookup *l, *next_lookup;
    DL_FOREACH_SAFE(master->lookups, l, next_lookup)
        if (l->job == job)
            lookup_free(master, l);
    struct publication *p, *next;
    DL_FOREACH_SAFE(master->publications, p, next)
        if (p->job == job->id)
            publication_free(master, p);
}
