/* SPDX-License-Identifier: BSD-3-Clause */
/* join.c - the connection to bpmaster: dial, preamble, TLS, JOIN; then its orders. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "nodeagent/agent.h"
#include "placement/wire.h"
#include "proto/preamble.h"

#define CONNECT_S    5
#define BELOW_MAX    16 /* nodes below one in the tree that images pass down */
#define RETRY_MS_MAX 2000

struct link { /* an attempt to join */
    struct agent *agent;
    int fd;
    struct event *event;
    struct bp_channel *channel;
    struct event *timer;
};

static void link_free(struct link *link)
{
    link->agent->link = NULL;
    if (link->event != NULL)
        event_free(link->event);
    event_free(link->timer);
    bp_channel_free(link->channel);
    if (link->fd >= 0)
        close(link->fd);
    free(link);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    join_start(arg);
}

static void retry_later(struct agent *agent)
{
    struct timeval wait = {.tv_sec = agent->retry_ms / 1000,
                           .tv_usec = (long)(agent->retry_ms % 1000) * 1000};
    if (agent->retry == NULL)
        agent->retry = evtimer_new(agent->base, on_retry, agent);
    event_add(agent->retry, &wait);
    if (agent->retry_ms < RETRY_MS_MAX)
        agent->retry_ms *= 2;
}

static void link_failed(struct link *link, const char *why)
{
    static char last[320];
    struct agent *agent = link->agent;
    if (strcmp(last, why) != 0) /* the same reason again and again is one line */
        bp_log_warning("join-failed master=%s:%d why=\"%s\"", agent->host, agent->port, why);
    snprintf(last, sizeof last, "%s", why);
    link_free(link);
    retry_later(agent);
}

/* It will not have this node as it is. Anybody who can answer in bpmaster's place can say so: there
 * is no key behind it, so this is no reason to end. */
static void refused(struct link *link, const char *why)
{
    char text[320];
    snprintf(text, sizeof text, "it refuses node %d: %s", link->agent->node, why);
    link_failed(link, text);
}

static void on_link_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    link_failed(arg, "no answer in time");
}

/* ---- joined: bpmaster's orders ---- */

void agent_send(struct agent *agent, const struct bp_frame *frame, const void *message)
{
    if (agent->channel == NULL)
        return;
    struct bp_frame sent = *frame;
    size_t length = 0;
    auto_free uint8_t *body = message != NULL ? bp_pack(message, &length) : NULL;
    sent.length = (uint32_t)length;
    bp_channel_send(agent->channel, &sent, body);
}

static int relay_fits(const Bpmix__Relay *relay)
{
    return relay == NULL ||
           (relay->own_ticket.len == BP_TICKET_BYTES && relay->below <= BELOW_MAX &&
            (relay->port == 0 ||
             (relay->port <= UINT16_MAX && relay->ticket.len == BP_TICKET_BYTES)));
}

static int open_frame(struct agent *agent, const struct bp_frame *frame, const uint8_t *body,
                      struct bp_error *err)
{
    Bpmix__SpaceOpen *open = BP_UNPACK(SpaceOpen, space_open, body, frame->length, err);
    if (open == NULL)
        return err->code;
    if (open->launcher == NULL || open->n_argv == 0 || open->ticket.len != BP_TICKET_BYTES ||
        open->key.len != BP_KEY_BYTES || (unsigned)open->start > BPMIX__START__SELF ||
        (open->n_apps > 0 && open->start != BPMIX__START__EXEC) || !relay_fits(open->relay) ||
        (open->carried != 0 && (open->carried < BP_STREAM_STAYS || open->inside == 0)) ||
        space_find(agent, frame->job) != NULL) {
        bp_unpack_free(open);
        return bp_error_set(err, -EPROTO, "SPACE_OPEN makes no sense");
    }
    space_open(agent, frame->job, open);
    return 0;
}

static int space_frame(struct agent *agent, const struct bp_frame *frame, const uint8_t *body,
                       struct bp_error *err)
{
    struct space *space = space_find(agent, frame->job);
    if (space == NULL)
        return 0; /* late: the space has ended by itself */
    if (frame->type == BP_SPACE_END) {
        space_close(space, 0, "");
    } else if (frame->type == BP_PROC_CREATE) {
        Bpmix__ProcCreate *create = BP_UNPACK(ProcCreate, proc_create, body, frame->length, err);
        if (create == NULL)
            return err->code;
        space_create(space, create);
    } else if (frame->type == BP_PROC_SIGNAL) {
        auto_unpack Bpmix__ProcSignal *signal =
            BP_UNPACK(ProcSignal, proc_signal, body, frame->length, err);
        if (signal == NULL)
            return err->code;
        space_signal(space, frame->tag, signal);
    } else if (frame->type == BP_HERD_HEARS || frame->type == BP_HERD_GONE) {
        mirror_frame(space, frame, body);
    } else if (frame->type == BP_TOOL_HEARS || frame->type == BP_TOOL_GONE ||
               frame->type == BP_HERD_OPEN) {
        return relay_frame(space, frame, body, err);
    } else {
        shepherd_frame(space, frame, body);
    }
    return 0;
}

