/* SPDX-License-Identifier: BSD-3-Clause */
/* tool.c - local connections: who they are (from the kernel), requests, queued answers. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"

#define PACKET_BYTES_MAX (64u << 20) /* a tool that does not read is dropped then */
#define USER_TOOLS_MAX   1024        /* connections of one user; root's are not counted */

static struct bp_log_limit limit = {.burst = 20};

struct packet {
    struct bp_frame frame;
    uint8_t *body;
    int fds[BP_LOCAL_FDS_MAX];
    unsigned fd_count;
    struct packet *next;
};

static void packet_free(struct packet *packet)
{
    for (unsigned i = 0; i < packet->fd_count; i++)
        close(packet->fds[i]);
    if (packet->body != NULL)
        explicit_bzero(packet->body, packet->frame.length); /* a job's key may be in it */
    free(packet->body);
    free(packet);
}

void tool_free(struct tool *tool, const char *why)
{
    unsigned long dropped;
    if (why != NULL && bp_log_limit_pass(&limit, &dropped))
        bp_log_warning("tool-dropped pid=%d uid=%u why=\"%s\" dropped=%lu", tool->pid, tool->uid,
                       why, dropped);
    if (tool->job != NULL)
        job_tool_gone(tool->job);
    order_tool_gone(tool);
    onward_tool_gone(tool);
    home_tool_gone(tool);
    struct packet *packet, *next;
    LL_FOREACH_SAFE(tool->packets, packet, next)
        packet_free(packet);
    if (tool->via == NULL) {
        event_free(tool->read_event);
        event_free(tool->write_event);
        close(tool->fd);
    }
    free(tool->groups);
    DL_DELETE(tool->master->tools, tool);
    free(tool);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct tool *tool = arg;
    while (tool->packets != NULL) {
        struct packet *packet = tool->packets;
        int r = bp_local_send(fd, &packet->frame, packet->body, packet->fds, packet->fd_count);
        if (r == -EAGAIN) {
            event_add(tool->write_event, NULL);
            return;
        }
        /* Taken; or the connection is broken: then reading sees it and ends it. */
        LL_DELETE(tool->packets, packet);
        tool->packet_bytes -= packet->frame.length + sizeof *packet;
        packet_free(packet);
    }
    event_add(tool->read_event, NULL);
}

void tool_send(struct tool *tool, struct bp_frame frame, const void *message, const int *take_fds,
               unsigned fd_count)
{
    struct packet *packet = bp_calloc(1, sizeof *packet);
    size_t length = 0;
    if (message != NULL)
        packet->body = bp_pack(message, &length);
    frame.length = (uint32_t)length;
    packet->frame = frame;
    if (tool->via != NULL) {
        relay_send(tool, &frame, packet->body);
        packet_free(packet);
        return;
    }
    packet->fd_count = fd_count;
    if (fd_count > 0)
        memcpy(packet->fds, take_fds, fd_count * sizeof *take_fds);
    tool->packet_bytes += length + sizeof *packet;
    if (tool->packet_bytes > PACKET_BYTES_MAX) {
        packet_free(packet);
        shutdown(tool->fd, SHUT_RDWR); /* reading sees the end */
        return;
    }
    int idle = tool->packets == NULL;
    LL_APPEND(tool->packets, packet);
    if (idle)
        on_writable(tool->fd, EV_WRITE, tool);
}

void tool_refuse(struct tool *tool, uint64_t tag, int code, const char *text)
{
    Bpmix__Refusal refusal = BPMIX__REFUSAL__INIT;
    refusal.code = code < 0 ? -code : code;
    refusal.text = (char *)text;
    tool_send(tool, (struct bp_frame){.type = BP_REFUSED, .tag = tag}, &refusal, NULL, 0);
}

void tool_done(struct tool *tool, uint64_t tag)
{
    tool_send(tool, (struct bp_frame){.type = BP_DONE, .tag = tag}, NULL, NULL, 0);
}

static void answer_nodes(struct tool *tool, uint64_t tag)
{
    Bpmix__NodeList list;
    tool->told = 0; /* what changes from now on is news again */
    node_list(tool->master, &list);
    tool_send(tool, (struct bp_frame){.type = BP_NODES, .tag = tag}, &list, NULL, 0);
    node_list_done(&list);
}

static int list_nodes(struct tool *tool, const struct bp_frame *frame, struct bp_error *err)
{
    if (frame->node < 0 || tool->wait_up > 0)
        return bp_error_set(err, -EINVAL, "one NODE_LIST at a time, for 0 nodes or more");
    if (node_count_up(tool->master) >= (unsigned)frame->node) {
        answer_nodes(tool, frame->tag);
        return 0;
    }
    tool->wait_up = (unsigned)frame->node;
    tool->wait_tag = frame->tag;
    return 0;
}

