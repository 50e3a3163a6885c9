/* SPDX-License-Identifier: BSD-3-Clause */
/* node.c - the nodes: join, leases, loss. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"
#include "placement/wire.h"

/* A joining connection: TLS is on, JOIN has not come yet. */
struct joining {
    struct node *node;
    struct bp_channel *channel;
    struct event *timer;
    char address[64];
    struct joining *prev, *next;
};

#define JOINING_MAX 16 /* a node; its name, unlike its key, is no secret */
#define JOINING_S   5

static struct bp_log_limit limit = {.burst = 10};

const char *node_state(const struct node *node)
{
    static const char *const names[] = {"down", "up", "lost"};
    return node->state == NODE_UP && node->label[0] != '\0' ? node->label : names[node->state];
}

struct node *node_get(const struct master *master, int number)
{
    struct node *node = number >= 0 && number < BP_NODES_MAX ? master->nodes[number] : NULL;
    return node != NULL && !node->removed ? node : NULL;
}

void node_add(struct master *master, int number)
{
    struct node *node = master->nodes[number];
    if (node == NULL)
        node = master->nodes[number] = bp_calloc(1, sizeof *node);
    node->master = master;
    node->number = number;
    node->removed = 0;
    snprintf(node->name, sizeof node->name, "n%d", number);
    node->rights = master->config.rights[number];
    if (node->address[0] == '\0' && master->config.ip[number] != 0)
        inet_ntop(AF_INET, &master->config.ip[number], node->address, sizeof node->address);
}

void node_free(struct node *node)
{
    attributes_free(&node->attributes);
    machine_put(node->master, node->machine);
    bp_hardware_done(&node->hardware);
    free(node);
}

int node_is_alive(const struct node *node)
{
    return node->state == NODE_UP;
}

void node_send_bytes(struct node *node, const struct bp_frame *frame, const uint8_t *body)
{
    if (node->channel != NULL)
        bp_channel_send(node->channel, frame, body);
}

void node_send(struct node *node, const struct bp_frame *frame, const void *message)
{
    if (node->channel == NULL)
        return;
    struct bp_frame sent = *frame;
    size_t length = 0;
    auto_free uint8_t *body = message != NULL ? bp_pack(message, &length) : NULL;
    sent.length = (uint32_t)length;
    bp_channel_send(node->channel, &sent, body);
    if (body != NULL)
        explicit_bzero(body, length); /* a job's key may be in it */
}

/* Nothing of this node can be running any more. */
static void node_down(struct node *node, const char *why)
{
    node->state = NODE_DOWN;
    watch_changed(node->master);
    bp_log_warning("node-down node=%d why=\"%s\"", node->number, why);
    job_node_gone(node->master, node, why);
}

/* No more contact. Its spaces may live until their leases end: the last one may be as young as
 * now. */
static void node_lose(struct node *node, const char *why)
{
    struct master *master = node->master;
    bp_log_warning("node-lost node=%d why=\"%s\"", node->number, why);
    bp_channel_free(node->channel);
    node->channel = NULL;
    node->state = NODE_LOST;
    node->gone_ms = bp_clock_ms() + master->config.lease_ms + master->config.lease_ms / 4;
    node->label[0] = '\0';
    job_node_lost(master, node, why);
    order_node_gone(node);
    relay_gone(master, node, NULL);
    splice_node_gone(master, node);
    if (node->jobs == 0)
        node->state = NODE_DOWN;
    watch_changed(master);
}

static void on_closed(void *arg, const struct bp_error *why)
{
    node_lose(arg, why->code != 0 ? why->text : "connection closed");
}

static int on_frame(void *arg, const struct bp_frame *frame, const uint8_t *body,
                    struct bp_error *err)
{
    struct node *node = arg;
    if (frame->type == BP_LEASE_SEEN) {
        if (frame->tag > node->seen_lease && frame->tag <= node->sent_lease) {
            node->seen_lease = frame->tag;
            node->seen_ms = bp_clock_ms();
        }
        return 0;
    }
    if (frame->type == BP_NODE_ORDERED)
        return order_answered(node, frame, body, err);
    if (frame->type == BP_JOIN)
        return bp_error_set(err, -EPROTO, "a second JOIN");
    struct job *job = job_find(node->master, frame->job);
    if (job == NULL) {
        struct stay *stay = stay_find(node->master, frame->job);
        return stay != NULL && stay->node == node ? stay_frame(stay, frame, body, err) : 0;
    } /* late, the job is over */
    struct place *place = job_place(job, node);
    if (place == NULL)
        return bp_error_set(err, -EPERM, "a frame for a job that is not on this node");
    if (frame->type == BP_TOOL_SAYS || frame->type == BP_TOOL_GONE)
        return place->ended ? 0 : relay_frame(job, node, frame, body, err);
    if (frame->type == BP_HERD_SAYS || frame->type == BP_HERD_GONE)
        return place->ended ? 0 : mirror_frame(job, node, frame, body, err);
    return job_node_frame(job, place, frame, body, err);
}

