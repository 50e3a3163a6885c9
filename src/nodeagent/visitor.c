/* SPDX-License-Identifier: BSD-3-Clause */
/* visitor.c - the port where other nodes get images: who comes shows the ticket of a job's space
 * here, within a second; the space may open a little later than that. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "common/log.h"
#include "common/mem.h"
#include "nodeagent/agent.h"
#include "proto/preamble.h"

#define VISITORS_MAX 32

struct visitor {
    struct agent *agent;
    int fd;
    struct event *event;
    uint8_t ticket[BP_TICKET_BYTES];
    int has_ticket;
    struct visitor *prev, *next;
};

static void visitor_free(struct visitor *visitor)
{
    DL_DELETE(visitor->agent->visitors, visitor);
    visitor->agent->visitor_count--;
    event_free(visitor->event);
    if (visitor->fd >= 0)
        close(visitor->fd);
    free(visitor);
}

static int is_for(const struct visitor *visitor, const struct space *space)
{
    return visitor->has_ticket && space->tree != NULL && space->state <= SPACE_READY &&
           CRYPTO_memcmp(visitor->ticket, space->open->relay->own_ticket.data,
                         BP_TICKET_BYTES) == 0;
}

static void let_in(struct visitor *visitor, struct space *space)
{
    event_del(visitor->event);
    tree_accept(space, bp_take_fd(visitor->fd));
    visitor_free(visitor);
}

void visitor_admit(struct space *space)
{
    struct visitor *visitor, *next;
    DL_FOREACH_SAFE(space->agent->visitors, visitor, next)
        if (is_for(visitor, space))
            let_in(visitor, space);
}

static void on_preamble(evutil_socket_t fd, short what, void *arg)
{
    struct visitor *visitor = arg;
    struct bp_preamble preamble;
    uint8_t bytes[BP_PREAMBLE_BYTES];
    ssize_t got = visitor->has_ticket ? 0 : recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if ((what & EV_TIMEOUT) != 0 || got != (ssize_t)sizeof bytes ||
        bp_preamble_decode(bytes, &preamble) < 0 || preamble.version != BP_FRAME_VERSION ||
        preamble.kind != BP_PREAMBLE_RELAY) {
        static struct bp_log_limit limit = {.burst = 10};
        unsigned long dropped;
        if (bp_log_limit_pass(&limit, &dropped))
            bp_log_warning("visitor-refused why=\"no ticket of a job here\" dropped=%lu", dropped);
        visitor_free(visitor);
        return;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){1}, sizeof(int));
    memcpy(visitor->ticket, preamble.id, sizeof visitor->ticket);
    visitor->has_ticket = 1;
    for (struct space *space = visitor->agent->spaces; space != NULL; space = space->hh.next)
        if (is_for(visitor, space)) {
            let_in(visitor, space);
            return;
        }
    /* SPACE_OPEN is on its way: what follows the preamble may wait, the second runs on. */
    event_free(visitor->event);
    visitor->event = event_new(visitor->agent->base, -1, 0, on_preamble, visitor);
    event_add(visitor->event, &(struct timeval){.tv_sec = 1});
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
    (void)what;
    struct agent *agent = arg;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){BP_PREAMBLE_BYTES}, sizeof(int));
    if (agent->visitor_count >= VISITORS_MAX)
        visitor_free(agent->visitors);
    struct visitor *visitor = bp_calloc(1, sizeof *visitor);
    visitor->agent = agent;
    visitor->fd = fd;
    visitor->event = event_new(agent->base, fd, EV_READ, on_preamble, visitor);
    event_add(visitor->event, &(struct timeval){.tv_sec = 1});
    DL_APPEND(agent->visitors, visitor);
    agent->visitor_count++;
}

void visitor_stop(struct agent *agent)
{
    struct visitor *visitor, *next;
    DL_FOREACH_SAFE(agent->visitors, visitor, next)
        visitor_free(visitor);
    if (agent->listener == NULL)
        return;
    int fd = event_get_fd(agent->listener);
    event_free(agent->listener);
    close(fd);
    agent->listener = NULL;
    agent->relay_port = 0;
}

void visitor_listen(struct agent *agent, int joined_fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    visitor_stop(agent);
    if (getsockname(joined_fd, (struct sockaddr *)&address, &size) < 0)
        return;
    address.sin_port = 0;
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    size = sizeof address;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, VISITORS_MAX) < 0 || getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        bp_log_warning("no-relay why=\"%s\"", strerror(errno));
        return;
    }
    agent->relay_port = ntohs(address.sin_port);
    agent->listener = event_new(agent->base, bp_take_fd(fd), EV_READ | EV_PERSIST, on_accept,
                                agent);
    event_add(agent->listener, NULL);
}
