/* SPDX-License-Identifier: BSD-3-Clause */
/* relay.c - libbproc on a node: a socket in each space; what is asked there is passed on to
 * bpmaster. Who asks is the job's user: the socket is the space's own, and bpmaster knows whose job
 * it is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "common/log.h"
#include "common/mem.h"
#include "nodeagent/agent.h"
#include "proto/local.h"

#define CLIENTS_MAX 64    /* of a space */
#define REQUEST_MAX 65536 /* bytes: none that a node may ask is longer */

struct client {
    struct space *space;
    uint64_t number;
    int fd;
    struct event *event;
    uint8_t told; /* a NODE_CHANGED that it has not read yet */
    struct client *prev, *next;
};

/* To bpmaster, about the connection: what it said (a whole frame), or its end. */
static void pass_on(const struct client *client, unsigned type, const void *bytes, size_t length)
{
    const struct agent *agent = client->space->agent;
    if (agent->channel != NULL)
        bp_channel_send(agent->channel,
                        &(struct bp_frame){.type = (uint16_t)type, .node = agent->node,
                                           .job = client->space->job, .tag = client->number,
                                           .length = (uint32_t)length}, bytes);
}

static void client_free(struct client *client, int tell)
{
    if (tell)
        pass_on(client, BP_TOOL_GONE, NULL, 0);
    DL_DELETE(client->space->clients, client);
    event_free(client->event);
    close(client->fd);
    free(client);
}

static void refuse(const struct client *client, uint64_t tag, const char *text)
{
    Bpmix__Refusal refusal = BPMIX__REFUSAL__INIT;
    size_t length;
    refusal.code = E2BIG;
    refusal.text = (char *)text;
    auto_free uint8_t *body = bp_pack(&refusal, &length);
    bp_local_send(client->fd, &(struct bp_frame){.type = BP_REFUSED, .tag = tag,
                                                 .length = (uint32_t)length}, body, NULL, 0);
}

/* One question at a time: the next is read when this one is answered. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct client *client = arg;
    struct bp_local_message message;
    int r = bp_local_receive(fd, BP_PEER_TOOL, BP_PEER_MASTER, &message, NULL);
    if (r == -EAGAIN)
        return;
    if (r <= 0) {
        client_free(client, 1);
        return;
    }
    if (message.frame.length > REQUEST_MAX) {
        refuse(client, message.frame.tag, "a process on a node may not ask for so much");
    } else {
        size_t length = BP_FRAME_BYTES + message.frame.length;
        auto_free uint8_t *bytes = bp_calloc(1, length);
        message.frame.flags = 0;
        bp_frame_encode(&message.frame, bytes);
        memcpy(bytes + BP_FRAME_BYTES, message.body, message.frame.length);
        event_del(client->event);
        pass_on(client, BP_TOOL_SAYS, bytes, length);
    }
    bp_local_done(&message);
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
    (void)what;
    struct space *space = arg;
    struct client *client, *other;
    unsigned count;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        event_del(space->relay_event); /* or it would wake us again and again */
    if (fd < 0)
        return;
    DL_COUNT(space->clients, other, count);
    if (count == CLIENTS_MAX) {
        close(fd);
        return;
    }
    client = bp_calloc(1, sizeof *client);
    *client = (struct client){.space = space, .number = ++space->agent->last_client, .fd = fd};
    client->event = event_new(space->agent->base, fd, EV_READ | EV_PERSIST, on_readable, client);
    event_add(client->event, NULL);
    DL_APPEND(space->clients, client);
}

/* 1 = the tool has not yet read that something changed: it need not be told again. */
static int knows_already(struct client *client)
{
    int unread = 0;
    if (ioctl(client->fd, SIOCOUTQ, &unread) == 0 && unread == 0)
        client->told = 0;
    int told = client->told;
    client->told = 1;
    return told;
}

int relay_frame(struct space *space, const struct bp_frame *frame, const uint8_t *body,
                struct bp_error *err)
{
    struct client *client;
    struct bp_frame inner;
    DL_FOREACH(space->clients, client)
        if (client->number == frame->tag)
            break;
    if (client == NULL)
        return 0; /* it has gone meanwhile */
    if (frame->type == BP_TOOL_GONE) {
        client_free(client, 0);
        return 0;
    }
    if (frame->length < BP_FRAME_BYTES)
        return bp_error_set(err, -EPROTO, "TOOL_HEARS without a frame");
    int r = bp_frame_decode(body, BP_PEER_MASTER, BP_PEER_TOOL, &inner, err);
    if (r < 0)
        return r;
    if (inner.length != frame->length - BP_FRAME_BYTES)
        return bp_error_set(err, -EPROTO, "TOOL_HEARS with a frame of another length");
    if (inner.type == BP_NODE_CHANGED && knows_already(client))
        return 0;
    if (inner.type != BP_NODE_CHANGED) {
        client->told = 0;
        event_add(client->event, NULL);
    }
    if (bp_local_send(client->fd, &inner, body + BP_FRAME_BYTES, NULL, 0) < 0)
        client_free(client, 1); /* gone, or it does not read */
    return 0;
}

/* A socket in the job's own folder, which nobody outside the space can see. No process of the user
 * is there yet that could put something else in its way. */
static int listen_inside(const struct space *space)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root" BP_RUNDIR "/job", space->pid);
    auto_close int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (folder < 0 || fd < 0)
        return -errno;
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/master.sock", folder);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        fchmodat(folder, "master.sock", 0666, 0) < 0 || listen(fd, CLIENTS_MAX) < 0)
        return -errno;
    return bp_take_fd(fd);
}

void relay_open(struct space *space)
{
    int fd = listen_inside(space);
    if (fd < 0) { /* its processes do without */
        bp_log_warning("no-relay job=%llx why=\"%s\"", (unsigned long long)space->job,
                       strerror(-fd));
        return;
    }
    space->relay_event = event_new(space->agent->base, fd, EV_READ | EV_PERSIST, on_accept, space);
    event_add(space->relay_event, NULL);
}

void relay_close(struct space *space)
{
    while (space->clients != NULL)
        client_free(space->clients, 1);
    if (space->relay_event == NULL)
        return;
    close(event_get_fd(space->relay_event));
    event_free(bp_take_ptr(space->relay_event));
}
