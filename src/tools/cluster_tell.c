/* SPDX-License-Identifier: BSD-3-Clause */
/* cluster_tell.c - the asking end of a bpcluster-node's control socket. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "cluster_control.h"
#include "common/mem.h"

struct call {
    const char *path;
    int fd;
    int pid_fd;
    pid_t machine; /* the other process */
};

static int complain(const struct call *call, const char *text)
{
    fprintf(stderr, "bpcluster-node: %s: %s\n", call->path, text);
    return 1;
}

static int call_open(struct call *call, const char *order)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred peer;
    socklen_t size = sizeof(peer);
    int on = 1;
    if (strlen(call->path) >= sizeof(address.sun_path))
        return complain(call, "too long for a socket");
    strcpy(address.sun_path, call->path);
    call->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (call->fd < 0 || setsockopt(call->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0 ||
        connect(call->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockopt(call->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return complain(call, strerror(errno));
    call->machine = peer.pid;
    call->pid_fd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
    if (call->pid_fd < 0)
        return complain(call, strerror(errno));
    if (strcmp(order, "pid") != 0 &&
        send(call->fd, order, strlen(order), MSG_NOSIGNAL) != (ssize_t)strlen(order))
        return complain(call, strerror(errno));
    return 0;
}

/* The answer's text, and the PID that came with it (0 = none). Bytes got; 0 = it hung up. */
static ssize_t receive(const struct call *call, char *text, size_t bytes, pid_t *ret_pid)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = text, .iov_len = bytes - 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t got = recvmsg(call->fd, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (got > 0 && header != NULL && header->cmsg_type == SCM_CREDENTIALS) {
        struct ucred who;
        memcpy(&who, CMSG_DATA(header), sizeof(who));
        *ret_pid = who.pid;
    }
    text[got > 0 ? got : 0] = '\0';
    return got;
}

static void print_status(const struct call *call, const char *text, pid_t pid)
{
    printf("%s %d ", call->path, (int)call->machine);
    if (strcmp(text, "running") == 0)
        printf("%d %s\n", (int)pid, text);
    else
        printf("- %s\n", text);
}

static int call_finish(const struct call *call, const char *order)
{
    char text[512];
    pid_t pid = 0;
    if (strcmp(order, "pid") == 0) {
        printf("%d\n", (int)call->machine);
        return 0;
    }
    ssize_t got = receive(call, text, sizeof(text), &pid);
    if (strcmp(order, "end") == 0) {
        struct pollfd gone = {.fd = call->pid_fd, .events = POLLIN};
        while (poll(&gone, 1, -1) < 0 && errno == EINTR)
            continue;
        return 0;
    }
    if (got <= 0)
        return complain(call, "it ended before it answered");
    if (strncmp(text, "error ", 6) == 0)
        return complain(call, text + 6);
    if (strcmp(order, "status") == 0)
        print_status(call, text, pid);
    return 0;
}

int bp_control_tell(const char *order, char *const *paths)
{
    unsigned count = 0;
    int failures = 0;
    while (paths[count] != NULL)
        count++;
    auto_free struct call *calls = bp_calloc(count + 1, sizeof(*calls));
    for (unsigned i = 0; i < count; i++) {
        calls[i] = (struct call){.path = paths[i], .fd = -1, .pid_fd = -1};
        if (call_open(&calls[i], order) == 0)
            continue;
        failures++;
        calls[i].path = NULL;
    }
    for (unsigned i = 0; i < count; i++) {
        if (calls[i].path != NULL)
            failures += call_finish(&calls[i], order);
        bp_cleanup_close(&calls[i].fd);
        bp_cleanup_close(&calls[i].pid_fd);
    }
    return failures;
}
