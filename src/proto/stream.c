/* SPDX-License-Identifier: BSD-3-Clause */
/* stream.c - the data connection between a node and a launcher. */
#include <endian.h>
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
#include "proto/plain.h"
#include "proto/stream.h"

void bp_stream_encode(const struct bp_stream_head *head, uint8_t bytes[BP_STREAM_HEAD_BYTES])
{
    uint32_t rank = htole32(head->rank);
    uint32_t length = htole32(head->length);
    bytes[0] = head->kind;
    bytes[1] = head->channel;
    bytes[2] = bytes[3] = 0;
    memcpy(bytes + 4, &rank, sizeof rank);
    memcpy(bytes + 8, &length, sizeof length);
}

static int length_fits(const struct bp_stream_head *head)
{
    switch (head->kind) {
    case BP_STREAM_DATA:
    case BP_STREAM_IMAGE:
        return head->length <= BP_STREAM_DATA_MAX;
    case BP_STREAM_DIGESTS:
        return head->length <= BP_STREAM_DATA_MAX && head->length % BP_STREAM_DIGEST_BYTES == 0;
    case BP_STREAM_CREDIT:
    case BP_STREAM_LEFT:
        return head->length == 4;
    case BP_STREAM_WANT:
    case BP_STREAM_LACK:
        return head->length == BP_STREAM_PLACE_BYTES;
    case BP_STREAM_FLOW:
        return head->length >= BP_STREAM_PLACE_BYTES && head->length <= BP_STREAM_DATA_MAX;
    case BP_STREAM_PIECE:
        return head->length == BP_STREAM_PIECE_HEAD;
    case BP_STREAM_SIZE:
        return head->length == BP_STREAM_SIZE_BYTES;
    default:
        return head->length == 0;
    }
}

int bp_stream_decode(const uint8_t bytes[BP_STREAM_HEAD_BYTES], struct bp_stream_head *ret_head,
                     struct bp_error *err)
{
    struct bp_stream_head head = {.kind = bytes[0], .channel = bytes[1]};
    memcpy(&head.rank, bytes + 4, sizeof head.rank);
    memcpy(&head.length, bytes + 8, sizeof head.length);
    head.rank = le32toh(head.rank);
    head.length = le32toh(head.length);
    if (head.kind < BP_STREAM_DATA || head.kind > BP_STREAM_DRY || head.channel > 2 ||
        !length_fits(&head))
        return bp_error_set(err, -EPROTO, "a data connection sent kind %u, channel %u, %u bytes",
                            head.kind, head.channel, head.length);
    *ret_head = head;
    return 0;
}

struct bp_stream {
    struct bufferevent *bev; /* NULL: it is plain */
    struct bp_plain *plain;
    int opened; /* plain: the other side has said that it is, too */
    struct bp_stream_events events;
    void *arg;
    int paused;
};

static void close_with(struct bp_stream *stream, const struct bp_error *why)
{
    bufferevent_disable(stream->bev, EV_READ | EV_WRITE);
    bufferevent_setcb(stream->bev, NULL, NULL, NULL, NULL);
    stream->events.closed(stream->arg, why);
}

/* 1 = delivered one, 0 = nothing whole there (or paused), negative: close. */
static int next_piece(struct bp_stream *stream, struct bp_error *err)
{
    struct evbuffer *input = bufferevent_get_input(stream->bev);
    uint8_t bytes[BP_STREAM_HEAD_BYTES];
    struct bp_stream_head head;
    if (stream->paused || evbuffer_copyout(input, bytes, sizeof bytes) < (ev_ssize_t)sizeof bytes)
        return 0;
    int r = bp_stream_decode(bytes, &head, err);
    if (r < 0)
        return r;
    if (evbuffer_get_length(input) < sizeof bytes + head.length)
        return 0;
    evbuffer_drain(input, sizeof bytes);
    r = stream->events.data(stream->arg, &head, evbuffer_pullup(input, (ev_ssize_t)head.length),
                            err);
    if (r < 0)
        return r;
    evbuffer_drain(input, head.length);
    return 1;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    struct bp_stream *stream = arg;
    struct bp_error err = {0};
    int r;
    do
        r = next_piece(stream, &err);
    while (r > 0);
    if (r < 0)
        close_with(stream, &err);
}

