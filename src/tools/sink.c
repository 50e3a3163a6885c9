/* SPDX-License-Identifier: BSD-3-Clause */
/* sink.c - bytes to a descriptor that may be slow.
 *
 * A pipe or terminal is opened anew through /proc/self/fd, which gives an open file of our own
 * whose O_NONBLOCK is nobody else's; a socket is sent to with MSG_DONTWAIT; a regular file never
 * blocks. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "common/mem.h"
#include "tools/sink.h"

#define LOW (256u * 1024)

struct sink {
    int fd;
    int own;       /* fd is ours to close */
    int is_socket;
    int is_broken;
    int error;
    struct event *event; /* NULL: cannot be waited for, writes do not block (or must) */
    struct evbuffer *buffer;
    void (*drained)(void *arg);
    void (*broken)(void *arg);
    void *arg;
};

static ssize_t put(struct sink *sink, const void *bytes, size_t length)
{
    if (sink->is_socket)
        return send(sink->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    return write(sink->fd, bytes, length);
}

static void fail(struct sink *sink, int error)
{
    sink->is_broken = 1;
    sink->error = error;
    evbuffer_drain(sink->buffer, evbuffer_get_length(sink->buffer));
    sink->broken(sink->arg);
}

/* Write what can be written now. */
static void work(struct sink *sink)
{
    while (!sink->is_broken && evbuffer_get_length(sink->buffer) > 0) {
        struct evbuffer_iovec piece;
        evbuffer_peek(sink->buffer, -1, NULL, &piece, 1);
        ssize_t done = put(sink, piece.iov_base, piece.iov_len);
        if (done > 0) {
            evbuffer_drain(sink->buffer, (size_t)done);
        } else if (done < 0 && errno == EAGAIN) {
            if (sink->event != NULL)
                event_add(sink->event, NULL);
            return;
        } else if (done < 0 && errno != EINTR) {
            fail(sink, errno);
        }
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct sink *sink = arg;
    work(sink);
    if (evbuffer_get_length(sink->buffer) < LOW)
        sink->drained(sink->arg);
}

struct sink *sink_new(struct event_base *base, int fd, void (*drained)(void *arg),
                      void (*broken)(void *arg), void *arg)
{
    struct sink *sink = bp_calloc(1, sizeof *sink);
    struct stat st;
    *sink = (struct sink){.fd = fd, .drained = drained, .broken = broken, .arg = arg};
    sink->buffer = evbuffer_new();
    if (fstat(fd, &st) < 0)
        return sink;
    int writable = (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY; /* else its writes shall fail */
    if (writable && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))) {
        char path[32];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        int own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (own >= 0) {
            sink->fd = own;
            sink->own = 1;
        }
    }
    sink->is_socket = S_ISSOCK(st.st_mode);
    if (sink->own || sink->is_socket)
        sink->event = event_new(base, sink->fd, EV_WRITE, on_writable, sink);
    return sink;
}

void sink_write(struct sink *sink, const void *bytes, size_t length)
{
    if (sink->is_broken)
        return;
    size_t done = 0;
    if (evbuffer_get_length(sink->buffer) == 0) { /* usually it all goes at once */
        ssize_t now = put(sink, bytes, length);
        if (now > 0)
            done = (size_t)now;
    }
    if (done < length) {
        evbuffer_add(sink->buffer, (const char *)bytes + done, length - done);
        work(sink);
    }
}

size_t sink_backlog(const struct sink *sink)
{
    return evbuffer_get_length(sink->buffer);
}

int sink_error(const struct sink *sink)
{
    return sink->error;
}

int sink_is_terminal(const struct sink *sink)
{
    return isatty(sink->fd);
}

void sink_flush(struct sink *sink)
{
    /* Nothing is left but to write: signals that end a program may end us while we wait. */
    static const int ending[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP};
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++)
        sigdelset(&mask, ending[i]);
    while (!sink->is_broken && evbuffer_get_length(sink->buffer) > 0) {
        struct pollfd writable = {.fd = sink->fd, .events = POLLOUT};
        if (ppoll(&writable, 1, NULL, &mask) < 0 && errno != EINTR)
            return;
        work(sink);
    }
}

void sink_free(struct sink *sink)
{
    if (sink == NULL)
        return;
    if (sink->event != NULL)
        event_free(sink->event);
    evbuffer_free(sink->buffer);
    if (sink->own)
        close(sink->fd);
    free(sink);
}