static void joining_free(struct joining *joining)
{
    DL_DELETE(joining->node->joining, joining);
    joining->node->joining_count--;
    bp_channel_free(joining->channel);
    event_free(joining->timer);
    free(joining);
}

static void joining_closed(void *arg, const struct bp_error *why)
{
    struct joining *joining = arg;
    unsigned long dropped;
    if (bp_log_limit_pass(&limit, &dropped))
        bp_log_warning("join-failed node=%d address=%s why=\"%s\" dropped=%lu",
                       joining->node->number, joining->address,
                       why->code != 0 ? why->text : "closed before JOIN", dropped);
    joining_free(joining);
}

static void joining_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct bp_error why = {.code = -ETIMEDOUT, .text = "no JOIN in time"};
    joining_closed(arg, &why);
}

static int join_hardware(struct node *node, const Bpmix__Join *join, struct bp_error *err)
{
    struct bp_hardware hardware;
    uint32_t cpu[BP_CPU_WORDS];
    unsigned pus = 0;
    if (join->n_slots == 0)
        return bp_error_set(err, -EINVAL, "JOIN without a CPU");
    if (join->boot_id[0] == '\0' || strlen(join->boot_id) >= sizeof node->machine->boot_id)
        return bp_error_set(err, -EINVAL, "JOIN without a boot id");
    if (bp_cpu_take(join->cpu, join->n_cpu, cpu) < 0)
        return bp_error_set(err, -EINVAL, "JOIN with too many words of a CPU");
    int r = bp_hardware_take(join->slots, join->n_slots, join->devices, join->n_devices,
                             join->numas, join->n_numas, &hardware, err);
    if (r < 0)
        return r;
    bp_hardware_done(&node->hardware);
    node->hardware = hardware;
    memcpy(node->cpu, cpu, sizeof cpu);
    for (size_t i = 0; i < hardware.slot_count; i++)
        pus = hardware.slots[i].pu >= pus ? hardware.slots[i].pu + 1 : pus;
    struct machine *before = node->machine;
    node->machine = machine_get(node->master, join->boot_id, pus);
    machine_put(node->master, before);
    return 0;
}

/* JOIN has come: this connection is the node. */
static int joined(struct joining *joining, const Bpmix__Join *join, struct bp_error *err)
{
    struct node *node = joining->node;
    struct master *master = node->master;
    if (node->state == NODE_UP)
        return bp_error_set(err, -EBUSY, "node %d is connected already", node->number);
    int r = join_hardware(node, join, err);
    if (r < 0)
        return r;
    /* Whatever a node had before it lost contact it has ended before it joins again. */
    if (node->state == NODE_LOST)
        job_node_gone(master, node, "the node lost contact and came back");
    snprintf(node->hostname, sizeof node->hostname, "%s", join->hostname);
    snprintf(node->release, sizeof node->release, "%s", join->release);
    snprintf(node->address, sizeof node->address, "%s", joining->address);
    node->pid_max = join->pid_max;
    node->hfi = join->hfi;
    node->relay_port = join->relay_port <= UINT16_MAX ? (uint16_t)join->relay_port : 0;
    node->state = NODE_UP;
    node->channel = joining->channel;
    node->seen_ms = bp_clock_ms();
    node->seen_lease = node->sent_lease = master->lease_number;
    Bpmix__Joined answer = BPMIX__JOINED__INIT;
    answer.lease_ms = master->config.lease_ms;
    node_send(node, &(struct bp_frame){.type = BP_JOINED, .node = node->number}, &answer);
    bp_log_info("node-up node=%d hostname=%s address=%s cpus=%zu kernel=%s", node->number,
                node->hostname, node->address, node->hardware.slot_count, node->release);
    tool_node_up(master);
    watch_changed(master);
    return 0;
}

static int joining_frame(void *arg, const struct bp_frame *frame, const uint8_t *body,
                         struct bp_error *err)
{
    struct joining *joining = arg;
    if (frame->type != BP_JOIN)
        return bp_error_set(err, -EPROTO, "the first frame is not JOIN");
    auto_unpack Bpmix__Join *join = BP_UNPACK(Join, join, body, frame->length, err);
    if (join == NULL)
        return err->code;
    int r = joined(joining, join, err);
    if (r < 0)
        return r;
    static const struct bp_channel_events events = {.frame = on_frame, .closed = on_closed};
    bp_channel_rebind(joining->channel, &events, joining->node);
    joining->channel = NULL;
    joining_free(joining);
    return 0;
}

void node_accept(struct master *master, int number, int fd, const char *address)
{
    static const struct bp_channel_events events = {.frame = joining_frame,
                                                    .closed = joining_closed};
    struct node *node = master->nodes[number];
    if (node->joining_count >= JOINING_MAX) {
        struct bp_error why = {.code = -EBUSY, .text = "too many that do not finish joining"};
        joining_closed(node->joining, &why);
    }
    struct joining *joining = bp_calloc(1, sizeof *joining);
    joining->node = node;
    DL_APPEND(node->joining, joining);
    node->joining_count++;
    snprintf(joining->address, sizeof joining->address, "%s", address);
    joining->timer = evtimer_new(master->base, joining_timeout, joining);
    joining->channel = bp_channel_new(master->base, fd, master->tls, 0, BP_PEER_NODE,
                                      BP_PEER_MASTER, &events, joining);
    if (joining->channel == NULL) {
        joining_free(joining);
        return;
    }
    event_add(joining->timer, &(struct timeval){.tv_sec = JOINING_S});
}

