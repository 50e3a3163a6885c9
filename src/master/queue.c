/* SPDX-License-Identifier: BSD-3-Clause */
/* queue.c - jobs wait for their turn, first in, first out: what one that waits could use, no later
 * one gets. So nobody is overtaken by those who want the same nodes, and others need not wait. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/bproc.h>

#include "common/clock.h"
#include "common/cpuset.h"
#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"

#define USER_JOBS_MAX  1024        /* of one user that wait */
#define USER_BYTES_MAX (64u << 20) /* of their requests */
#define STALE_MAX      100         /* maps in vain */

struct waiter {
    struct job *job;
    uint64_t tag;
    size_t bytes;   /* of the request */
    uint64_t tried; /* when, in steps; 0 = never: then it is not known yet whether it must wait */
    unsigned stale; /* maps that did not hold any more when they were made */
    uint8_t away;   /* it waits for nodes that are down, and keeps none meanwhile */
    uint8_t shares; /* CPUs with others: it never waits, and nobody waits for it */
    uint8_t nodes[BP_NODE_BYTES]; /* that it could use */
    unsigned position, told;      /* in the line; the last one told */
    char text[sizeof((struct bp_error *)NULL)->text];
    struct waiter *prev, *next;
};

struct queue {
    struct waiter *waiters; /* those that share first, then in the order in which they came */
    struct waiter *trying;  /* whose map is being made; NULL = none, or it has gone */
    struct placing *placing;
    uint64_t steps;   /* a clock of this queue */
    uint64_t changed; /* nodes or rights, at this step */
    struct event *look;
};

static void look(struct master *master);

static void look_soon(struct master *master)
{
    event_active(master->queue->look, EV_TIMEOUT, 1);
}

void queue_freed(struct master *master, struct machine *machine)
{
    machine->freed = ++master->queue->steps;
    look_soon(master);
}

void queue_changed(struct master *master)
{
    master->queue->changed = ++master->queue->steps;
    look_soon(master);
}

/* ---- nodes that are kept for those that wait ---- */

/* The computers of the nodes that it could use, one after the other from *at = 0 on; or NULL. */
static struct machine *next_machine(const struct waiter *waiter, unsigned *at)
{
    while (*at < BP_NODES_MAX) {
        unsigned number = (*at)++;
        if (number % 8 == 0 && waiter->nodes[number / 8] == 0) {
            *at += 7;
            continue;
        }
        if (!bp_cpuset_has(waiter->nodes, sizeof waiter->nodes, number))
            continue;
        const struct node *node = node_get(waiter->job->master, (int)number);
        if (node != NULL && node->machine != NULL)
            return node->machine;
    }
    return NULL;
}

/* 1 = something could be otherwise than when it was tried. */
static int is_due(const struct queue *queue, const struct waiter *waiter)
{
    const struct machine *machine;
    unsigned at = 0;
    if (waiter->tried <= queue->changed)
        return 1;
    while ((machine = next_machine(waiter, &at)) != NULL)
        if (!machine->kept && machine->freed > waiter->tried)
            return 1;
    return 0;
}

static void keep_nodes(const struct waiter *waiter)
{
    struct machine *machine;
    unsigned at = 0;
    while (!waiter->away && (machine = next_machine(waiter, &at)) != NULL)
        machine->kept = 1;
}

void queue_keep_nothing(struct master *master)
{
    struct machine *machine, *next;
    HASH_ITER(hh, master->machines, machine, next)
        machine->kept = 0;
}

void queue_keep(struct master *master)
{
    const struct waiter *waiter;
    DL_FOREACH(master->queue->waiters, waiter)
        keep_nodes(waiter);
}

/* ---- the line ---- */

static void number_line(struct queue *queue)
{
    unsigned position = 0;
    struct waiter *waiter;
    DL_FOREACH(queue->waiters, waiter)
        waiter->position = waiter->shares ? 0 : ++position;
}

/* What it stood in the way of is free for those behind it. */
static void leave_line(struct master *master, struct waiter *waiter)
{
    struct queue *queue = master->queue;
    struct machine *machine;
    unsigned at = 0;
    if (queue->trying == waiter) {
        queue->trying = NULL;
        placing_free(bp_take_ptr(queue->placing));
    }
    while ((machine = next_machine(waiter, &at)) != NULL)
        queue_freed(master, machine);
    DL_DELETE(queue->waiters, waiter);
    number_line(queue);
    waiter->job->waiter = NULL;
    free(waiter);
    look_soon(master);
}

