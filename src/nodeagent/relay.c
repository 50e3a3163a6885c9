/* SPDX-License-Identifier: BSD-3-Clause */
/* relay.c - a big image passes from node to node: this one gets it from the node above it, or from
 * the launcher where that one fails, and passes on what is checked while more arrives. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "nodeagent/agent.h"
#include "proto/preamble.h"

#define CONNECT_S     1
#define LOOKS         2 /* at which nothing has come: it hangs */
#define BACKLOG_BYTES (BP_STREAM_HIGH / 2)

struct below { /* a node below */
    struct relay *relay;
    struct bp_stream *stream;
    uint64_t offset; /* so much of the image is on its way */
    int wants;       /* it has asked, and the end is not yet on its way */
    struct below *prev, *next;
};

struct relay {
    struct space *space;
    int fd; /* while it connects to the node above */
    struct event *event;
    struct bp_stream *above; /* NULL: the launcher sends the image */
    uint8_t asked;           /* of the launcher */
    uint8_t busy;            /* taking a piece from above */
    unsigned still;          /* looks at which nothing had come */
    uint64_t last_got;       /* at the last of them */
    SSL_CTX *tls;            /* for those below */
    struct below *below;
    unsigned below_count, served;
};

/* ---- above ---- */

static void drop_above(struct relay *relay)
{
    if (relay->event != NULL)
        event_free(relay->event);
    relay->event = NULL;
    if (relay->fd >= 0)
        close(bp_take_fd(relay->fd));
    bp_stream_free(relay->above);
    relay->above = NULL;
}

static void want(struct bp_stream *stream, uint64_t offset)
{
    bp_stream_send(stream, &(struct bp_stream_head){.kind = BP_STREAM_WANT,
                                                    .length = sizeof offset}, &offset);
}

/* The launcher has it for certain. */
static void ask_launcher(struct relay *relay)
{
    struct space *space = relay->space;
    drop_above(relay);
    if (!image_is_due(space) || space->stream == NULL)
        return;
    relay->asked = 1;
    want(space->stream, image_back(space));
}

static void above_failed(struct relay *relay, const char *why)
{
    if (image_is_due(relay->space))
        bp_log_warning("relay-failed job=%" PRIx64 " above=%s why=\"%s\"", relay->space->job,
                       relay->space->open->relay->address, why);
    ask_launcher(relay);
}

static int on_above(void *arg, const struct bp_stream_head *head, const uint8_t *body,
                    struct bp_error *err)
{
    struct relay *relay = arg;
    if (head->kind != BP_STREAM_IMAGE)
        return bp_error_set(err, -EPROTO, "it sent what it may not");
    relay->busy = 1;
    int r = image_piece(relay->space, body, head->length);
    relay->busy = 0;
    if (r < 0)
        return bp_error_set(err, r, "it passed on another image");
    return image_is_due(relay->space) ? 0 : bp_error_set(err, -ECANCELED, "all is here");
}

static void on_above_closed(void *arg, const struct bp_error *why)
{
    above_failed(arg, why->code != 0 ? why->text : "it closed the connection");
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    static const struct bp_stream_events events = {.data = on_above, .closed = on_above_closed};
    struct relay *relay = arg;
    struct space *space = relay->space;
    struct bp_preamble preamble = {
        .version = BP_FRAME_VERSION, .kind = BP_PREAMBLE_RELAY, .node = space->agent->node};
    uint8_t bytes[BP_PREAMBLE_BYTES];
    int error = 0;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
    memcpy(preamble.id, space->open->relay->ticket.data, sizeof preamble.id);
    bp_preamble_encode(&preamble, bytes);
    if ((what & EV_TIMEOUT) != 0 || error != 0 ||
        send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) != (ssize_t)sizeof bytes) {
        above_failed(relay, (what & EV_TIMEOUT) != 0 ? "no answer"
                                                     : strerror(error != 0 ? error : errno));
        return;
    }
    event_free(relay->event);
    relay->event = NULL;
    relay->above = bp_stream_new(space->agent->base, bp_take_fd(relay->fd),
                                 bp_tls_client_context(space->stream_tls), 1, &events, relay);
    if (relay->above == NULL)
        ask_launcher(relay);
    else
        want(relay->above, space->image.checked);
}

/* Dial the node above. */
static void ask_above(struct relay *relay)
{
    const Bpmix__Relay *order = relay->space->open->relay;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)order->port)};
    relay->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (relay->fd < 0 || inet_pton(AF_INET, order->address, &address.sin_addr) != 1 ||
        (connect(relay->fd, (struct sockaddr *)&address, sizeof address) < 0 &&
         errno != EINPROGRESS)) {
        above_failed(relay, strerror(errno));
        return;
    }
    relay->event = event_new(relay->space->agent->base, relay->fd, EV_WRITE, on_connected, relay);
    event_add(relay->event, &(struct timeval){.tv_sec = CONNECT_S});
}

void relay_start(struct space *space)
{
    struct relay *relay = space->relay;
    if (relay == NULL)
        return;
    if (space->open->relay->port != 0)
        ask_above(relay);
    else
        ask_launcher(relay);
}