static void on_write(struct bufferevent *bev, void *arg)
{
    (void)bev;
    struct bp_stream *stream = arg;
    if (stream->events.drained != NULL)
        stream->events.drained(stream->arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct bp_stream *stream = arg;
    struct bp_error err = {0};
    if ((what & BEV_EVENT_CONNECTED) != 0)
        return;
    if ((what & BEV_EVENT_ERROR) != 0) {
        unsigned long ssl = bufferevent_get_openssl_error(bev);
        const char *reason = ssl != 0 ? ERR_reason_error_string(ssl) : NULL;
        bp_error_set(&err, -ECONNRESET, "%s", reason != NULL ? reason : strerror(errno));
    }
    close_with(stream, &err);
}

/* ---- without TLS ---- */

/* The first thing said; TLS begins with another byte. */
static int check_opening(struct bp_stream *stream, const struct bp_stream_head *head, int r,
                         struct bp_error *err)
{
    int is_opening = r == 0 && head->kind == BP_STREAM_PLAIN;
    if (is_opening == stream->opened)
        return bp_error_set(err, -EPROTO, stream->opened
                                ? "a data connection was opened twice"
                                : "the other side of a data connection does not speak plainly, as "
                                  "bpmaster's configuration wants it (streams plain)");
    stream->opened = 1;
    return is_opening;
}

static ssize_t on_bytes(void *arg, const uint8_t *bytes, size_t length, struct bp_error *err)
{
    struct bp_stream *stream = arg;
    struct bp_stream_head head;
    size_t done = 0;
    while (!stream->paused && length - done >= BP_STREAM_HEAD_BYTES) {
        int r = bp_stream_decode(bytes + done, &head, err);
        int is_opening = r == 0 || !stream->opened ? check_opening(stream, &head, r, err) : r;
        if (is_opening < 0)
            return is_opening;
        if (length - done < BP_STREAM_HEAD_BYTES + head.length)
            break;
        done += BP_STREAM_HEAD_BYTES;
        r = is_opening ? 0 : stream->events.data(stream->arg, &head, bytes + done, err);
        if (r < 0)
            return r;
        done += head.length;
    }
    return (ssize_t)done;
}

static void on_drained(void *arg)
{
    on_write(NULL, arg);
}

static void on_plain_closed(void *arg, const struct bp_error *why)
{
    struct bp_stream *stream = arg;
    stream->events.closed(stream->arg, why);
}

static struct bp_stream *plain_new(struct event_base *base, int fd,
                                   const struct bp_stream_events *events, void *arg)
{
    static const struct bp_plain_events plain_events = {
        .bytes = on_bytes, .drained = on_drained, .closed = on_plain_closed};
    struct bp_stream *stream = bp_calloc(1, sizeof *stream);
    *stream = (struct bp_stream){.events = *events, .arg = arg};
    stream->plain = bp_plain_new(base, fd, BP_STREAM_HEAD_BYTES + BP_STREAM_DATA_MAX,
                                 BP_STREAM_LOW, &plain_events, stream);
    bp_stream_send(stream, &(struct bp_stream_head){.kind = BP_STREAM_PLAIN}, NULL);
    return stream;
}

struct bp_stream *bp_stream_new(struct event_base *base, int fd, SSL_CTX *ctx, int opened_here,
                                const struct bp_stream_events *events, void *arg)
{
    evutil_make_socket_nonblocking(fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (ctx == NULL)
        return plain_new(base, fd, events, arg);
    SSL *ssl = SSL_new(ctx);
    struct bufferevent *bev = NULL;
    if (ssl != NULL)
        bev = bufferevent_openssl_socket_new(
            base, fd, ssl, opened_here ? BUFFEREVENT_SSL_CONNECTING : BUFFEREVENT_SSL_ACCEPTING,
            BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (bev == NULL) {
        SSL_free(ssl);
        close(fd);
        return NULL;
    }
    struct bp_stream *stream = bp_calloc(1, sizeof *stream);
    *stream = (struct bp_stream){.bev = bev, .events = *events, .arg = arg};
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    bufferevent_setcb(bev, on_read, on_write, on_event, stream);
    bufferevent_setwatermark(bev, EV_WRITE, BP_STREAM_LOW, 0);
    bufferevent_setwatermark(bev, EV_READ, 0, 4 * BP_STREAM_DATA_MAX);
    bufferevent_set_max_single_read(bev, 4 * BP_STREAM_DATA_MAX);
    bufferevent_set_max_single_write(bev, 4 * BP_STREAM_DATA_MAX);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    return stream;
}

void bp_stream_free(struct bp_stream *stream)
{
    if (stream == NULL)
        return;
    if (stream->bev != NULL)
        bufferevent_free(stream->bev);
    bp_plain_free(stream->plain);
    free(stream);
}

void bp_stream_send(struct bp_stream *stream, const struct bp_stream_head *head,
                    const void *body)
{
    uint8_t bytes[BP_STREAM_HEAD_BYTES];
    bp_stream_encode(head, bytes);
    if (stream->plain != NULL) {
        struct iovec parts[] = {{bytes, sizeof bytes}, {(void *)body, head->length}};
        bp_plain_send(stream->plain, parts, head->length > 0 ? 2 : 1);
        return;
    }
    struct evbuffer *output = bufferevent_get_output(stream->bev);
    evbuffer_add(output, bytes, sizeof bytes);
    if (head->length > 0)
        evbuffer_add(output, body, head->length);
}

size_t bp_stream_backlog(const struct bp_stream *stream)
{
    if (stream->plain != NULL)
        return bp_plain_backlog(stream->plain);
    return evbuffer_get_length(bufferevent_get_output(stream->bev));
}

void bp_stream_pause(struct bp_stream *stream, int paused)
{
    if (stream->paused == paused)
        return;
    stream->paused = paused;
    if (stream->plain != NULL) {
        bp_plain_pause(stream->plain, paused);
    } else if (paused) {
        bufferevent_disable(stream->bev, EV_READ);
    } else {
        bufferevent_enable(stream->bev, EV_READ);
        bufferevent_trigger(stream->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS |
                                                      BEV_TRIG_DEFER_CALLBACKS);
    }
}
