/* SPDX-License-Identifier: BSD-3-Clause */
/* cluster_daemon.c - start, watch and end the one daemon of a bpcluster-node. */
#include "cluster_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/mem.h"

#define READY_LIMIT_MS 10000
/* Between bind and listen a socket is there and refuses; no event tells the end of that moment. */
#define REFUSED_AGAIN_MS 5

void bp_daemon_reap(struct bp_daemon *daemon)
{
    struct signalfd_siginfo info;
    while (read(daemon->signal_fd, &info, sizeof(info)) == sizeof(info))
        if (info.ssi_signo == SIGTERM)
            daemon->stopping = 1;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != daemon->pid)
            continue;
        daemon->pid = 0;
        daemon->status = status;
    }
}

static int milliseconds_left(uint64_t deadline)
{
    uint64_t now = bp_clock_ms();
    return now >= deadline ? 0 : (int)(deadline - now);
}

void bp_daemon_end(struct bp_daemon *daemon, int signo, int limit_ms)
{
    uint64_t deadline = bp_clock_ms() + (uint64_t)limit_ms;
    if (daemon->pid != 0)
        kill(daemon->pid, signo);
    while (daemon->pid != 0) {
        struct pollfd signals = {.fd = daemon->signal_fd, .events = POLLIN};
        int left = signo == SIGKILL ? -1 : milliseconds_left(deadline);
        if (poll(&signals, 1, left) == 0) {
            signo = SIGKILL;
            kill(daemon->pid, SIGKILL);
        }
        bp_daemon_reap(daemon);
    }
}

static void become(const struct bp_daemon *daemon, pid_t parent, int error_fd)
{
    sigset_t none;
    sigemptyset(&none);
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0 && dup2(null, 0) == 0 && dup2(daemon->log_fd, 1) == 1 &&
        dup2(daemon->log_fd, 2) == 2 && setsid() > 0) {
        if (null > 2)
            close(null);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
            _exit(126);
        signal(SIGPIPE, SIG_DFL);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execv(daemon->argv[0], daemon->argv);
    }
    int error = errno;
    if (write(error_fd, &error, sizeof(error)) < 0)
        _exit(126);
    _exit(127);
}

/* Fork and exec; returns when exec has succeeded or failed. */
static int spawn(struct bp_daemon *daemon, struct bp_error *err)
{
    int fds[2];
    int error = 0;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return bp_error_set(err, -errno, "pipe: %s", strerror(errno));
    auto_close int reader = fds[0];
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(daemon, parent, fds[1]);
    close(fds[1]);
    if (pid < 0)
        return bp_error_set(err, -errno, "fork: %s", strerror(errno));
    daemon->pid = pid;
    daemon->started = 1;
    if (read(reader, &error, sizeof(error)) == sizeof(error)) {
        bp_daemon_end(daemon, SIGKILL, 0);
        return bp_error_set(err, -error, "%s: %s", daemon->argv[0], strerror(error));
    }
    return 0;
}

/* 1 = path accepts connections, 0 = there but refusing, negative errno = not there. */
static int accepts(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    for (int type = SOCK_STREAM;; type = SOCK_SEQPACKET) {
        auto_close int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return -errno;
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            return 1;
        if (errno == EPROTOTYPE && type == SOCK_STREAM)
            continue;
        return errno == ECONNREFUSED ? 0 : -errno;
    }
}

static int watch_folder_of(const char *path)
{
    auto_close int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    auto_free char *copy = bp_strdup(path);
    if (fd < 0 || inotify_add_watch(fd, dirname(copy), IN_CREATE | IN_MOVED_TO) < 0)
        return -errno;
    return bp_take_fd(fd);
}

static int wait_until_ready(struct bp_daemon *daemon, struct bp_error *err)
{
    char events[4096];
    uint64_t deadline = bp_clock_ms() + READY_LIMIT_MS;
    auto_close int watch = watch_folder_of(daemon->ready);
    if (watch < 0)
        return bp_error_set(err, watch, "%s: cannot watch: %s", daemon->ready, strerror(-watch));
    while (daemon->pid != 0) {
        int there = accepts(daemon->ready);
        int left = milliseconds_left(deadline);
        struct pollfd fds[] = {{.fd = watch, .events = POLLIN},
                               {.fd = daemon->signal_fd, .events = POLLIN}};
        if (there > 0)
            return 0;
        if (left == 0 || daemon->stopping)
            break;
        poll(fds, 2, there == 0 && left > REFUSED_AGAIN_MS ? REFUSED_AGAIN_MS : left);
        while (read(watch, events, sizeof(events)) > 0)
            continue;
        bp_daemon_reap(daemon);
    }
    if (daemon->pid == 0)
        return bp_error_set(err, -ECHILD, "%s ended before it was ready", daemon->argv[0]);
    bp_daemon_end(daemon, SIGKILL, 0);
    return bp_error_set(err, -ETIMEDOUT, "%s was not ready in time", daemon->argv[0]);
}

int bp_daemon_start(struct bp_daemon *daemon, struct bp_error *err)
{
    if (daemon->pid != 0)
        return bp_error_set(err, -EALREADY, "it runs already");
    int error = spawn(daemon, err);
    if (error == 0 && daemon->ready != NULL)
        error = wait_until_ready(daemon, err);
    return error;
}

void bp_daemon_describe(const struct bp_daemon *daemon, char *text, size_t bytes)
{
    if (daemon->pid != 0)
        snprintf(text, bytes, "running");
    else if (!daemon->started)
        snprintf(text, bytes, "idle");
    else if (WIFSIGNALED(daemon->status))
        snprintf(text, bytes, "killed %d", WTERMSIG(daemon->status));
    else
        snprintf(text, bytes, "exited %d", WEXITSTATUS(daemon->status));
}
