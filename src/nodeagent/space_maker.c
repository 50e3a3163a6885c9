/* SPDX-License-Identifier: BSD-3-Clause */
/* space_maker.c - the process that is the ranks' parent: clones them, and hands their exits up. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nodeagent/space_child.h"
#include "nodeagent/space_maker.h"

static uint64_t cpu_us(const struct rusage *usage)
{
    return (uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000u +
           (uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

int bp_space_wait_peek(struct bp_space_record *ret_record)
{
    siginfo_t info = {0};
    struct rusage usage = {0};
    /* The system call, for its rusage, which waitid(3) does not pass on. */
    int r = (int)syscall(SYS_waitid, P_ALL, 0, &info,
                         WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT, &usage);
    if (r < 0)
        return -errno;
    if (info.si_pid == 0)
        return 0;
    struct bp_space_record record = {.pid = info.si_pid};
    switch (info.si_code) {
    case CLD_EXITED:
        record.type = BP_SPACE_EXIT;
        record.status = (info.si_status & 0xff) << 8;
        break;
    case CLD_KILLED:
    case CLD_DUMPED:
        record.type = BP_SPACE_EXIT;
        record.status = info.si_status | (info.si_code == CLD_DUMPED ? WCOREFLAG : 0);
        break;
    case CLD_CONTINUED:
        record.type = BP_SPACE_CONTINUED;
        break;
    default: /* CLD_STOPPED, and CLD_TRAPPED of what we trace */
        record.type = BP_SPACE_STOPPED;
        record.signo = info.si_status & 0xff;
        break;
    }
    if (record.type == BP_SPACE_EXIT) {
        record.cpu_us = cpu_us(&usage);
        record.maxrss_kib = (uint32_t)usage.ru_maxrss;
    }
    *ret_record = record;
    return 1;
}

int bp_space_wait_consume(const struct bp_space_record *record)
{
    int what = record->type == BP_SPACE_EXIT      ? WEXITED
               : record->type == BP_SPACE_STOPPED ? WSTOPPED
                                                  : WCONTINUED;
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)record->pid, &info, what | WNOHANG) == 0 && info.si_pid != 0;
}

/* An end is told first, and reaped after: should we be killed in between, PID 1 inherits the dead
 * child. A stop is taken first: what is taken after it was told may be the next one. */
static void tell_waits(int socket)
{
    struct bp_space_record record;
    while (bp_space_wait_peek(&record) > 0) {
        if (record.type != BP_SPACE_EXIT && !bp_space_wait_consume(&record))
            continue;
        if (bp_space_send(socket, &record, NULL, NULL, 0) < 0)
            _exit(1);
        if (record.type == BP_SPACE_EXIT)
            bp_space_wait_consume(&record);
    }
}

static void create(const struct bp_space_job *job, int socket, int as_siblings,
                   struct bp_space_packet *packet)
{
    struct bp_space_order order;
    struct bp_space_birth birth = {.pidfd = -1, .pipe = -1};
    int go = -1;
    int r = bp_space_order_read(job, packet, &order);
    if (r == 0)
        r = bp_space_child_create(job, &order, as_siblings, &birth, &go);
    struct bp_space_record answer = {
        .type = r == 0 ? BP_SPACE_BORN : BP_SPACE_FAILED,
        .serial = packet->record.serial,
        .pid = birth.pid,
        .status = -r,
        .flags = r == 0 ? BP_STEP_NONE : BP_STEP_CLONE,
    };
    int fds[] = {birth.pidfd, birth.pipe};
    if (bp_space_send(socket, &answer, NULL, fds, r == 0 ? 2 : 0) < 0)
        _exit(1);
    if (r == 0) {
        bp_space_child_go(go);
        close(birth.pidfd);
        close(birth.pipe);
    }
}

/* PID 1 has read the same already. */
static void change(struct bp_space_job *job, const struct bp_space_packet *packet)
{
    struct bp_error err;
    if (bp_space_job_change(job, packet, &err) < 0)
        _exit(1);
}

_Noreturn void bp_space_maker_run(struct bp_space_job *job, int socket, int as_siblings)
{
    static struct bp_space_packet packet;
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    struct pollfd fds[] = {
        {.fd = socket, .events = POLLIN},
        {.fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK), .events = POLLIN},
    };
    if (fds[1].fd < 0)
        _exit(1);
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            _exit(1);
        struct signalfd_siginfo info;
        if (fds[1].revents != 0 && read(fds[1].fd, &info, sizeof info) > 0)
            tell_waits(socket);
        if (fds[0].revents == 0)
            continue;
        int r = bp_space_receive(socket, &packet);
        if (r == -EAGAIN)
            continue;
        if (r <= 0)
            _exit(0);
        if (packet.record.type == BP_SPACE_SETTINGS)
            change(job, &packet);
        else
            create(job, socket, as_siblings, &packet);
        bp_space_packet_done(&packet);
    }
}
