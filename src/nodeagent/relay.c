/* SPDX-License-Identifier: BSD-3-Clause */
/* relay.c - libbproc on a node: processes of a job connect to the socket in the job's own folder,
 * and what they ask is passed on to bpmaster, which knows whose job it is. One question at a time,
 * and nothing is kept for them: who does not read his answers is hung up on. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "common/log.h"
#include "common/mem.h"
#include "nodeagent/agent.h"
#include "proto/local.h"
#include "proto/relay.h"

#define IDLE_S     10   /* without a question; one who watches nodes may be silent */
#define UNREAD_MAX 8192 /* bytes that the kernel holds for one who asks again */
#define STAY_MAX   32   /* of a space that wait for nodes or watch them; the others come and go */
#define JOBS_MAX   64   /* of a space that have opened a job */
#define NEWS_BYTES (8 << 20) /* of a job may wait for one that is stopped */
#define QUEUE      512  /* all ranks of a big node may ask at once */

static struct bp_log_limit limit = {.burst = 10};

struct client {
    struct space *space;
    int fd;
    struct dial *dials; /* data connections under way */
    int herder; /* to go with the map of its job; -1 = none */
    struct event *event;
    uint64_t number; /* by which bpmaster knows it; 0 = not yet */
    pid_t pid;
    uint8_t stranger; /* not the job's user */
    uint8_t asking;   /* its answer has not come */
    uint8_t waiting;  /* perhaps for long: until nodes are up */
    uint8_t moving;   /* it goes to another node, and passes its signals on */
    uint8_t watching; /* nodes */
    uint8_t opening;  /* a job: 1 = asked for, 2 = it is its launcher */
    pid_t asker;      /* the rank that it then is, or comes from */
    uint8_t told;     /* that something changed, and it may not have read that yet */
    struct client *prev, *next;
};

void relay_resume(struct space *space)
{
    if (space->relay_event != NULL && space->client_count < BP_RELAY_MAX)
        event_add(space->relay_event, NULL);
}

static void tell_master(const struct client *client, unsigned type, const uint8_t *body,
                        size_t length)
{
    const struct agent *agent = client->space->agent;
    struct bp_frame frame = {.type = (uint16_t)type, .node = agent->node, .job = client->space->job,
                             .tag = client->number, .length = (uint32_t)length};
    if (agent->channel != NULL)
        bp_channel_send(agent->channel, &frame, body);
}

/* why: what it did wrong, or NULL. */
static void client_free(struct client *client, const char *why)
{
    struct space *space = client->space;
    unsigned long dropped;
    if (why != NULL && bp_log_limit_pass(&limit, &dropped))
        bp_log_warning("client-dropped job=%" PRIx64 " pid=%d why=\"%s\" dropped=%lu", space->job,
                       client->pid, why, dropped);
    if (client->number != 0)
        tell_master(client, BP_TOOL_GONE, NULL, 0);
    leave_drop(space, client->number);
    while (client->dials != NULL)
        dial_free(client->dials);
    if (client->herder >= 0)
        close(client->herder);
    DL_DELETE(space->clients, client);
    space->client_count--;
    event_free(client->event);
    close(client->fd);
    free(client);
    relay_resume(space);
    guest_each(space, rank_launcher_gone);
}

int relay_has_launcher(const struct rank *rank)
{
    const struct client *client;
    DL_FOREACH(guest_host(rank->space)->clients, client)
        if (client->opening == 2 && client->asker == rank->pid)
            return 1;
    return 0;
}

