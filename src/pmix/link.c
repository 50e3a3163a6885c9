/* SPDX-License-Identifier: BSD-3-Clause */
/* link.c - frames over a stream socket, on a libevent bufferevent. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "common/mem.h"
#include "pmix/link.h"

/* What bpnode may leave unread: more is a bpnode that no longer serves us. */
#define BACKLOG_MAX ((size_t)1 << 30)

struct bp_link {
    struct bufferevent *bev;
    const struct bp_link_events *events;
    void *arg;
    bool have_header;
    bool closed;
    struct bp_frame frame; /* valid when have_header */
};

static void close_link(struct bp_link *link, const struct bp_error *why)
{
    if (link->closed)
        return;
    link->closed = true;
    bufferevent_disable(link->bev, EV_READ | EV_WRITE);
    link->events->closed(link->arg, why);
}

/* 1 = a frame was handled, 0 = more bytes are needed, negative = broken. */
static int take_frame(struct bp_link *link, struct evbuffer *input, struct bp_error *err)
{
    if (!link->have_header) {
        uint8_t bytes[BP_FRAME_BYTES];
        if (evbuffer_get_length(input) < sizeof bytes)
            return 0;
        evbuffer_remove(input, bytes, sizeof bytes);
        int rc = bp_frame_decode(bytes, BP_PEER_NODE, BP_PEER_SHEPHERD, &link->frame, err);
        if (rc < 0)
            return rc;
        link->have_header = true;
    }
    size_t length = link->frame.length;
    if (evbuffer_get_length(input) < length) {
        bufferevent_setwatermark(link->bev, EV_READ, length, 0);
        return 0;
    }
    const uint8_t *body = length > 0 ? evbuffer_pullup(input, (ssize_t)length) : NULL;
    if (length > 0 && body == NULL)
        return bp_error_set(err, -ENOMEM, "no memory for a frame of %zu bytes", length);
    link->have_header = false;
    link->events->frame(link->arg, &link->frame, body);
    evbuffer_drain(input, length);
    bufferevent_setwatermark(link->bev, EV_READ, 0, 0);
    return 1;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct bp_link *link = arg;
    struct bp_error err = {0};
    int rc = 1;
    while (rc > 0 && !link->closed)
        rc = take_frame(link, bufferevent_get_input(bev), &err);
    if (rc < 0)
        close_link(link, &err);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    struct bp_error err = {0};
    if ((what & BEV_EVENT_ERROR) != 0 && errno != ECONNRESET && errno != EPIPE)
        bp_error_set(&err, -errno, "the socket to bpnode: %s", strerror(errno));
    close_link(arg, &err);
}

struct bp_link *bp_link_new(struct event_base *base, int fd, const struct bp_link_events *events,
                            void *arg)
{
    evutil_make_socket_nonblocking(fd);
    evutil_make_socket_closeonexec(fd);
    struct bufferevent *bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (bev == NULL)
        return NULL;
    struct bp_link *link = bp_calloc(1, sizeof *link);
    *link = (struct bp_link){.bev = bev, .events = events, .arg = arg};
    bufferevent_setcb(bev, on_read, NULL, on_event, link);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    return link;
}

void bp_link_send(struct bp_link *link, const struct bp_frame *frame, const void *body)
{
    uint8_t bytes[BP_FRAME_BYTES];
    if (link->closed)
        return;
    bp_frame_encode(frame, bytes);
    bufferevent_write(link->bev, bytes, sizeof bytes);
    if (frame->length > 0)
        bufferevent_write(link->bev, body, frame->length);
    if (evbuffer_get_length(bufferevent_get_output(link->bev)) > BACKLOG_MAX) {
        struct bp_error err = {0};
        bp_error_set(&err, -ENOBUFS, "bpnode does not read what is sent to it");
        close_link(link, &err);
    }
}