static int on_order(void *arg, const struct bp_frame *frame, const uint8_t *body,
                    struct bp_error *err)
{
    struct agent *agent = arg;
    if (frame->type == BP_LEASE) {
        lease_renew(agent, frame->tag);
        return 0;
    }
    if (frame->type == BP_SPACE_OPEN)
        return open_frame(agent, frame, body, err);
    if (frame->type == BP_NODE_ORDER)
        return order_frame(agent, frame, body, err);
    if (frame->type == BP_JOINED)
        return bp_error_set(err, -EPROTO, "a second JOINED");
    return space_frame(agent, frame, body, err);
}

static void on_closed(void *arg, const struct bp_error *why)
{
    join_lost(arg, why->code != 0 ? why->text : "bpmaster closed the connection");
}

/* All spaces have ended, so that a JOIN means: nothing runs here. */
static void rejoin_when_empty(struct agent *agent)
{
    struct space *space, *next;
    HASH_ITER(hh, agent->spaces, space, next)
        if (space->host == NULL) /* guests go with their hosts */
            space_close(space, BPMIX__JOB_EVENT__KIND__NODE_LOST, "lost contact with bpmaster");
    if (agent->spaces == NULL)
        retry_later(agent);
}

void join_lost(struct agent *agent, const char *why)
{
    if (agent->channel != NULL) {
        bp_log_warning("master-lost why=\"%s\"", why);
        bp_channel_free(agent->channel);
        agent->channel = NULL;
        lease_stop(agent);
        agent->retry_ms = 100;
        rejoin_when_empty(agent);
    } else if (agent->spaces == NULL && agent->link == NULL &&
               (agent->retry == NULL || !evtimer_pending(agent->retry, NULL))) {
        retry_later(agent); /* the last space has ended */
    }
}

/* ---- joining ---- */

static int on_joined(void *arg, const struct bp_frame *frame, const uint8_t *body,
                     struct bp_error *err)
{
    static const struct bp_channel_events events = {.frame = on_order, .closed = on_closed};
    struct link *link = arg;
    struct agent *agent = link->agent;
    if (frame->type == BP_REFUSED) {
        auto_unpack Bpmix__Refusal *refusal =
            BP_UNPACK(Refusal, refusal, body, frame->length, err);
        return refusal == NULL ? err->code : bp_error_set(err, -EPERM, "%s", refusal->text);
    }
    if (frame->type != BP_JOINED)
        return bp_error_set(err, -EPROTO, "the first frame is not JOINED");
    auto_unpack Bpmix__Joined *joined = BP_UNPACK(Joined, joined, body, frame->length, err);
    if (joined == NULL)
        return err->code;
    if (joined->lease_ms < 100 || joined->lease_ms > 86400000)
        return bp_error_set(err, -EPROTO, "a lease of %u ms", joined->lease_ms);
    bp_channel_rebind(link->channel, &events, agent);
    agent->channel = bp_take_ptr(link->channel);
    link_free(link);
    agent->retry_ms = 100;
    lease_start(agent, joined->lease_ms);
    bp_log_info("joined master=%s:%d node=%d lease_ms=%u", agent->host, agent->port, agent->node,
                joined->lease_ms);
    return 0;
}

static void joining_closed(void *arg, const struct bp_error *why)
{
    link_failed(arg, why->code != 0 ? why->text : "bpmaster closed the connection");
}

static void read_line(const char *path, char *text, size_t size)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, size - 1) : 0;
    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

static void send_join(void *arg)
{
    struct link *link = arg;
    struct agent *agent = link->agent;
    Bpmix__Join join = BPMIX__JOIN__INIT;
    char boot_id[40], pid_max[16];
    struct utsname host;
    uname(&host);
    read_line("/proc/sys/kernel/random/boot_id", boot_id, sizeof boot_id);
    read_line("/proc/sys/kernel/pid_max", pid_max, sizeof pid_max);
    struct bp_hardware_rows rows;
    bp_hardware_rows_init(&rows, &agent->hardware);
    join.version = BP_FRAME_VERSION;
    join.hostname = host.nodename;
    join.release = host.release;
    join.boot_id = boot_id;
    join.pid_max = (uint32_t)strtoul(pid_max, NULL, 10);
    join.hfi = agent->hfi;
    join.cpu = agent->cpu;
    join.n_cpu = BP_CPU_WORDS;
    join.relay_port = agent->relay_port;
    join.slots = rows.slots;
    join.n_slots = rows.slot_count;
    join.devices = rows.devices;
    join.n_devices = rows.device_count;
    join.numas = rows.numas;
    join.n_numas = rows.numa_count;
    size_t length;
    auto_free uint8_t *body = bp_pack(&join, &length);
    bp_hardware_rows_done(&rows);
    bp_channel_send(link->channel, &(struct bp_frame){.type = BP_JOIN, .node = agent->node,
                                                      .length = (uint32_t)length}, body);
}

