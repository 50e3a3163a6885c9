/* SPDX-License-Identifier: BSD-3-Clause */
/* channel.c - frames over a byte stream on libevent. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>

#include "common/mem.h"
#include "proto/channel.h"
#include "proto/tls.h"

struct bp_channel {
    struct bufferevent *bev;
    struct bp_channel_events events;
    void *arg;
    enum bp_peer from, to;
    void (*flushed)(void *arg);
    int *freed; /* set while a callback runs: tells it that the channel went away */
};

static void close_with(struct bp_channel *channel, const struct bp_error *why)
{
    bufferevent_disable(channel->bev, EV_READ | EV_WRITE);
    bufferevent_setcb(channel->bev, NULL, NULL, NULL, NULL);
    channel->events.closed(channel->arg, why);
}

/* Hand over the next whole frame. 1 = done one, 0 = none there, negative: close, *err says why. */
static int next_frame(struct bp_channel *channel, struct bp_error *err)
{
    struct evbuffer *input = bufferevent_get_input(channel->bev);
    uint8_t head[BP_FRAME_BYTES];
    struct bp_frame frame;
    if (evbuffer_copyout(input, head, sizeof head) < (ev_ssize_t)sizeof head)
        return 0;
    int r = bp_frame_decode(head, channel->from, channel->to, &frame, err);
    if (r < 0)
        return r;
    if (evbuffer_get_length(input) < sizeof head + frame.length) {
        bufferevent_setwatermark(channel->bev, EV_READ, sizeof head + frame.length, 0);
        return 0;
    }
    bufferevent_setwatermark(channel->bev, EV_READ, 0, 0);
    evbuffer_drain(input, sizeof head);
    const uint8_t *body = evbuffer_pullup(input, (ev_ssize_t)frame.length);
    int freed = 0;
    channel->freed = &freed;
    r = channel->events.frame(channel->arg, &frame, body, err);
    if (freed)
        return 0;
    channel->freed = NULL;
    if (r < 0)
        return r;
    evbuffer_drain(input, frame.length);
    return 1;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    struct bp_channel *channel = arg;
    struct bp_error err = {0};
    int r;
    do
        r = next_frame(channel, &err);
    while (r > 0);
    if (r < 0)
        close_with(channel, &err);
}

static void on_write(struct bufferevent *bev, void *arg)
{
    (void)bev;
    struct bp_channel *channel = arg;
    if (channel->flushed == NULL || bp_channel_backlog(channel) > 0)
        return;
    void (*flushed)(void *) = channel->flushed;
    channel->flushed = NULL;
    flushed(channel->arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct bp_channel *channel = arg;
    struct bp_error err = {0};
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        if (channel->events.secured != NULL)
            channel->events.secured(channel->arg);
        return;
    }
    if ((what & BEV_EVENT_ERROR) != 0) {
        unsigned long ssl = bufferevent_get_openssl_error(bev);
        const char *reason = ssl != 0 ? ERR_reason_error_string(ssl) : NULL;
        int code = EVUTIL_SOCKET_ERROR();
        if (reason != NULL)
            bp_error_set(&err, -EPROTO, "TLS: %s", reason);
        else if (code != 0)
            bp_error_set(&err, -code, "%s", strerror(code));
        else
            bp_error_set(&err, -ECONNRESET, "connection broken");
    }
    close_with(channel, &err);
}

struct bp_channel *bp_channel_new(struct event_base *base, int fd, SSL_CTX *ctx, int opened_here,
                                  enum bp_peer from, enum bp_peer to,
                                  const struct bp_channel_events *events, void *arg)
{
    evutil_make_socket_nonblocking(fd);
    struct bufferevent *bev = NULL;
    if (ctx != NULL) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        SSL *ssl = SSL_new(ctx);
        if (ssl != NULL)
            bev = bufferevent_openssl_socket_new(
                base, fd, ssl, opened_here ? BUFFEREVENT_SSL_CONNECTING : BUFFEREVENT_SSL_ACCEPTING,
                BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
        if (bev != NULL)
            bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
        else
            SSL_free(ssl);
    } else {
        bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    }
    if (bev == NULL) {
        close(fd);
        return NULL;
    }
    struct bp_channel *channel = bp_calloc(1, sizeof *channel);
    *channel = (struct bp_channel){
        .bev = bev, .events = *events, .arg = arg, .from = from, .to = to};
    bufferevent_setcb(bev, on_read, on_write, on_event, channel);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    return channel;
}

void bp_channel_rebind(struct bp_channel *channel, const struct bp_channel_events *events,
                       void *arg)
{
    channel->events = *events;
    channel->arg = arg;
}

void bp_channel_free(struct bp_channel *channel)
{
    if (channel == NULL)
        return;
    if (channel->freed != NULL)
        *channel->freed = 1;
    bufferevent_free(channel->bev);
    free(channel);
}

void bp_channel_send(struct bp_channel *channel, const struct bp_frame *frame, const void *body)
{
    uint8_t head[BP_FRAME_BYTES];
    struct evbuffer *output = bufferevent_get_output(channel->bev);
    bp_frame_encode(frame, head);
    evbuffer_add(output, head, sizeof head);
    if (frame->length > 0)
        evbuffer_add(output, body, frame->length);
}

size_t bp_channel_backlog(const struct bp_channel *channel)
{
    return evbuffer_get_length(bufferevent_get_output(channel->bev));
}

void bp_channel_pause(struct bp_channel *channel, int paused)
{
    if (paused)
        bufferevent_disable(channel->bev, EV_READ);
    else
        bufferevent_enable(channel->bev, EV_READ);
}

void bp_channel_flush(struct bp_channel *channel, void (*done)(void *arg))
{
    channel->flushed = done;
    if (bp_channel_backlog(channel) == 0) {
        channel->flushed = NULL;
        done(channel->arg);
    }
}
