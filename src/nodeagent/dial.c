/* SPDX-License-Identifier: BSD-3-Clause */
/* dial.c - data connections of a launcher that is a process of a job here: dialled to bpmaster's
 * port with a ticket, as data.c does for ranks, and then given to the launcher. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "nodeagent/agent.h"
#include "proto/local.h"
#include "proto/preamble.h"

struct dial {
    struct space *space;
    struct dial **list;
    int fd, client;
    struct event *event;
    struct bp_frame frame;
    uint8_t ticket[BP_TICKET_BYTES];
    struct dial *prev, *next;
};

void dial_free(struct dial *dial)
{
    DL_DELETE(*dial->list, dial);
    if (dial->event != NULL)
        event_free(dial->event);
    if (dial->fd >= 0)
        close(dial->fd);
    free(dial);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct dial *dial = arg;
    struct bp_preamble preamble = {.version = BP_FRAME_VERSION, .kind = BP_PREAMBLE_STREAM,
                                   .node = dial->space->agent->node};
    uint8_t bytes[BP_PREAMBLE_BYTES];
    int error = 0;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
    memcpy(preamble.id, dial->ticket, sizeof preamble.id);
    bp_preamble_encode(&preamble, bytes);
    if (error != 0 || send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) != (ssize_t)sizeof bytes ||
        bp_local_send(dial->client, &dial->frame, NULL, &fd, 1) < 0)
        bp_log_warning("data-failed job=%llx why=\"%s\"", (unsigned long long)dial->frame.job,
                       strerror(error != 0 ? error : errno));
    dial_free(dial);
}

int dial_open(struct space *space, int client, struct dial **list, const struct bp_frame *frame,
              const uint8_t *body, struct bp_error *err)
{
    auto_unpack Bpmix__JobStream *stream =
        BP_UNPACK(JobStream, job_stream, body, frame->length, err);
    if (stream == NULL)
        return err->code;
    struct dial *dial = bp_calloc(1, sizeof *dial);
    *dial = (struct dial){.space = space, .list = list, .client = client, .frame = *frame};
    dial->frame.length = 0;
    if (stream->ticket.len == sizeof dial->ticket)
        memcpy(dial->ticket, stream->ticket.data, sizeof dial->ticket);
    DL_APPEND(*list, dial);
    const struct sockaddr_in *master = &space->agent->master;
    dial->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (dial->fd < 0 || (connect(dial->fd, (const struct sockaddr *)master, sizeof *master) < 0 &&
                         errno != EINPROGRESS)) {
        bp_log_warning("data-failed job=%llx why=\"%s\"", (unsigned long long)frame->job,
                       strerror(errno));
        dial_free(dial);
        return 0;
    }
    dial->event = event_new(space->agent->base, dial->fd, EV_WRITE, on_connected, dial);
    event_add(dial->event, NULL);
    return 0;
}