static void tell(struct waiter *waiter)
{
    Bpmix__JobWait message = BPMIX__JOB_WAIT__INIT;
    if (waiter->told == waiter->position || waiter->text[0] == '\0')
        return;
    waiter->told = message.position = waiter->position;
    message.text = waiter->text;
    tool_send(waiter->job->tool, (struct bp_frame){.type = BP_JOB_WAIT, .tag = waiter->tag,
                                                   .job = waiter->job->id}, &message, NULL, 0);
}

void queue_drop(struct job *job, int code, const char *why)
{
    if (why != NULL) /* it may be the waiter's own text */
        tool_refuse(job->tool, job->waiter->tag, code, why);
    leave_line(job->master, job->waiter);
    job_free(job);
}

/* It was to start within some time, and has not. */
static int is_too_late(const struct waiter *waiter, uint64_t now)
{
    const Bpmix__JobRequest *request = waiter->job->request;
    return request->immediate && waiter->text[0] != '\0' &&
           now - waiter->job->start_ms >= 1000 * (uint64_t)request->immediate_s;
}

void queue_tick(struct master *master)
{
    uint64_t now = bp_clock_ms();
    struct waiter *waiter, *next;
    DL_FOREACH_SAFE(master->queue->waiters, waiter, next) {
        if (is_too_late(waiter, now))
            queue_drop(waiter->job, -EAGAIN, waiter->text);
        else
            tell(waiter);
    }
}

/* ---- a turn ---- */

static void begin_job(struct job *job, const struct bp_map *map)
{
    struct bp_error err = {0};
    struct waiter *waiter = job->waiter;
    uint64_t tag = waiter->tag;
    if (place_take(job, map) < 0) {
        waiter->tried = 0; /* once more */
        look_soon(job->master);
        if (++waiter->stale == STALE_MAX)
            queue_drop(job, -EAGAIN, "nodes or their use change faster than it can be placed");
        return;
    }
    leave_line(job->master, waiter);
    int r = job_start(job, tag, map->warnings, map->warning_count, &err);
    if (r == 0)
        return;
    tool_refuse(job->tool, tag, r, err.text);
    job_free(job);
}

/* One of the nodes that it waited for and that is not up any more; NULL: they all are. */
static const struct node *lost_node(const struct waiter *waiter)
{
    for (int i = 0; waiter->text[0] != '\0' && i < BP_NODES_MAX; i++) {
        const struct node *node = node_get(waiter->job->master, i);
        if (node != NULL && node->state != NODE_UP &&
            bp_cpuset_has(waiter->nodes, sizeof waiter->nodes, (unsigned)i))
            return node;
    }
    return NULL;
}

/* What it could use when it came, and no longer can: it stays in the line until they are back. */
static void wait_for(struct waiter *waiter, const struct node *node, struct placed *placed)
{
    struct bp_error why = placed->err;
    memcpy(placed->nodes, waiter->nodes, sizeof placed->nodes);
    if (placed->r != -BE_NODEDOWN)
        bp_error_set(&placed->err, placed->r, "node %d is %s: %.200s", node->number,
                     node_state(node), why.text);
}

static void wait_on(struct waiter *waiter, const struct placed *placed)
{
    struct job *job = waiter->job;
    int news = strcmp(waiter->text, placed->err.text) != 0;
    memcpy(waiter->nodes, placed->nodes, sizeof waiter->nodes);
    waiter->away = placed->r != -EAGAIN;
    memcpy(waiter->text, placed->err.text, sizeof waiter->text);
    if (news && waiter->told == 0)
        bp_log_info("job-waits job=%" PRIx64 " uid=%u position=%u why=\"%s\"", job->id, job->uid,
                    waiter->position, waiter->text);
    if (waiter->told == 0)
        tell(waiter);
    else if (news)
        waiter->told = UINT32_MAX; /* at the next tick */
}

static int may_wait(const struct waiter *waiter)
{
    const Bpmix__JobRequest *request = waiter->job->request;
    return !waiter->shares && (!request->immediate || request->immediate_s > 0);
}