void tool_node_up(struct master *master)
{
    unsigned up = node_count_up(master);
    struct tool *tool;
    DL_FOREACH(master->tools, tool) {
        if (tool->wait_up == 0 || tool->wait_up > up)
            continue;
        tool->wait_up = 0;
        answer_nodes(tool, tool->wait_tag);
    }
}

static void answer_jobs(struct tool *tool, uint64_t tag)
{
    Bpmix__JobList list;
    job_list(tool->master, &list);
    tool_send(tool, (struct bp_frame){.type = BP_JOBS, .tag = tag}, &list, NULL, 0);
    job_list_done(&list);
}

static int open_job(struct tool *tool, const struct bp_local_message *message,
                    struct bp_error *err)
{
    if (tool->job != NULL)
        return bp_error_set(err, -EBUSY, "this connection has a job already");
    Bpmix__JobRequest *request = BP_UNPACK(JobRequest, job_request, message->body,
                                           message->frame.length, err);
    if (request == NULL)
        return err->code;
    job_open(tool, &message->frame, request);
    return 0;
}

/* A frame about the tool's own job; a tool has no other. */
static int job_frame(struct tool *tool, struct bp_local_message *message,
                     struct bp_error *err)
{
    const struct bp_frame *frame = &message->frame;
    if (tool->via != NULL && tool->job == NULL && frame->type == BP_JOB_FORWARD) {
        auto_unpack Bpmix__JobForward *passed =
            BP_UNPACK(JobForward, job_forward, message->body, frame->length, err);
        return passed == NULL ? err->code : onward_signal(tool, passed, err);
    }
    if (tool->job == NULL &&
        (frame->type == BP_JOB_DRAINED || frame->type == BP_JOB_REAPED))
        return 0; /* the job was over before it could say so */
    if (tool->job == NULL || tool->job->id != frame->job)
        return bp_error_set(err, -EPERM, "this connection did not open job %llu",
                            (unsigned long long)frame->job);
    if (frame->type == BP_JOB_FORWARD) {
        auto_unpack Bpmix__JobForward *forward =
            BP_UNPACK(JobForward, job_forward, message->body, frame->length, err);
        if (forward == NULL)
            return err->code;
        if (forward->signal < 1 || forward->signal > 64)
            return bp_error_set(err, -EINVAL, "there is no signal %u", forward->signal);
        herd_forward(tool->job, forward);
        return 0;
    }
    if (frame->type == BP_JOB_HOME || frame->type == BP_JOB_DRAINED)
        return home_frame(tool, message, err);
    if (frame->type == BP_JOB_REAPED)
        return resident_frame(tool->job, frame, message->body, err);
    if (frame->type == BP_JOB_RELEASE) {
        tool->job->kept = 0;
        job_check_idle(tool->job);
        if (tool->job != NULL) /* one that waited for its turn is gone by now */
            job_check_end(tool->job);
        return 0;
    }
    auto_unpack Bpmix__JobKill *kill =
        BP_UNPACK(JobKill, job_kill, message->body, frame->length, err);
    if (kill == NULL)
        return err->code;
    if (kill->signal > 64)
        return bp_error_set(err, -EINVAL, "there is no signal %u", kill->signal);
    if (kill->signal == 0) {
        job_close(tool->job);
        return 0;
    }
    Bpmix__ProcSignal signal = BPMIX__PROC_SIGNAL__INIT;
    signal.signal = kill->signal;
    signal.sender_pid = tool->pid;
    signal.sender_uid = tool->uid;
    job_signal(tool->job, NULL, &signal);
    return 0;
}

static int dispatch(struct tool *tool, struct bp_local_message *message,
                    struct bp_error *err)
{
    switch (message->frame.type) {
    case BP_NODE_LIST:
        return list_nodes(tool, &message->frame, err);
    case BP_JOB_LIST:
        answer_jobs(tool, message->frame.tag);
        return 0;
    case BP_JOB_MOVE:
        return onward_frame(tool, &message->frame, message->body, err);
    case BP_HOME_ASK:
        return home_wanted(tool, &message->frame, err);
    case BP_JOB_OPEN:
        return open_job(tool, message, err);
    case BP_JOB_SIGNAL:
        return job_signal_frame(tool, &message->frame, message->body, err);
    case BP_NODE_RIGHTS:
    case BP_NODE_STATE:
    case BP_NODE_SET:
    case BP_NODE_GET:
    case BP_NODE_WATCH:
        return admin_frame(tool, &message->frame, message->body, err);
    case BP_NODE_ORDER:
        return order_frame(tool, &message->frame, message->body, err);
    case BP_NODE_HARDWARE:
        return hardware_frame(tool, &message->frame, err);
    case BP_PROC_LIST:
        return proc_list_frame(tool, &message->frame, err);
    case BP_LIBRARY_SET:
    case BP_LIBRARY_LIST:
        return library_frame(tool, &message->frame, message->body, err);
    default:
        return job_frame(tool, message, err);
    }
}

