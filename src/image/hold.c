/* SPDX-License-Identifier: BSD-3-Clause */
/* hold.c - the caller's side of a held program. */
#include "image/hold.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/yama.h"
#include "image/calls.h"
#include "image/holder.h"

/* A packet, and the descriptor that may come with it. */
static ssize_t report_receive(int link, struct bp_holder_report *ret_report)
{
    struct iovec part = {.iov_base = ret_report, .iov_len = sizeof *ret_report};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr head;
    } control;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(link, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct cmsghdr *head = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    ret_report->hold.memory = -1;
    if (head != NULL && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&ret_report->hold.memory, CMSG_DATA(head), sizeof(int));
    return got;
}

/* One packet within the limit. When the program itself reported before its exec, that comes first.
 */
static int report_take(int link, struct bp_holder_report *ret_report)
{
    uint64_t end_ms = bp_clock_ms() + BP_HOLD_LIMIT_MS + 1000; /* it has the limit */
    for (;;) {
        uint64_t now_ms = bp_clock_ms();
        struct pollfd ready = {.fd = link, .events = POLLIN};
        int r = poll(&ready, 1, now_ms < end_ms ? (int)(end_ms - now_ms) : 0);
        if (r == 0)
            return -ETIMEDOUT;
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r < 0)
            continue;
        ssize_t got = report_receive(link, ret_report);
        if (got == (ssize_t)sizeof *ret_report)
            return 0;
        if (got >= 0)
            return -ETIMEDOUT; /* the holder's alarm */
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
}

static int call_explain(const char *path, const struct bp_holder_report *report,
                        struct bp_error *err)
{
    char buffer[32];
    const char *name = bp_calls_name(report->code, buffer, sizeof buffer);
    if (report->code == SYS_write || report->code == SYS_writev)
        return bp_error_set(err, -ENOTSUP, "%s writes before its own code runs: %s", path,
                            report->text);
    return bp_error_set(
        err, -ENOTSUP, "an initialiser of %s calls %s%s%s%s, which belongs to this machine", path,
        name, report->text[0] != '\0' ? "(" : "", report->text, report->text[0] != '\0' ? ")" : "");
}

static int explain(const struct bp_hold_order *order, const struct bp_holder_report *report,
                   struct bp_error *err)
{
    const char *path = order->path;
    switch (report->end) {
    case BP_HOLDER_CHDIR:
        return bp_error_set(err, report->code, "cannot go to %s: %s", order->cwd,
                            strerror(-report->code));
    case BP_HOLDER_FILTER:
        return bp_error_set(err, report->code, "cannot watch the initialisers of %s: %s", path,
                            strerror(-report->code));
    case BP_HOLDER_EXEC:
        return bp_error_set(err, report->code, "%s: %s", path, strerror(-report->code));
    case BP_HOLDER_ENDED:
        return bp_error_set(err, -ENOTSUP, "%s ended before its own code ran (wait status %d)",
                            path, report->code);
    case BP_HOLDER_SIGNAL:
        return bp_error_set(err, -ENOTSUP, "%s got %s before its own code ran", path,
                            strsignal(report->code));
    case BP_HOLDER_CALL:
        return call_explain(path, report, err);
    default:
        if (report->code == -EACCES)
            return bp_error_set(err, -EACCES, "%s may be executed, but not read", path);
        return bp_error_set(err, report->code, "cannot hold %s at its start: %s%s", path,
                            strerror(-report->code), bp_yama_why());
    }
}

/* A process that no wait() of the caller sees, not even at its end: a child without a signal,
 * itself waited for here, leaves it as an orphan. No handler of the caller's program may run in
 * either. */
static int holder_start(const struct bp_hold_order *order, int link)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid_t maker = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
    int code = maker < 0 ? -errno : 0;
    if (maker == 0) {
        pid_t holder = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
        if (holder == 0)
            bp_holder_run(order, link);
        _exit(holder < 0 ? errno : 0);
    }
    int status = 0;
    while (code == 0 && waitpid(maker, &status, __WCLONE) < 0)
        code = errno == EINTR ? 0 : -errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code == 0 && status != 0)
        code = WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
    return code;
}

int bp_hold_start(const struct bp_hold_order *order, struct bp_hold *ret_hold, struct bp_error *err)
{
    struct bp_holder_report report = {0};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return bp_error_set(err, -errno, "socketpair: %s", strerror(errno));
    auto_close int link = pair[0];
    int r = holder_start(order, pair[1]);
    close(pair[1]);
    if (r < 0)
        return bp_error_set(err, r, "fork: %s", strerror(-r));
    r = report_take(link, &report);
    if (r < 0)
        return bp_error_set(err, r, "%s did not get to its own code: %s", order->path,
                            strerror(-r));
    if (report.end != BP_HOLDER_HELD)
        return explain(order, &report, err);
    report.hold.link = bp_take_fd(link);
    *ret_hold = report.hold;
    return 0;
}