void node_remove(struct node *node)
{
    node->removed = 1;
    while (node->joining != NULL)
        joining_free(node->joining);
    if (node->state == NODE_UP)
        node_lose(node, "it is no longer in the configuration");
}

/* Nothing of it runs any more, and no job holds a pointer to it. */
static int is_forgotten(const struct node *node)
{
    struct job *job, *next;
    if (!node->removed || node->state != NODE_DOWN)
        return 0;
    HASH_ITER(hh, node->master->jobs, job, next)
        if (job_place(job, node) != NULL)
            return 0;
    return 1;
}

static int is_silent(const struct node *node, uint64_t now)
{
    return now - node->seen_ms > node->master->config.lease_ms / 2;
}

/* A lease goes out only if the one before it was seen in time: so no lease can arrive long after
 * its time, and a node that was silent for half a lease is given up while its own time runs. */
static void send_lease(struct node *node)
{
    node->sent_lease = node->master->lease_number;
    node_send(node, &(struct bp_frame){.type = BP_LEASE, .node = node->number,
                                       .tag = node->sent_lease}, NULL);
}

void node_send_leases(struct master *master)
{
    uint64_t now = bp_clock_ms();
    master->lease_number++;
    for (int i = 0; i < BP_NODES_MAX; i++) {
        struct node *node = master->nodes[i];
        if (node != NULL && node->state == NODE_UP && !is_silent(node, now))
            send_lease(node);
    }
}

static void judge(struct node *node, uint64_t now, int late)
{
    if (node->state == NODE_LOST && now >= node->gone_ms)
        node_down(node, "no contact for longer than the lease");
    if (node->state != NODE_UP)
        return;
    if (late)
        node->seen_ms = now;
    if (is_silent(node, now))
        node_lose(node, "no answer for half a lease");
    else if (node->sent_lease != node->master->lease_number)
        send_lease(node);
}

void node_tick(struct master *master, int late)
{
    uint64_t now = bp_clock_ms();
    for (int i = 0; i < BP_NODES_MAX; i++) {
        if (master->nodes[i] == NULL)
            continue;
        judge(master->nodes[i], now, late);
        if (is_forgotten(master->nodes[i]))
            node_free(bp_take_ptr(master->nodes[i]));
    }
}

unsigned node_count_up(const struct master *master)
{
    unsigned up = 0;
    for (int i = 0; i < BP_NODES_MAX; i++)
        up += node_get(master, i) != NULL && strcmp(node_state(master->nodes[i]), "up") == 0;
    return up;
}

static unsigned count_cores(const struct node *node)
{
    auto_free uint8_t *seen = bp_calloc(1, BP_CPUSET_BYTES_MAX);
    for (size_t i = 0; i < node->hardware.slot_count; i++)
        bp_cpuset_add(seen, BP_CPUSET_BYTES_MAX, node->hardware.slots[i].core);
    return bp_cpuset_count(seen, BP_CPUSET_BYTES_MAX);
}

static Bpmix__Node *new_row(int number, const char *name, const char *state, const char *address,
                            const struct bp_rights *rights)
{
    Bpmix__Node *row = bp_calloc(1, sizeof *row);
    bpmix__node__init(row);
    row->number = number;
    row->name = (char *)name;
    row->state = (char *)state;
    row->address = (char *)address;
    row->user = rights->user;
    row->group = rights->group;
    row->mode = rights->mode;
    return row;
}

void node_list(struct master *master, Bpmix__NodeList *ret_list)
{
    bpmix__node_list__init(ret_list);
    ret_list->master = new_row(-1, "master", "up", master->address, &master->rights);
    ret_list->master->cpu = master->cpu;
    ret_list->master->n_cpu = BP_CPU_WORDS;
    ret_list->nodes = bp_calloc(BP_NODES_MAX, sizeof *ret_list->nodes);
    for (int i = 0; i < BP_NODES_MAX; i++) {
        struct node *node = node_get(master, i);
        if (node == NULL)
            continue;
        Bpmix__Node *row = new_row(i, node->name, node_state(node), node->address,
                                   &node->rights);
        row->release = node->release;
        row->threads = (uint32_t)node->hardware.slot_count;
        row->jobs = node->jobs;
        row->cores = count_cores(node);
        row->cpu = node->cpu;
        row->n_cpu = BP_CPU_WORDS;
        row->used = node->machine != NULL ? machine_used(node->machine) : 0;
        ret_list->nodes[ret_list->n_nodes++] = row;
    }
}

void node_list_done(Bpmix__NodeList *list)
{
    for (size_t i = 0; i < list->n_nodes; i++)
        free(list->nodes[i]);
    free(list->nodes);
    free(list->master);
}