int relay_is_launchers(const struct space *space)
{
    return space->relay->asked;
}

void relay_pause(struct space *space, int paused)
{
    if (space->relay->above != NULL)
        bp_stream_pause(space->relay->above, paused);
}

/* Nothing has come for a while: the node above may hang, and the launcher knows better. */
void relay_look(struct space *space)
{
    struct relay *relay = space->relay;
    if (relay == NULL || relay->above == NULL || !image_is_due(space))
        return;
    int still = relay->last_got == space->image.got && space->image.got == space->image.checked;
    relay->still = still ? relay->still + 1 : 0;
    if (relay->still >= LOOKS)
        above_failed(relay, "nothing comes");
    relay->last_got = space->image.got;
}

/* ---- below ---- */

static void below_free(struct below *below)
{
    DL_DELETE(below->relay->below, below);
    below->relay->below_count--;
    bp_stream_free(below->stream);
    free(below);
}

/* -errno: the image cannot be read. */
static int feed(struct below *below)
{
    static uint8_t bytes[BP_STREAM_DATA_MAX];
    struct space *space = below->relay->space;
    while (below->wants && bp_stream_backlog(below->stream) < BACKLOG_BYTES) {
        uint64_t left = space->image.checked > below->offset
                            ? space->image.checked - below->offset : 0;
        size_t length = left < sizeof bytes ? (size_t)left : sizeof bytes;
        if (length == 0 && !space->image.whole)
            return 0;
        if (length > 0 && pread(space->image.fd, bytes, length, (off_t)below->offset) !=
                              (ssize_t)length)
            return -EIO;
        bp_stream_send(below->stream, &(struct bp_stream_head){.kind = BP_STREAM_IMAGE,
                                                               .length = (uint32_t)length},
                       bytes);
        below->offset += length;
        below->wants = length > 0;
        below->relay->served += length == 0;
    }
    return 0;
}

static int on_below(void *arg, const struct bp_stream_head *head, const uint8_t *body,
                    struct bp_error *err)
{
    struct below *below = arg;
    uint64_t offset;
    if (head->kind != BP_STREAM_WANT || below->wants || below->relay->space->image.failed.code != 0)
        return bp_error_set(err, -EPROTO, "unexpected");
    memcpy(&offset, body, sizeof offset);
    below->offset = offset;
    below->wants = 1;
    return feed(below);
}

static void on_below_drained(void *arg)
{
    struct below *below = arg;
    if (feed(below) < 0)
        below_free(below);
}

static void on_below_closed(void *arg, const struct bp_error *why)
{
    (void)why;
    struct below *below = arg;
    struct space *space = below->relay->space;
    below_free(below);
    image_spare(space);
}

void relay_pass(struct space *space)
{
    struct below *below, *next;
    if (space->relay == NULL)
        return;
    DL_FOREACH_SAFE(space->relay->below, below, next)
        if (space->image.failed.code != 0 || feed(below) < 0)
            below_free(below);
}

int relay_is_needed(const struct space *space)
{
    return space->relay != NULL && space->image.failed.code == 0 &&
           (space->relay->below_count > 0 || space->relay->served < space->open->relay->below);
}

static int find_key(void *arg, const char *identity, struct bp_key *ret_key)
{
    const struct space *space = arg;
    if (strcmp(identity, "job") != 0)
        return -ENOENT;
    memcpy(ret_key->bytes, space->open->key.data, sizeof ret_key->bytes);
    return 0;
}

void relay_accept(struct space *space, int take_fd)
{
    static const struct bp_stream_events events = {
        .data = on_below, .drained = on_below_drained, .closed = on_below_closed};
    struct relay *relay = space->relay;
    struct bp_error err;
    if (relay->tls == NULL)
        relay->tls = bp_tls_server_new(find_key, space, &err);
    if (relay->tls == NULL || relay->below_count >= space->open->relay->below) {
        close(take_fd);
        return;
    }
    struct below *below = bp_calloc(1, sizeof *below);
    below->relay = relay;
    below->stream = bp_stream_new(space->agent->base, take_fd, relay->tls, 0, &events, below);
    DL_APPEND(relay->below, below);
    relay->below_count++;
    if (below->stream == NULL)
        below_free(below);
}

/* ---- a space's ---- */

void relay_new(struct space *space)
{
    if (space->open->relay == NULL || space->open->start == BPMIX__START__EXEC)
        return;
    struct relay *relay = bp_calloc(1, sizeof *relay);
    *relay = (struct relay){.space = space, .fd = -1};
    space->relay = relay;
}

void relay_stop(struct space *space)
{
    if (space->relay != NULL && !space->relay->busy)
        drop_above(space->relay);
}

int relay_refuse(struct space *space)
{
    above_failed(space->relay, "it passed on another image");
    return 0;
}

void relay_free(struct space *space)
{
    struct relay *relay = space->relay;
    struct below *below, *next;
    if (relay == NULL)
        return;
    drop_above(relay);
    DL_FOREACH_SAFE(relay->below, below, next)
        below_free(below);
    SSL_CTX_free(relay->tls);
    free(relay);
    space->relay = NULL;
}