void tool_message(struct tool *tool, struct bp_local_message *message)
{
    struct bp_error err = {0};
    unsigned long dropped;
    if (dispatch(tool, message, &err) >= 0)
        return;
    if (bp_log_limit_pass(&limit, &dropped))
        bp_log_warning("request-refused node=%d pid=%d uid=%u why=\"%s\" dropped=%lu",
                       tool->via != NULL ? tool->via->number : -1, tool->pid, tool->uid, err.text,
                       dropped);
    tool_refuse(tool, message->frame.tag, err.code, err.text);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct tool *tool = arg;
    struct bp_error err = {0};
    struct bp_local_message message;
    int r = bp_local_receive(fd, BP_PEER_TOOL, BP_PEER_MASTER, &message, &err);
    if (r == -EAGAIN)
        return;
    if (r <= 0) {
        tool_free(tool, r < 0 ? err.text : NULL);
        return;
    }
    tool_message(tool, &message);
    bp_local_done(&message);
    if (tool->packets != NULL)
        event_del(tool->read_event); /* no more questions until it has taken the answers */
}

/* Who opened this connection, as the kernel knows it. */
static int identify(struct tool *tool)
{
    struct ucred cred;
    socklen_t size = sizeof cred;
    if (getsockopt(tool->fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
        return -errno;
    tool->pid = cred.pid;
    tool->uid = cred.uid;
    tool->gid = cred.gid;
    size = 0;
    if (getsockopt(tool->fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) < 0 && errno != ERANGE)
        return -errno;
    tool->groups = bp_calloc(1, size);
    if (size > 0 && getsockopt(tool->fd, SOL_SOCKET, SO_PEERGROUPS, tool->groups, &size) < 0)
        return -errno;
    tool->group_count = (unsigned)(size / sizeof *tool->groups);
    return 0;
}

/* One user alone must not use up bpmaster's descriptors. */
static int is_crowd(const struct tool *tool)
{
    unsigned count = 0;
    unsigned long dropped;
    const struct tool *other;
    if (tool->uid == 0)
        return 0;
    DL_FOREACH(tool->master->tools, other)
        count += other->uid == tool->uid && other->via == NULL;
    if (count >= USER_TOOLS_MAX && bp_log_limit_pass(&limit, &dropped))
        bp_log_warning("tool-refused pid=%d uid=%u why=\"%u connections of this user\" "
                       "dropped=%lu", tool->pid, tool->uid, count, dropped);
    return count >= USER_TOOLS_MAX;
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
    (void)what;
    struct master *master = arg;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        event_del(master->local_event); /* listen_tick goes on; until then it would only wake us */
    if (fd < 0)
        return;
    struct tool *tool = bp_calloc(1, sizeof *tool);
    tool->master = master;
    tool->fd = fd;
    if (identify(tool) < 0 || is_crowd(tool)) {
        close(fd);
        free(tool->groups);
        free(tool);
        return;
    }
    tool->read_event = event_new(master->base, fd, EV_READ | EV_PERSIST, on_readable, tool);
    tool->write_event = event_new(master->base, fd, EV_WRITE, on_writable, tool);
    event_add(tool->read_event, NULL);
    DL_APPEND(master->tools, tool);
}

int tool_listen(struct master *master, struct bp_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    auto_free char *path = bp_format("%s/master.sock", master->config.rundir);
    if (strlen(path) + strlen(".new") >= sizeof address.sun_path)
        return bp_error_set(err, -ENAMETOOLONG, "%s: too long for a socket's path", path);
    snprintf(address.sun_path, sizeof address.sun_path, "%s.new", path);
    if (mkdir(master->config.rundir, 0755) < 0 && errno != EEXIST)
        return bp_error_set(err, -errno, "%s: %s", master->config.rundir, strerror(errno));
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return bp_error_set(err, -errno, "socket: %s", strerror(errno));
    /* Under its name only when it listens: somebody may wait for that name. */
    unlink(address.sun_path);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        chmod(address.sun_path, 0666) < 0 || listen(fd, 512) < 0 ||
        rename(address.sun_path, path) < 0)
        return bp_error_set(err, -errno, "%s: %s", address.sun_path, strerror(errno));
    master->local_event = event_new(master->base, bp_take_fd(fd), EV_READ | EV_PERSIST, on_accept,
                                    master);
    event_add(master->local_event, NULL);
    return libraries_publish(master, err); /* one that a killed bpmaster has left */
}
