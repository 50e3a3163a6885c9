/* SPDX-License-Identifier: BSD-3-Clause */
/* space_blocked.c - is a process blocked in reading, or in waiting to read, a certain pipe?
 * Seen from /proc; io_uring is not seen. Another process may change under our eyes: then this look
 * says no, or the next one says yes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/mem.h"
#include "nodeagent/space_watch.h"

enum {
    PIPE_FDS_MAX = 64,    /* numbers under which one process has the pipe */
    POLL_CHUNK = 256,     /* pollfds read at once */
    POLL_MAX = 64 * 1024, /* pollfds looked at */
};

struct call { /* the system call a thread is blocked in */
    long number;
    unsigned long args[3];
};

struct linux_dirent64 {
    uint64_t d_ino;
    int64_t d_off;
    unsigned short d_reclen;
    unsigned char d_type;
    char d_name[];
};

int bp_space_digits_open(struct bp_space_digits *digits, const char *path)
{
    digits->used = digits->filled = 0;
    digits->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return digits->fd < 0 ? -errno : 0;
}

int bp_space_digits_next(struct bp_space_digits *digits, int *ret_number)
{
    for (;;) {
        if (digits->used >= digits->filled) {
            digits->used = 0;
            digits->filled =
                (int)syscall(SYS_getdents64, digits->fd, digits->bytes, sizeof digits->bytes);
            if (digits->filled <= 0)
                return 0;
        }
        const struct linux_dirent64 *entry = (const void *)(digits->bytes + digits->used);
        digits->used += entry->d_reclen;
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') {
            *ret_number = atoi(entry->d_name);
            return 1;
        }
    }
}

static int is_pipe(pid_t pid, int fd, uint64_t inode)
{
    char path[64], target[64], wanted[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0)
        return 0;
    target[length] = '\0';
    snprintf(wanted, sizeof wanted, "pipe:[%llu]", (unsigned long long)inode);
    return strcmp(target, wanted) == 0;
}

/* Up to max of the numbers under which pid has the pipe open; returns how many. */
static unsigned pipe_fds(pid_t pid, uint64_t inode, int *fds, unsigned max)
{
    char path[64];
    struct bp_space_digits digits;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    if (bp_space_digits_open(&digits, path) < 0)
        return 0;
    unsigned count = 0;
    int fd;
    while (count < max && bp_space_digits_next(&digits, &fd))
        if (is_pipe(pid, fd, inode))
            fds[count++] = fd;
    close(digits.fd);
    return count;
}

int bp_space_holds(pid_t pid, uint64_t inode)
{
    int fd;
    return pipe_fds(pid, inode, &fd, 1) > 0;
}

static ssize_t read_small(const char *path, char *text, size_t size)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    text[got > 0 ? got : 0] = '\0';
    return got;
}

/* 0 = tid is not blocked in a system call. */
static int read_call(pid_t pid, pid_t tid, struct call *ret_call)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, tid);
    if (read_small(path, text, sizeof text) <= 0 || text[0] < '0' || text[0] > '9')
        return 0; /* "running", or "-1 ..." */
    char *rest;
    ret_call->number = strtol(text, &rest, 10);
    for (int i = 0; i < 3; i++)
        ret_call->args[i] = strtoul(rest, &rest, 16);
    return 1;
}

static int copy_in(pid_t pid, unsigned long from, void *to, size_t size)
{
    struct iovec local = {.iov_base = to, .iov_len = size};
    struct iovec remote = {.iov_base = (void *)from, .iov_len = size};
    return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

static int polls(pid_t pid, const struct call *call, uint64_t inode)
{
    int fds[PIPE_FDS_MAX];
    unsigned count = pipe_fds(pid, inode, fds, PIPE_FDS_MAX);
    unsigned long total = call->args[1] < POLL_MAX ? call->args[1] : POLL_MAX;
    struct pollfd chunk[POLL_CHUNK];
    for (unsigned long done = 0; done < total;) {
        unsigned long now = total - done < POLL_CHUNK ? total - done : POLL_CHUNK;
        if (!copy_in(pid, call->args[0] + done * sizeof *chunk, chunk, now * sizeof *chunk))
            return 0;
        for (unsigned long i = 0; i < now; i++)
            for (unsigned k = 0; k < count; k++)
                if (chunk[i].fd == fds[k] && (chunk[i].events & (POLLIN | POLLRDNORM)) != 0)
                    return 1;
        done += now;
    }
    return 0;
}

static int selects(pid_t pid, const struct call *call, uint64_t inode)
{
    int fds[PIPE_FDS_MAX];
    unsigned count = pipe_fds(pid, inode, fds, PIPE_FDS_MAX);
    for (unsigned k = 0; k < count; k++) {
        unsigned long fd = (unsigned long)fds[k], word;
        if (fd < call->args[0] && call->args[1] != 0 &&
            copy_in(pid, call->args[1] + fd / 64 * 8, &word, sizeof word) &&
            (word >> (fd % 64) & 1) != 0)
            return 1;
    }
    return 0;
}

/* A line of fdinfo: "tfd: 0 events: 19 data: 0  pos:0 ino:1a2b sdev:f". */
static int epoll_line(const char *line, uint64_t inode)
{
    const char *events = strstr(line, "events:");
    const char *ino = strstr(line, "ino:");
    return strncmp(line, "tfd:", 4) == 0 && events != NULL && ino != NULL &&
           (strtoul(events + 7, NULL, 16) & (EPOLLIN | EPOLLRDNORM)) != 0 &&
           strtoull(ino + 4, NULL, 16) == inode;
}

static int epolls(pid_t pid, const struct call *call, uint64_t inode)
{
    static char text[64 * 1024];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, (int)call->args[0]);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t filled = 0;
    ssize_t got;
    while (fd >= 0 && (got = read(fd, text + filled, sizeof text - 1 - filled)) > 0)
        filled += (size_t)got;
    text[filled] = '\0';
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (epoll_line(line, inode))
            return 1;
    return 0;
}

/* After a stop the kernel resumes poll under this one number; its arguments are gone. */
static int restarted_poll(pid_t pid, pid_t tid)
{
    char path[64], text[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/wchan", pid, tid);
    return read_small(path, text, sizeof text) > 0 && strstr(text, "poll") != NULL;
}

static int thread_blocked_on(pid_t pid, pid_t tid, uint64_t inode)
{
    struct call call;
    if (!read_call(pid, tid, &call))
        return 0;
    switch (call.number) {
    case SYS_read:
    case SYS_readv:
    case SYS_splice:
    case SYS_tee:
        return is_pipe(pid, (int)call.args[0], inode);
    case SYS_poll:
    case SYS_ppoll:
        return polls(pid, &call, inode);
    case SYS_select:
    case SYS_pselect6:
        return selects(pid, &call, inode);
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
        return epolls(pid, &call, inode);
    case SYS_restart_syscall:
        return restarted_poll(pid, tid);
    default:
        return 0;
    }
}

int bp_space_blocked_on(pid_t pid, uint64_t inode)
{
    char path[64];
    struct bp_space_digits threads;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    if (bp_space_digits_open(&threads, path) < 0)
        return 0;
    int tid, blocked = 0;
    while (!blocked && bp_space_digits_next(&threads, &tid))
        blocked = thread_blocked_on(pid, tid, inode);
    close(threads.fd);
    return blocked;
}
