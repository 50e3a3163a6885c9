/* SPDX-License-Identifier: BSD-3-Clause */
/* data.c - the data connection to the launcher: dialled to bpmaster's port with a ticket, secured
 * by the job's key, so that bpmaster passes it on without seeing what it carries. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "nodeagent/agent.h"
#include "proto/preamble.h"

/* No launcher reads this any more, or never will. */
static void done(struct space *space)
{
    bp_stream_free(space->stream);
    space->stream = NULL;
    space->stream_done = 1;
    guest_each(space, image_lost);
    guest_each(space, stdio_resume);
    space_check_end(space);
}

/* Of the job whose rank 0 has this number: what it has here, and what came here of it. */
static void stop_all(struct space *host, const struct bp_stream_head *head)
{
    struct space *space, *next;
    HASH_ITER(hh, host->agent->spaces, space, next) {
        if (guest_host(space) != host || space->open->first != head->rank)
            continue;
        space->stopped[head->channel] = 1;
        stdio_stop(space, head->channel);
    }
}

/* Of a process that goes on from here, or comes here. */
static int stay_data(struct space *host, struct space *guest, const struct bp_stream_head *head,
                     const uint8_t *body)
{
    if (head->kind == BP_STREAM_WANT)
        leave_wanted(host, head->rank, body);
    else if (head->kind != BP_STREAM_IMAGE)
        return -EPROTO;
    else if (guest != NULL && image_is_due(guest))
        return image_piece(guest, body, head->length);
    return 0;
}

static int on_data(void *arg, const struct bp_stream_head *head, const uint8_t *body,
                   struct bp_error *err)
{
    struct space *host = arg, *guest = guest_by_number(host, head->rank);
    struct space *space = guest != NULL ? guest : host;
    int r = -EPROTO;
    if (head->kind == BP_STREAM_STOP && head->channel != 0) {
        stop_all(host, head);
        r = 0;
    } else if (head->rank >= BP_STREAM_STAYS) {
        r = stay_data(host, guest, head, body);
    } else if (guest == NULL && head->rank >= host->rank_total) {
        r = 0; /* late: for a guest that has left */
    } else if (head->kind == BP_STREAM_IMAGE) {
        if (space->tree == NULL || tree_is_launchers(space))
            r = image_piece(space, body, head->length);
    } else if (head->kind == BP_STREAM_SIZE) {
        terminal_resize(space, head->rank, body);
        r = 0;
    } else if (head->kind == BP_STREAM_FLOW) {
        r = flow_data(host, body, head->length);
    } else if (head->kind == BP_STREAM_PASS) {
        r = flow_pass(host);
    } else if (head->kind == BP_STREAM_PIECE) {
        r = flow_piece(host, body);
    } else if (head->kind == BP_STREAM_DIGESTS) {
        r = image_digests(space, body, head->length);
    } else if (head->channel == 0 &&
               (head->kind == BP_STREAM_DATA || head->kind == BP_STREAM_EOF)) {
        r = stdio_data(space, head->rank, body, head->length, head->kind == BP_STREAM_EOF);
    }
    return r == 0 ? 0 : bp_error_set(err, r, "the launcher sent what it may not");
}

static void on_drained(void *arg)
{
    guest_each(arg, stdio_resume);
    leave_send(arg);
}

static void on_closed(void *arg, const struct bp_error *why)
{
    struct space *space = arg;
    if (why->code != 0)
        bp_log_info("data-closed job=%llx why=\"%s\"", (unsigned long long)space->job, why->text);
    done(space);
}

SSL_CTX *data_client(const struct space *space)
{
    return space->open->plain ? NULL : bp_tls_client_context(space->stream_tls);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    static const struct bp_stream_events events = {
        .data = on_data, .drained = on_drained, .closed = on_closed};
    (void)what;
    struct space *space = arg;
    struct bp_preamble preamble = {
        .version = BP_FRAME_VERSION, .kind = BP_PREAMBLE_STREAM, .node = space->agent->node};
    uint8_t bytes[BP_PREAMBLE_BYTES];
    int error = 0;
    event_free(space->stream_event);
    space->stream_event = NULL;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
    memcpy(preamble.id, space->open->ticket.data, sizeof preamble.id);
    bp_preamble_encode(&preamble, bytes);
    if (error != 0 || send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) != (ssize_t)sizeof bytes) {
        bp_log_warning("data-failed job=%llx why=\"%s\"", (unsigned long long)space->job,
                       strerror(error != 0 ? error : errno));
        done(space);
        return;
    }
    space->stream = bp_stream_new(space->agent->base, bp_take_fd(space->stream_fd),
                                  data_client(space), 1, &events, space);
    if (space->stream == NULL) {
        done(space);
        return;
    }
    if (image_is_due(space))
        tree_start(space);
    guest_connected(space);
    guest_each(space, stdio_resume);
}

void data_open(struct space *space)
{
    struct bp_key key;
    struct bp_error err = {0};
    memcpy(key.bytes, space->open->key.data, sizeof key.bytes);
    space->stream_tls = bp_tls_client_new("job", &key, &err);
    explicit_bzero(&key, sizeof key);
    space->stream_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (space->stream_tls == NULL || space->stream_fd < 0 ||
        (connect(space->stream_fd, (struct sockaddr *)&space->agent->master,
                 sizeof space->agent->master) < 0 && errno != EINPROGRESS)) {
        bp_log_warning("data-failed job=%llx why=\"%s\"", (unsigned long long)space->job,
                       space->stream_tls == NULL ? err.text : strerror(errno));
        space->stream_done = 1;
        image_lost(space);
        return;
    }
    space->stream_event = event_new(space->agent->base, space->stream_fd, EV_WRITE, on_connected,
                                    space);
    event_add(space->stream_event, NULL);
}

void data_send(struct space *space, unsigned kind, unsigned channel, uint32_t rank,
               const void *body, size_t length)
{
    struct bp_stream *stream = guest_host(space)->stream;
    struct bp_stream_head head = {.kind = (uint8_t)kind, .channel = (uint8_t)channel,
                                  .rank = space->open->first + rank, .length = (uint32_t)length};
    if (stream != NULL)
        bp_stream_send(stream, &head, body);
}

void data_send_stay(struct space *space, unsigned kind, uint32_t stay, const void *body,
                    size_t length)
{
    struct bp_stream *stream = guest_host(space)->stream;
    struct bp_stream_head head = {.kind = (uint8_t)kind, .rank = stay, .length = (uint32_t)length};
    if (stream != NULL)
        bp_stream_send(stream, &head, body);
}

/* While it connects nothing is taken from the pipes; when nobody reads, all is, and thrown away. */
int data_is_full(struct space *space)
{
    const struct space *host = guest_host(space);
    if (host->stream_done)
        return 0;
    return host->stream == NULL || bp_stream_backlog(host->stream) > BP_STREAM_HIGH;
}

void data_end(struct space *space)
{
    /* The launcher closes when it has END; a broken connection ends it too. */
    if (space->open->carried != 0)
        data_send_stay(space, BP_STREAM_END, space->open->carried, NULL, 0);
    else
        data_send(space, BP_STREAM_END, 0, 0, NULL, 0);
    space->stream_done = space->stream == NULL;
}

void data_free(struct space *space)
{
    if (space->stream_event != NULL)
        event_free(space->stream_event);
    bp_stream_free(space->stream);
    bp_tls_client_free(space->stream_tls);
    if (space->stream_fd >= 0)
        close(space->stream_fd);
}