static void judge_answer(struct link *link, const struct bp_preamble *answer)
{
    static const struct bp_channel_events events = {
        .frame = on_joined, .secured = send_join, .closed = joining_closed};
    struct agent *agent = link->agent;
    char why[256], ours[2 * BP_KEY_ID_BYTES + 1], theirs[2 * BP_KEY_ID_BYTES + 1];
    uint8_t id[BP_KEY_ID_BYTES];
    switch (answer->kind) {
    case BP_PREAMBLE_GO:
        link->channel = bp_channel_new(agent->base, bp_take_fd(link->fd),
                                       bp_tls_client_context(agent->tls), 1, BP_PEER_MASTER,
                                       BP_PEER_NODE, &events, link);
        if (link->channel == NULL)
            link_failed(link, "OpenSSL cannot start");
        return;
    case BP_PREAMBLE_VERSION:
        snprintf(why, sizeof why, "it speaks protocol version %u, this bpnode version %u: install "
                 "the same bpmix on both", answer->version, BP_FRAME_VERSION);
        refused(link, why);
        return;
    case BP_PREAMBLE_KEY:
        bp_key_id(&agent->key, id);
        bp_key_hex(id, sizeof id, ours);
        bp_key_hex(answer->id, sizeof id, theirs);
        snprintf(why, sizeof why, "this node has key %s, bpmaster expects %s: write the key file "
                 "anew with bpmaster --node-key %d", ours, theirs, agent->node);
        refused(link, why);
        return;
    case BP_PREAMBLE_NUMBER:
        refused(link, "there is no such node in bpmaster's configuration (iprange)");
        return;
    case BP_PREAMBLE_IN_USE:
        link_failed(link, "a node with this number is connected already: two nodes with one "
                          "number, or this one's old connection not yet given up");
        return;
    default:
        link_failed(link, "bpmaster's answer makes no sense");
    }
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct link *link = arg;
    uint8_t bytes[BP_PREAMBLE_BYTES];
    struct bp_preamble answer;
    ssize_t got = recv(fd, bytes, sizeof bytes, MSG_PEEK);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got < (ssize_t)sizeof bytes) { /* SO_RCVLOWAT: all of it, or the end */
        link_failed(link, "the connection was closed before an answer");
        return;
    }
    recv(fd, bytes, sizeof bytes, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){1}, sizeof(int)); /* TLS may come in pieces */
    event_free(link->event);
    link->event = NULL;
    if (bp_preamble_decode(bytes, &answer) < 0)
        link_failed(link, "the other side is not bpmaster");
    else
        judge_answer(link, &answer);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct link *link = arg;
    struct agent *agent = link->agent;
    int error = 0;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
    if (error != 0) {
        link_failed(link, strerror(error));
        return;
    }
    visitor_listen(agent, fd);
    struct bp_preamble preamble = {
        .version = BP_FRAME_VERSION, .kind = BP_PREAMBLE_CONTROL, .node = agent->node};
    uint8_t bytes[BP_PREAMBLE_BYTES];
    bp_key_id(&agent->key, preamble.id);
    bp_preamble_encode(&preamble, bytes);
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){BP_PREAMBLE_BYTES}, sizeof(int));
    if (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) != (ssize_t)sizeof bytes) {
        link_failed(link, strerror(errno));
        return;
    }
    event_free(link->event);
    link->event = event_new(agent->base, fd, EV_READ | EV_PERSIST, on_answer, link);
    event_add(link->event, NULL);
}

static int resolve(struct agent *agent, const char **ret_why)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int r = getaddrinfo(agent->host, NULL, &hints, &found);
    if (r != 0) {
        *ret_why = gai_strerror(r);
        return -EHOSTUNREACH;
    }
    memcpy(&agent->master, found->ai_addr, sizeof agent->master);
    agent->master.sin_port = htons((uint16_t)agent->port);
    freeaddrinfo(found);
    return 0;
}

void join_start(struct agent *agent)
{
    const char *why = NULL;
    if (agent->restarting)
        order_restart(agent);
    struct link *link = bp_calloc(1, sizeof *link);
    agent->link = link;
    link->agent = agent;
    link->timer = evtimer_new(agent->base, on_link_timeout, link);
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0 || resolve(agent, &why) < 0 ||
        (agent->local.sin_family != 0 &&
         bind(link->fd, (struct sockaddr *)&agent->local, sizeof agent->local) < 0)) {
        link_failed(link, why != NULL ? why : strerror(errno));
        return;
    }
    if (connect(link->fd, (struct sockaddr *)&agent->master, sizeof agent->master) < 0 &&
        errno != EINPROGRESS) {
        link_failed(link, strerror(errno));
        return;
    }
    link->event = event_new(agent->base, link->fd, EV_WRITE, on_connected, link);
    event_add(link->event, NULL);
    event_add(link->timer, &(struct timeval){.tv_sec = CONNECT_S});
}
