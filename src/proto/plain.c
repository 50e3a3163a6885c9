/* SPDX-License-Identifier: BSD-3-Clause */
/* plain.c - see plain.h. Not libevent's bufferevents: those read 4 KiB at a time. */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "common/mem.h"
#include "proto/plain.h"

#define PIECES     4         /* that there is room for */
#define TURN_BYTES (1 << 20) /* sent without going round the loop: others want to be served */

struct bp_plain {
    int fd;
    struct event *reading, *writing;
    struct bp_plain_events events;
    void *arg;
    int paused;
    size_t low;
    struct evbuffer *output; /* what the socket had no room for */
    size_t sent;             /* past it, since the loop came round */
    uint8_t *input;
    size_t size, start, end; /* of input, and what is in it */
};

static void close_with(struct bp_plain *plain, const struct bp_error *why)
{
    event_del(plain->reading);
    event_del(plain->writing);
    plain->events.closed(plain->arg, why);
}

/* 1, 0 = nothing more will come, or a negative errno. */
static int fill(struct bp_plain *plain, struct bp_error *err)
{
    if (plain->start > 0) {
        memmove(plain->input, plain->input + plain->start, plain->end - plain->start);
        plain->end -= plain->start;
        plain->start = 0;
    }
    ssize_t got = read(plain->fd, plain->input + plain->end, plain->size - plain->end);
    if (got < 0 && errno != EAGAIN && errno != EINTR)
        return bp_error_set(err, -ECONNRESET, "%s", strerror(errno));
    plain->end += got > 0 ? (size_t)got : 0;
    return got != 0 || plain->end == plain->size;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct bp_plain *plain = arg;
    struct bp_error err = {0};
    int r = fill(plain, &err);
    ssize_t taken = 0;
    if (r >= 0)
        taken = plain->events.bytes(plain->arg, plain->input + plain->start,
                                    plain->end - plain->start, &err);
    if (taken > 0)
        plain->start += (size_t)taken;
    if (r < 0 || taken < 0 || (r == 0 && !plain->paused))
        close_with(plain, &err);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct bp_plain *plain = arg;
    struct bp_error err = {0};
    plain->sent = 0;
    if (evbuffer_get_length(plain->output) > 0 && evbuffer_write(plain->output, fd) < 0 &&
        errno != EAGAIN && errno != EINTR) {
        bp_error_set(&err, -ECONNRESET, "%s", strerror(errno));
        close_with(plain, &err);
        return;
    }
    if (evbuffer_get_length(plain->output) > 0)
        event_add(plain->writing, NULL);
    if (evbuffer_get_length(plain->output) <= plain->low)
        plain->events.drained(plain->arg);
}

struct bp_plain *bp_plain_new(struct event_base *base, int fd, size_t piece, size_t low,
                              const struct bp_plain_events *events, void *arg)
{
    struct bp_plain *plain = bp_calloc(1, sizeof *plain);
    plain->fd = fd;
    plain->events = *events;
    plain->arg = arg;
    plain->low = low;
    plain->size = PIECES * piece;
    plain->input = bp_realloc(NULL, PIECES, piece);
    plain->output = evbuffer_new();
    plain->reading = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, plain);
    plain->writing = event_new(base, fd, EV_WRITE, on_writable, plain);
    event_add(plain->reading, NULL);
    return plain;
}

void bp_plain_free(struct bp_plain *plain)
{
    if (plain == NULL)
        return;
    event_free(plain->reading);
    event_free(plain->writing);
    evbuffer_free(plain->output);
    close(plain->fd);
    free(plain->input);
    free(plain);
}

/* At once what the socket takes, which spares a copy; an error is found again by on_writable. */
static size_t send_now(struct bp_plain *plain, const struct iovec *parts, int count)
{
    if (evbuffer_get_length(plain->output) > 0 || plain->sent >= TURN_BYTES)
        return 0;
    ssize_t put = writev(plain->fd, parts, count);
    if (put <= 0)
        return 0;
    plain->sent += (size_t)put;
    return (size_t)put;
}

void bp_plain_send(struct bp_plain *plain, const struct iovec *parts, int count)
{
    size_t put = send_now(plain, parts, count);
    for (int i = 0; i < count; i++) {
        size_t skip = put < parts[i].iov_len ? put : parts[i].iov_len;
        put -= skip;
        if (skip < parts[i].iov_len)
            evbuffer_add(plain->output, (const char *)parts[i].iov_base + skip,
                         parts[i].iov_len - skip);
    }
    event_add(plain->writing, NULL);
}

size_t bp_plain_backlog(const struct bp_plain *plain)
{
    return evbuffer_get_length(plain->output);
}

/* What has come already is looked at again. */
void bp_plain_pause(struct bp_plain *plain, int paused)
{
    plain->paused = paused;
    if (paused) {
        event_del(plain->reading);
    } else {
        event_add(plain->reading, NULL);
        event_active(plain->reading, EV_READ, 0);
    }
}
