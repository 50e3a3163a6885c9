/* SPDX-License-Identifier: BSD-3-Clause */
/* tree.c - a big image, or stdin for all ranks, passes from node to node: this one gets it from
 * the node above it, or from the launcher where that one fails, and passes on what is checked while
 * more arrives. */
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

struct below { /* a node below */
    struct tree *tree;
    struct bp_stream *stream;
    uint64_t offset; /* so much of it is on its way */
    int wants;       /* it has asked, and the end is not yet on its way */
    struct below *prev, *next;
};

struct tree {
    struct space *space;
    const struct tree_cargo *cargo;
    int fd; /* while it connects to the node above */
    struct event *event;
    struct bp_stream *above; /* NULL: the launcher sends it */
    uint8_t asked;           /* of the launcher */
    uint8_t busy;            /* taking a piece from above */
    unsigned still;          /* looks at which nothing had come */
    uint64_t last_place;     /* at the last of them */
    SSL_CTX *tls;            /* for those below */
    struct below *below;
    unsigned below_count, served;
};

/* ---- above ---- */

static void drop_above(struct tree *tree)
{
    if (tree->event != NULL)
        event_free(tree->event);
    tree->event = NULL;
    if (tree->fd >= 0)
        close(bp_take_fd(tree->fd));
    bp_stream_free(tree->above);
    tree->above = NULL;
}

static void want(const struct tree *tree, struct bp_stream *stream, uint64_t offset)
{
    bp_stream_send(stream, &(struct bp_stream_head){.kind = tree->cargo->want,
                                                    .length = sizeof offset}, &offset);
}

/* The launcher has it for certain. */
static void ask_launcher(struct tree *tree)
{
    struct space *space = tree->space;
    drop_above(tree);
    if (!tree->cargo->is_due(space) || space->stream == NULL)
        return;
    tree->asked = 1;
    want(tree, space->stream, tree->cargo->back(space));
}

static void above_failed(struct tree *tree, const char *why)
{
    if (tree->cargo->is_due(tree->space))
        bp_log_warning("relay-failed job=%" PRIx64 " above=%s why=\"%s\"", tree->space->job,
                       tree->space->open->relay->address, why);
    ask_launcher(tree);
}

static int on_above(void *arg, const struct bp_stream_head *head, const uint8_t *body,
                    struct bp_error *err)
{
    struct tree *tree = arg;
    tree->busy = 1;
    int r = tree->cargo->take(tree->space, head, body);
    tree->busy = 0;
    if (r < 0)
        return bp_error_set(err, r, r == -EPROTO ? "it sent what it may not"
                                                 : "it passed on something else");
    return tree->cargo->is_due(tree->space) ? 0 : bp_error_set(err, -ECANCELED, "all is here");
}

static void on_above_closed(void *arg, const struct bp_error *why)
{
    above_failed(arg, why->code != 0 ? why->text : "it closed the connection");
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    static const struct bp_stream_events events = {.data = on_above, .closed = on_above_closed};
    struct tree *tree = arg;
    struct space *space = tree->space;
    struct bp_preamble preamble = {
        .version = BP_FRAME_VERSION, .kind = BP_PREAMBLE_RELAY, .node = space->agent->node};
    uint8_t bytes[BP_PREAMBLE_BYTES];
    int error = 0;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
    memcpy(preamble.id, space->open->relay->ticket.data, sizeof preamble.id);
    bp_preamble_encode(&preamble, bytes);
    if ((what & EV_TIMEOUT) != 0 || error != 0 ||
        send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) != (ssize_t)sizeof bytes) {
        above_failed(tree, (what & EV_TIMEOUT) != 0 ? "no answer"
                                                     : strerror(error != 0 ? error : errno));
        return;
    }
    event_free(tree->event);
    tree->event = NULL;
    tree->above = bp_stream_new(space->agent->base, bp_take_fd(tree->fd),
                                 data_client(space), 1, &events, tree);
    if (tree->above == NULL)
        ask_launcher(tree);
    else
        want(tree, tree->above, tree->cargo->place(space));
}

/* Dial the node above. */
static void ask_above(struct tree *tree)
{
    const Bpmix__Relay *order = tree->space->open->relay;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)order->port)};
    tree->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (tree->fd < 0 || inet_pton(AF_INET, order->address, &address.sin_addr) != 1 ||
        (connect(tree->fd, (struct sockaddr *)&address, sizeof address) < 0 &&
         errno != EINPROGRESS)) {
        above_failed(tree, strerror(errno));
        return;
    }
    tree->event = event_new(tree->space->agent->base, tree->fd, EV_WRITE, on_connected, tree);
    event_add(tree->event, &(struct timeval){.tv_sec = CONNECT_S});
}

