/* SPDX-License-Identifier: BSD-3-Clause */
/* listen.c - the TCP port: who a new connection says it is, one-time tickets of data connections.
 * A connection that has not said who it is has one second, and there are few of them. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"
#include "proto/preamble.h"

#define PENDING_MAX 128
#define PENDING_MS  1000
#define BACKLOG     BP_NODES_MAX /* all nodes may dial at once */

struct pending {
    struct master *master;
    struct event *event;
    int fd;
    char address[64];
    uint64_t start_ms;
    struct pending *prev, *next;
};

struct ticket {
    uint8_t bytes[BP_TICKET_BYTES];
    uint64_t job;
    int node;
    UT_hash_handle hh;
};

static struct bp_log_limit limit = {.burst = 10};

static void pending_free(struct pending *pending)
{
    struct master *master = pending->master;
    DL_DELETE(master->pending, pending);
    master->pending_count--;
    event_free(pending->event);
    if (pending->fd >= 0)
        close(pending->fd);
    free(pending);
}

static void refuse(struct pending *pending, const char *why)
{
    unsigned long dropped;
    if (bp_log_limit_pass(&limit, &dropped))
        bp_log_warning("connection-refused address=%s why=\"%s\" dropped=%lu", pending->address,
                       why, dropped);
    pending_free(pending);
}

static void answer(struct pending *pending, uint8_t kind, const uint8_t *key_id)
{
    struct bp_preamble preamble = {.version = BP_FRAME_VERSION, .kind = kind};
    uint8_t bytes[BP_PREAMBLE_BYTES];
    if (key_id != NULL)
        memcpy(preamble.id, key_id, BP_KEY_ID_BYTES);
    bp_preamble_encode(&preamble, bytes);
    ssize_t ignored = send(pending->fd, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)ignored;
}

/* A control connection: is there such a node, has it the right key, is its number free? */
static void control(struct pending *pending, const struct bp_preamble *preamble)
{
    struct master *master = pending->master;
    struct node *node = node_get(master, preamble->node);
    uint8_t expected[BP_KEY_ID_BYTES];
    struct bp_key key;
    char why[160];
    if (node == NULL) {
        answer(pending, BP_PREAMBLE_NUMBER, NULL);
        snprintf(why, sizeof why, "there is no node %d in the configuration", preamble->node);
        refuse(pending, why);
        return;
    }
    bp_key_derive(&master->cluster_key, node->number, &key, NULL);
    bp_key_id(&key, expected);
    explicit_bzero(&key, sizeof key);
    if (memcmp(expected, preamble->id, sizeof expected) != 0) {
        char theirs[2 * BP_KEY_ID_BYTES + 1], ours[2 * BP_KEY_ID_BYTES + 1];
        bp_key_hex(preamble->id, BP_KEY_ID_BYTES, theirs);
        bp_key_hex(expected, BP_KEY_ID_BYTES, ours);
        answer(pending, BP_PREAMBLE_KEY, expected);
        snprintf(why, sizeof why, "node %d came with key %s, its key is %s", node->number, theirs,
                 ours);
        refuse(pending, why);
        return;
    }
    if (node_is_alive(node)) {
        answer(pending, BP_PREAMBLE_IN_USE, NULL);
        snprintf(why, sizeof why, "node %d is connected already, from %s", node->number,
                 node->address);
        refuse(pending, why);
        return;
    }
    answer(pending, BP_PREAMBLE_GO, NULL);
    node_accept(master, node->number, bp_take_fd(pending->fd), pending->address);
    pending_free(pending);
}

static void pass(struct job *job, int node, int fd)
{
    tool_send(job->tool, (struct bp_frame){.type = BP_JOB_STREAM, .node = node, .job = job->id},
              NULL, &fd, 1);
    job_place(job, job->master->nodes[node])->passed = 1;
}

/* A launcher's node has dialled for it: 1 = it was that. */
static int join_splice(struct pending *pending, const struct bp_preamble *preamble)
{
    int node, fd = pending->fd;
    struct job *job = splice_join(pending->master, preamble->id, fd, &node);
    if (job == NULL)
        return 0;
    pending->fd = -1;
    pending_free(pending);
    job_place(job, job->master->nodes[node])->passed = 1;
    job_check_end(job);
    return 1;
}

/* A data connection: hand it to the launcher that waits for it. */
static void stream(struct pending *pending, const struct bp_preamble *preamble)
{
    struct master *master = pending->master;
    struct ticket *ticket;
    HASH_FIND(hh, master->tickets, preamble->id, BP_TICKET_BYTES, ticket);
    if (ticket == NULL && join_splice(pending, preamble))
        return;
    struct job *job = ticket != NULL ? job_find(master, ticket->job) : NULL;
    if (job == NULL || job->tool == NULL) {
        refuse(pending, "a data connection with an unknown ticket");
        return;
    }
    int fd = bp_take_fd(pending->fd);
    if (job->tool->via != NULL)
        splice_open(job, ticket->node, fd);
    else
        pass(job, ticket->node, fd);
    HASH_DEL(master->tickets, ticket);
    free(ticket);
    pending_free(pending);
    job_check_end(job);
}