static void on_placed(void *arg, struct placed *placed)
{
    struct master *master = arg;
    struct queue *queue = master->queue;
    struct waiter *waiter = bp_take_ptr(queue->trying);
    struct job *job = waiter->job;
    const struct node *lost = placed->r < 0 && placed->r != -EAGAIN ? lost_node(waiter) : NULL;
    placing_free(bp_take_ptr(queue->placing));
    look_soon(master);
    if (lost != NULL)
        wait_for(waiter, lost, placed);
    if (placed->r == 0)
        begin_job(job, placed->map);
    else if ((placed->r == -EAGAIN || lost != NULL) && may_wait(waiter))
        wait_on(waiter, placed);
    else
        queue_drop(job, placed->r, placed->err.text);
}

/* Try the first whose chances have changed. */
static void look(struct master *master)
{
    struct queue *queue = master->queue;
    struct bp_error err = {0};
    struct waiter *waiter;
    if (queue->placing != NULL)
        return;
    queue_keep_nothing(master);
    DL_FOREACH(queue->waiters, waiter) {
        if (is_due(queue, waiter))
            break;
        keep_nodes(waiter);
    }
    if (waiter != NULL) {
        waiter->tried = ++queue->steps;
        queue->trying = waiter;
        queue->placing = placing_start(waiter->job, on_placed, master, &err);
    }
    queue_keep_nothing(master);
    if (waiter != NULL && queue->placing == NULL) {
        queue->trying = NULL;
        queue_drop(waiter->job, err.code, err.text);
    }
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    look(arg);
}

void queue_init(struct master *master)
{
    signal(SIGCHLD, SIG_DFL); /* or nobody would hear of the children's ends */
    master->queue = bp_calloc(1, sizeof *master->queue);
    master->queue->look = evtimer_new(master->base, on_look, master);
}

/* ---- coming ---- */

/* One that claims no CPUs, bpsh's or libbproc's: its map is its list of nodes. */
static void place_now(struct job *job, uint64_t tag)
{
    struct bp_error err = {0};
    struct bp_map *map = NULL;
    int r = place_map(job, NULL, &map, &err);
    if (r == 0 && place_take(job, map) < 0)
        r = bp_error_set(&err, -EAGAIN, "other jobs use its CPUs");
    if (r == 0)
        r = job_start(job, tag, map->warnings, map->warning_count, &err);
    bp_map_free(map);
    if (r == 0)
        return;
    tool_refuse(job->tool, tag, r, err.text);
    job_free(job);
}

/* One user must not use up bpmaster's memory with what waits. */
static int check_room(const struct job *job, size_t bytes, struct bp_error *err)
{
    const struct waiter *other;
    unsigned count = 1;
    DL_FOREACH(job->master->queue->waiters, other) {
        if (other->job->uid != job->uid)
            continue;
        count++;
        bytes += other->bytes;
    }
    if (count > USER_JOBS_MAX)
        return bp_error_set(err, -EDQUOT, "%u jobs of user %u wait already (bpstat -j)",
                            USER_JOBS_MAX, job->uid);
    if (bytes > USER_BYTES_MAX)
        return bp_error_set(err, -EDQUOT, "the jobs of user %u that wait take %u MiB already "
                            "(environments and arguments)", job->uid, USER_BYTES_MAX >> 20);
    return 0;
}

void queue_add(struct job *job, uint64_t tag)
{
    struct queue *queue = job->master->queue;
    struct bp_error err = {0};
    if (job->request->place->one_each) {
        place_now(job, tag);
        return;
    }
    size_t bytes = protobuf_c_message_get_packed_size(&job->request->base);
    int r = check_room(job, bytes, &err);
    if (r < 0) {
        tool_refuse(job->tool, tag, r, err.text);
        job_free(job);
        return;
    }
    struct waiter *waiter = job->waiter = bp_calloc(1, sizeof *waiter);
    *waiter = (struct waiter){.job = job, .tag = tag, .bytes = bytes,
                              .shares = job->request->place->overlap};
    job->tool->job = job;
    if (waiter->shares)
        DL_PREPEND(queue->waiters, waiter);
    else
        DL_APPEND(queue->waiters, waiter);
    number_line(queue);
    look(job->master);
}

unsigned queue_position(const struct job *job, const char **ret_reason)
{
    if (job->waiter == NULL)
        return 0;
    *ret_reason = job->waiter->text;
    return job->waiter->position;
}