void tree_start(struct space *space)
{
    struct tree *tree = space->tree;
    if (tree == NULL)
        return;
    if (space->open->relay->port != 0)
        ask_above(tree);
    else
        ask_launcher(tree);
}

int tree_is_launchers(const struct space *space)
{
    return space->tree->asked;
}

void tree_pause(struct space *space, int paused)
{
    if (space->tree->above != NULL)
        bp_stream_pause(space->tree->above, paused);
}

/* Nothing has come for a while: the node above may hang, and the launcher knows better. */
void tree_look(struct space *space)
{
    struct tree *tree = space->tree;
    if (tree == NULL || tree->above == NULL || !tree->cargo->is_due(space))
        return;
    uint64_t place = tree->cargo->place(space);
    int still = tree->last_place == place && tree->cargo->is_waiting(space);
    tree->still = still ? tree->still + 1 : 0;
    if (tree->still >= LOOKS)
        above_failed(tree, "nothing comes");
    tree->last_place = place;
}

/* ---- below ---- */

static void below_free(struct below *below)
{
    DL_DELETE(below->tree->below, below);
    below->tree->below_count--;
    bp_stream_free(below->stream);
    free(below);
}

/* -errno: there is none for it. */
static int feed(struct below *below)
{
    struct tree *tree = below->tree;
    int r = below->wants ? tree->cargo->feed(tree->space, below->stream, &below->offset) : 0;
    if (r > 0) {
        below->wants = 0;
        tree->served++;
    }
    return r < 0 ? r : 0;
}

static int on_below(void *arg, const struct bp_stream_head *head, const uint8_t *body,
                    struct bp_error *err)
{
    struct below *below = arg;
    uint64_t offset;
    if (head->kind != below->tree->cargo->want || below->wants)
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
    struct space *space = below->tree->space;
    below_free(below);
    image_spare(space);
}

void tree_pass(struct space *space)
{
    struct below *below, *next;
    if (space->tree == NULL)
        return;
    DL_FOREACH_SAFE(space->tree->below, below, next)
        if (feed(below) < 0)
            below_free(below);
}

int tree_has_below(const struct space *space)
{
    return space->tree != NULL && space->tree->below_count > 0;
}

int tree_is_needed(const struct space *space)
{
    return space->tree != NULL && space->image.failed.code == 0 &&
           (space->tree->below_count > 0 || space->tree->served < space->open->relay->below);
}

static int find_key(void *arg, const char *identity, struct bp_key *ret_key)
{
    const struct space *space = arg;
    if (strcmp(identity, "job") != 0)
        return -ENOENT;
    memcpy(ret_key->bytes, space->open->key.data, sizeof ret_key->bytes);
    return 0;
}

void tree_accept(struct space *space, int take_fd)
{
    static const struct bp_stream_events events = {
        .data = on_below, .drained = on_below_drained, .closed = on_below_closed};
    struct tree *tree = space->tree;
    struct bp_error err;
    int plain = space->open->plain;
    if (tree->tls == NULL && !plain)
        tree->tls = bp_tls_server_new(find_key, space, &err);
    if ((tree->tls == NULL && !plain) || tree->below_count >= space->open->relay->below) {
        close(take_fd);
        return;
    }
    struct below *below = bp_calloc(1, sizeof *below);
    below->tree = tree;
    below->stream = bp_stream_new(space->agent->base, take_fd, tree->tls, 0, &events, below);
    DL_APPEND(tree->below, below);
    tree->below_count++;
    if (below->stream == NULL)
        below_free(below);
}

/* ---- a space's ---- */

void tree_new(struct space *space)
{
    if (space->open->relay == NULL)
        return;
    struct tree *tree = bp_calloc(1, sizeof *tree);
    int has_image = space->open->start != BPMIX__START__EXEC;
    *tree = (struct tree){
        .space = space, .fd = -1, .cargo = has_image ? &image_cargo : &flow_cargo};
    space->tree = tree;
}

void tree_stop(struct space *space)
{
    if (space->tree != NULL && !space->tree->busy)
        drop_above(space->tree);
}

int tree_refuse(struct space *space)
{
    above_failed(space->tree, "it passed on something else");
    return 0;
}

void tree_free(struct space *space)
{
    struct tree *tree = space->tree;
    struct below *below, *next;
    if (tree == NULL)
        return;
    drop_above(tree);
    DL_FOREACH_SAFE(tree->below, below, next)
        below_free(below);
    SSL_CTX_free(tree->tls);
    free(tree);
    space->tree = NULL;
}
