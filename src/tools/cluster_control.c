/* SPDX-License-Identifier: BSD-3-Clause */
/* cluster_control.c - the serving end of a bpcluster-node's control socket. */
#include "cluster_control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "common/mem.h"

#define STOP_LIMIT_MS 10000

int bp_control_bind(const char *path, int *ret_fd, struct bp_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return bp_error_set(err, -ENAMETOOLONG, "%s: too long for a socket", path);
    strcpy(address.sun_path, path);
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return bp_error_set(err, -errno, "socket: %s", strerror(errno));
    mode_t mask = umask(0077);
    int failed = bind(fd, (struct sockaddr *)&address, sizeof(address));
    int error = errno;
    umask(mask);
    if (failed)
        return bp_error_set(err, -error, "%s: %s", path, strerror(error));
    *ret_fd = bp_take_fd(fd);
    return 0;
}

/* Send text with the credentials of pid, which the kernel translates for the receiver. */
static void answer(int fd, const char *text, pid_t pid)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control = {0};
    struct ucred who = {.pid = pid, .uid = geteuid(), .gid = getegid()};
    struct iovec part = {.iov_base = (char *)text, .iov_len = strlen(text)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_CREDENTIALS;
    header->cmsg_len = CMSG_LEN(sizeof(who));
    memcpy(CMSG_DATA(header), &who, sizeof(who));
    /* A client that went away does not matter: what it asked for is done. */
    sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int start(const struct bp_machine *machine, struct bp_daemon *daemon, struct bp_error *err)
{
    if (machine->name != NULL) {
        int error = bp_machine_connect(machine, err);
        if (error < 0)
            return error;
    }
    return bp_daemon_start(daemon, err);
}

/* Do one order; fills text with the answer's line. */
static void obey(const char *order, const struct bp_machine *machine, struct bp_daemon *daemon,
                 char *text, size_t bytes)
{
    struct bp_error err = {0};
    snprintf(text, bytes, "ok");
    if (strcmp(order, "start") == 0) {
        if (start(machine, daemon, &err) < 0)
            snprintf(text, bytes, "error %s", err.text);
    } else if (strcmp(order, "stop") == 0) {
        bp_daemon_end(daemon, SIGTERM, STOP_LIMIT_MS);
    } else if (strcmp(order, "kill") == 0) {
        bp_daemon_end(daemon, SIGKILL, 0);
    } else if (strcmp(order, "status") == 0) {
        bp_daemon_describe(daemon, text, bytes);
    } else if (strcmp(order, "end") == 0) {
        daemon->stopping = 1;
    } else {
        snprintf(text, bytes, "error unknown order");
    }
}

static void serve_one(int listener, const struct bp_machine *machine, struct bp_daemon *daemon)
{
    char order[32];
    char text[512];
    struct timeval limit = {.tv_sec = 1};
    auto_close int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ssize_t got = recv(fd, order, sizeof(order) - 1, 0);
    if (got <= 0)
        return;
    order[got] = '\0';
    bp_daemon_reap(daemon);
    obey(order, machine, daemon, text, sizeof(text));
    answer(fd, text, daemon->pid != 0 ? daemon->pid : getpid());
}

int bp_control_listen(int fd, struct bp_error *err)
{
    if (listen(fd, 16) != 0)
        return bp_error_set(err, -errno, "the control socket: %s", strerror(errno));
    return 0;
}

void bp_control_serve(int fd, const struct bp_machine *machine, struct bp_daemon *daemon)
{
    while (!daemon->stopping) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                               {.fd = daemon->signal_fd, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0)
            break;
        if (fds[1].revents != 0)
            bp_daemon_reap(daemon);
        if (fds[0].revents != 0 && !daemon->stopping)
            serve_one(fd, machine, daemon);
    }
    /* A machine takes its processes along; without one the daemon has to be ended. */
    if (machine->name == NULL)
        bp_daemon_end(daemon, SIGTERM, STOP_LIMIT_MS);
}
