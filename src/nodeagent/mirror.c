/* SPDX-License-Identifier: BSD-3-Clause */
/* mirror.c - herders of placeholders: what they and bpmaster say to each other passes through here,
 * unread. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "nodeagent/agent.h"
#include "proto/ghost_record.h"

#define ORDER_BYTES (1 << 20)  /* that a herder may leave unread */
#define BEHIND      (16 << 20) /* bytes that wait for bpmaster: nothing more is read */

struct mirror {
    struct space *space;
    uint64_t number;
    int fd;
    struct event *event;
    struct mirror *prev, *next;
};

static void tell_master(const struct mirror *mirror, unsigned type, const void *body,
                        size_t length)
{
    const struct agent *agent = mirror->space->agent;
    if (agent->channel != NULL)
        bp_channel_send(agent->channel,
                        &(struct bp_frame){.type = (uint16_t)type, .node = agent->node,
                                           .job = mirror->space->job, .tag = mirror->number,
                                           .length = (uint32_t)length}, body);
}

static void mirror_free(struct mirror *mirror)
{
    DL_DELETE(mirror->space->mirrors, mirror);
    event_free(mirror->event);
    close(mirror->fd);
    free(mirror);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct mirror *mirror = arg;
    struct bp_channel *channel = mirror->space->agent->channel;
    struct bp_ghost_record records[BP_GHOST_BATCH];
    (void)what;
    if (channel != NULL && bp_channel_backlog(channel) > BEHIND) {
        event_del(mirror->event); /* the next lease goes on */
        return;
    }
    ssize_t got = recv(fd, records, sizeof records, MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0 || (size_t)got > sizeof records || (size_t)got % sizeof records[0] != 0) {
        tell_master(mirror, BP_HERD_GONE, NULL, 0);
        mirror_free(mirror);
        return;
    }
    tell_master(mirror, BP_HERD_SAYS, records, (size_t)got);
}

int mirror_open(struct space *space, uint64_t number)
{
    int pair[2], bytes = ORDER_BYTES;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    struct mirror *mirror = bp_calloc(1, sizeof *mirror);
    *mirror = (struct mirror){.space = space, .number = number, .fd = pair[0]};
    mirror->event = event_new(space->agent->base, pair[0], EV_READ | EV_PERSIST, on_readable,
                              mirror);
    event_add(mirror->event, NULL);
    DL_APPEND(space->mirrors, mirror);
    return pair[1];
}

void mirror_frame(struct space *space, const struct bp_frame *frame, const uint8_t *body)
{
    struct mirror *mirror;
    DL_FOREACH(space->mirrors, mirror)
        if (mirror->number == frame->tag)
            break;
    if (mirror == NULL)
        return; /* it has ended meanwhile */
    if (frame->type == BP_HERD_HEARS &&
        (send(mirror->fd, body, frame->length, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 ||
         errno == EPIPE || errno == ECONNRESET)) /* reading sees its end */
        return;
    if (frame->type == BP_HERD_HEARS) {
        bp_log_warning("herder-stuck job=%llx why=\"it does not take its orders\"",
                       (unsigned long long)space->job);
        tell_master(mirror, BP_HERD_GONE, NULL, 0);
    }
    mirror_free(mirror);
}

void mirror_resume(struct space *space)
{
    struct mirror *mirror;
    DL_FOREACH(space->mirrors, mirror)
        event_add(mirror->event, NULL);
}

void mirror_close(struct space *space)
{
    while (space->mirrors != NULL)
        mirror_free(space->mirrors);
}