static void on_preamble(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct pending *pending = arg;
    uint8_t bytes[BP_PREAMBLE_BYTES];
    struct bp_preamble preamble;
    ssize_t got = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        refuse(pending, "closed before it said who it is");
        return;
    }
    if (bytes[0] != 'b') {
        refuse(pending, "not bpmix");
        return;
    }
    if (got < (ssize_t)sizeof bytes) { /* SO_RCVLOWAT: all is there, or the peer has closed */
        refuse(pending, "closed before it said who it is");
        return;
    }
    got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    /* What follows may come in smaller pieces. */
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){1}, sizeof(int));
    /* Before the descriptor is given away: an epoll set keeps a connection that is closed here and
     * open elsewhere, and can then no longer be told to forget it. */
    event_del(pending->event);
    if (bp_preamble_decode(bytes, &preamble) < 0) {
        refuse(pending, "not bpmix");
    } else if (preamble.version != BP_FRAME_VERSION) {
        char why[96];
        snprintf(why, sizeof why, "protocol version %u, ours is %u", preamble.version,
                 BP_FRAME_VERSION);
        answer(pending, BP_PREAMBLE_VERSION, NULL);
        refuse(pending, why);
    } else if (preamble.kind == BP_PREAMBLE_CONTROL) {
        control(pending, &preamble);
    } else if (preamble.kind == BP_PREAMBLE_STREAM) {
        stream(pending, &preamble);
    } else {
        refuse(pending, "unknown kind of connection");
    }
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
    (void)what;
    struct master *master = arg;
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int fd = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        event_del(master->tcp_event); /* listen_tick goes on; until then it would only wake us */
    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){BP_PREAMBLE_BYTES}, sizeof(int));
    if (master->pending_count >= PENDING_MAX)
        refuse(master->pending, "too many connections that do not say who they are");
    struct pending *pending = bp_calloc(1, sizeof *pending);
    pending->master = master;
    pending->fd = fd;
    pending->start_ms = bp_clock_ms();
    inet_ntop(AF_INET, &peer.sin_addr, pending->address, sizeof pending->address);
    pending->event = event_new(master->base, fd, EV_READ | EV_PERSIST, on_preamble, pending);
    event_add(pending->event, NULL);
    DL_APPEND(master->pending, pending);
    master->pending_count++;
}

void listen_tick(struct master *master)
{
    uint64_t now = bp_clock_ms();
    while (master->pending != NULL && now - master->pending->start_ms > PENDING_MS)
        refuse(master->pending, "did not say who it is within a second");
    event_add(master->tcp_event, NULL);
    event_add(master->local_event, NULL);
}

/* The address to listen on: a number, or the name of an interface. */
static int listen_address(const char *text, struct in_addr *ret, struct bp_error *err)
{
    *ret = (struct in_addr){.s_addr = INADDR_ANY};
    if (text[0] == '\0' || inet_pton(AF_INET, text, ret) == 1)
        return 0;
    struct ifreq request = {0};
    auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (strlen(text) < IFNAMSIZ)
        strcpy(request.ifr_name, text);
    if (fd < 0 || ioctl(fd, SIOCGIFADDR, &request) < 0)
        return bp_error_set(err, -ENODEV, "interface %s: %s", text, strerror(errno));
    struct sockaddr_in address;
    memcpy(&address, &request.ifr_addr, sizeof address);
    *ret = address.sin_addr;
    return 0;
}

int listen_open(struct master *master, struct bp_error *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)master->config.port)};
    int r = listen_address(master->config.address, &address.sin_addr, err);
    if (r < 0)
        return r;
    inet_ntop(AF_INET, &address.sin_addr, master->address, sizeof master->address);
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0)
        return bp_error_set(err, -errno, "port %d: %s", master->config.port, strerror(errno));
    master->tcp_event = event_new(master->base, bp_take_fd(fd), EV_READ | EV_PERSIST, on_accept,
                                  master);
    event_add(master->tcp_event, NULL);
    return 0;
}

void ticket_add(struct master *master, struct job *job, struct place *place)
{
    struct ticket *ticket = bp_calloc(1, sizeof *ticket);
    bp_key_random(ticket->bytes, sizeof ticket->bytes);
    memcpy(place->ticket, ticket->bytes, sizeof ticket->bytes);
    ticket->job = job->id;
    ticket->node = place->node->number;
    HASH_ADD(hh, master->tickets, bytes, BP_TICKET_BYTES, ticket);
}

void ticket_drop(struct master *master, struct job *job)
{
    struct ticket *ticket, *next;
    HASH_ITER(hh, master->tickets, ticket, next) {
        if (ticket->job != job->id)
            continue;
        HASH_DEL(master->tickets, ticket);
        free(ticket);
    }
}