static int unread(const struct client *client)
{
    int bytes = 0;
    return ioctl(client->fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

static int refuse(const struct client *client, uint64_t tag, const struct bp_error *why)
{
    Bpmix__Refusal refusal = BPMIX__REFUSAL__INIT;
    size_t length;
    refusal.code = -why->code;
    refusal.text = (char *)why->text;
    auto_free uint8_t *body = bp_pack(&refusal, &length);
    struct bp_frame frame = {.type = BP_REFUSED, .tag = tag, .length = (uint32_t)length};
    return bp_local_send(client->fd, &frame, body, NULL, 0);
}

static int is_long(const struct bp_frame *frame)
{
    return frame->type == BP_NODE_WATCH || (frame->type == BP_NODE_LIST && frame->node > 0);
}

/* Without an answer. */
static int is_order(const struct bp_frame *frame)
{
    return frame->type == BP_JOB_KILL || frame->type == BP_JOB_FORWARD ||
           frame->type == BP_JOB_DRAINED;
}

static unsigned count_long(const struct space *space)
{
    unsigned count = 0;
    const struct client *client;
    DL_FOREACH(space->clients, client)
        count += client->waiting || client->watching;
    return count;
}

static unsigned count_jobs(const struct space *space)
{
    unsigned count = 0;
    const struct client *client;
    DL_FOREACH(space->clients, client)
        count += client->opening > 0;
    return count;
}

static int check_question(const struct client *client, const struct bp_frame *frame,
                          struct bp_error *err)
{
    const struct bp_route *route = bp_route_get(frame->type);
    if (client->stranger)
        return bp_error_set(err, -EACCES, "only processes of user %u may ask in this job",
                            client->space->open->uid);
    if (frame->type == BP_NODE_ORDER)
        return bp_error_set(err, -EOPNOTSUPP, "orders to nodes are given on the master");
    if ((route->from & BP_PEER_CALLER) == 0)
        return bp_error_set(err, -EOPNOTSUPP, "%s is for the master, not for a node", route->name);
    if (is_order(frame) && !client->opening)
        return bp_error_set(err, -EPERM, "this process has opened no job");
    if (is_long(frame) && !client->watching && count_long(client->space) >= STAY_MAX)
        return bp_error_set(err, -EBUSY, "%d processes of this job wait for nodes here already",
                            STAY_MAX);
    if (frame->type == BP_JOB_OPEN && !client->opening && count_jobs(client->space) >= JOBS_MAX)
        return bp_error_set(err, -EBUSY, "%d processes of this job here have jobs of their "
                            "own already", JOBS_MAX);
    return 0;
}

/* News of its job come while it does not read. */
static void be_launcher(struct client *client, struct bp_frame *frame)
{
    int bytes = NEWS_BYTES;
    client->opening = client->opening > 0 ? client->opening : 1;
    setsockopt(client->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    client->asker = asker_rank(client->space, client->pid);
    frame->job = (uint64_t)client->asker;
}

/* A process goes on, and not as a program of the node that it goes to. */
static int takes_image(const struct bp_local_message *message)
{
    return message->frame.type == BP_JOB_MOVE &&
           (message->fd_count > 0 || message->frame.length == 0);
}

/* What ends the connection, or NULL. */
static const char *take_question(struct client *client, struct bp_local_message *message)
{
    struct bp_error err = {0};
    size_t length;
    if (client->moving && client->asking && message->frame.type == BP_JOB_FORWARD) {
        auto_free uint8_t *signal = bp_relay_pack(&message->frame, message->body, &length);
        tell_master(client, BP_TOOL_SAYS, signal, length);
        return NULL;
    }
    if (client->asking)
        return "it asks before it has its answer";
    if (unread(client) > UNREAD_MAX && !client->opening)
        return "it does not read its answers";
    if (check_question(client, &message->frame, &err) < 0)
        return refuse(client, message->frame.tag, &err) < 0 ? "it does not take an answer" : NULL;
    if (client->number == 0)
        client->number = ++client->space->agent->last_client;
    if (takes_image(message) &&
        leave_take(client->space, client->number, message, &err) < 0)
        return refuse(client, message->frame.tag, &err) < 0 ? "it does not take an answer" : NULL;
    client->moving = message->frame.type == BP_JOB_MOVE;
    if (client->moving)
        message->frame.job = (uint64_t)asker_self(client->space, client->pid);
    if (message->frame.type == BP_JOB_OPEN)
        be_launcher(client, &message->frame);
    client->asking = !is_order(&message->frame);
    client->waiting = (uint8_t)is_long(&message->frame);
    client->watching |= message->frame.type == BP_NODE_WATCH;
    auto_free uint8_t *body = bp_relay_pack(&message->frame, message->body, &length);
    tell_master(client, BP_TOOL_SAYS, body, length);
    return NULL;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct client *client = arg;
    struct bp_local_message message;
    struct bp_error err = {0};
    if ((what & EV_READ) == 0) {
        if (!client->asking && !client->watching && !client->opening)
            client_free(client, NULL);
        return;
    }
    int r = bp_local_receive(fd, BP_PEER_TOOL, BP_PEER_MASTER, &message, &err);
    if (r == -EAGAIN)
        return;
    if (r <= 0) {
        client_free(client, r < 0 && r != -ECONNRESET ? err.text : NULL);
        return;
    }
    const char *why = take_question(client, &message);
    bp_local_done(&message);
    if (why != NULL)
        client_free(client, why);
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
    static const struct timeval idle = {.tv_sec = IDLE_S};
    struct space *space = arg;
    struct ucred cred;
    socklen_t size = sizeof cred;
    (void)what;
    auto_close int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        event_del(space->relay_event); /* the next lease goes on */
    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
        return;
    struct client *client = bp_calloc(1, sizeof *client);
    *client = (struct client){.space = space, .fd = bp_take_fd(fd), .pid = cred.pid, .herder = -1,
                              .stranger = cred.uid != space->open->uid};
    client->event = event_new(space->agent->base, client->fd, EV_READ | EV_PERSIST, on_readable,
                              client);
    event_add(client->event, &idle);
    DL_APPEND(space->clients, client);
    if (++space->client_count == BP_RELAY_MAX)
        event_del(space->relay_event); /* the others wait until one has gone */
}

/* A socket in the job's own folder, which nobody outside the space can see. No process of the user
 * is there yet that could put something else in its way. */
static int listen_inside(const struct space *space)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root" BP_RUNDIR "/job", space->pid);
    auto_close int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (folder < 0 || fd < 0)
        return -errno;
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/master.sock", folder);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        fchmodat(folder, "master.sock", 0666, 0) < 0 || listen(fd, QUEUE) < 0)
        return -errno;
    return bp_take_fd(fd);
}

void relay_open(struct space *space)
{
    int fd = listen_inside(space);
    if (fd < 0) { /* its processes do without */
        bp_log_warning("no-relay job=%" PRIx64 " why=\"%s\"", space->job, strerror(-fd));
        return;
    }
    space->relay_event = event_new(space->agent->base, fd, EV_READ | EV_PERSIST, on_accept, space);
    event_add(space->relay_event, NULL);
}

void relay_close(struct space *space)
{
    if (space->relay_event == NULL)
        return;
    close(event_get_fd(space->relay_event));
    event_free(bp_take_ptr(space->relay_event));
    while (space->clients != NULL)
        client_free(space->clients, NULL);
}

/* What tells it of a change is still unread, so it need not be told again. */
static int knows_already(struct client *client)
{
    if (unread(client) == 0)
        client->told = 0;
    int told = client->told;
    client->told = 1;
    return told;
}

/* The job that it asked for is to have placeholders. */
static int open_herd(struct client *client, const struct bp_frame *frame, const uint8_t *body,
                     struct bp_error *err)
{
    auto_unpack Bpmix__HerdOpen *open = BP_UNPACK(HerdOpen, herd_open, body, frame->length, err);
    if (open == NULL)
        return err->code;
    if (client->herder < 0)
        client->herder = mirror_open(client->space, open->number);
    return 0;
}

/* With the map goes the socket of its herder. */
static void pass_answer(struct client *client, const struct bp_frame *inner, const uint8_t *body)
{
    int herder = inner->type == BP_JOB_MAP ? bp_take_fd(client->herder) : -1;
    if (bp_local_send(client->fd, inner, body, &herder, herder >= 0) < 0)
        client_free(client, "it does not take an answer");
    if (herder >= 0)
        close(herder);
}

int relay_frame(struct space *space, const struct bp_frame *frame, const uint8_t *body,
                struct bp_error *err)
{
    struct client *client;
    struct bp_frame inner;
    const uint8_t *inner_body;
    DL_FOREACH(space->clients, client)
        if (client->number == frame->tag)
            break;
    if (client == NULL || frame->tag == 0)
        return 0; /* it has hung up meanwhile */
    if (frame->type == BP_TOOL_GONE) {
        client_free(client, "bpmaster has hung up");
        return 0;
    }
    if (frame->type == BP_HERD_OPEN)
        return open_herd(client, frame, body, err);
    int r = bp_relay_unpack(body, frame->length, BP_PEER_MASTER, BP_PEER_CALLER, &inner,
                            &inner_body, err);
    if (r < 0)
        return r;
    if (inner.type == BP_NODE_CHANGED && knows_already(client))
        return 0;
    if (inner.type == BP_JOB_STREAM)
        return dial_open(space, client->fd, &client->dials, &inner, inner_body, err);
    if (inner.type == BP_JOB_MAP)
        client->opening = 2;
    if (inner.type == BP_REFUSED)
        leave_drop(space, client->number);
    if (inner.type == BP_REFUSED && client->opening == 1)
        client->opening = 0;
    if (inner.type != BP_NODE_CHANGED)
        client->asking = client->waiting = client->told = 0;
    pass_answer(client, &inner, inner_body);
    return 0;
}
