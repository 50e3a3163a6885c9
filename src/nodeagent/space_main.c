/* SPDX-License-Identifier: BSD-3-Clause */
/* space_main.c - bpspace: PID 1 of a job's space on a node. One loop; bpnode is descriptor 3. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/log.h"
#include "nodeagent/space_child.h"
#include "nodeagent/space_family.h"
#include "nodeagent/space_maker.h"
#include "nodeagent/space_mount.h"
#include "nodeagent/space_process.h"
#include "nodeagent/space_watch.h"

enum {
    LINK = 3,       /* the descriptor of bpnode's socket */
    NOFILE = 16384, /* two for every process that starts, and some */
    PACKETS_A_TURN = 64,
    EVENTS_A_TURN = 64,
};

enum source { /* epoll's data, above the indices of processes, whose pipes are watched too */
              FROM_LINK = BP_SPACE_PROCESSES_MAX,
              FROM_MAKER,
              FROM_SIGNALS,
              FROM_LEASE,
              FROM_WATCH,
};

struct space {
    struct bp_space_up up;
    int epoll;
    int signals;
    int maker;   /* our end of the maker's socket; -1 = the maker is dead */
    int ready;   /* SETUP is done */
    int blocked; /* `incoming` waits for the maker's socket; bpnode is not read meanwhile */
    struct bp_space_job job;
    struct bp_space_family family;
    struct bp_space_processes processes;
    struct bp_space_watch watch;
    struct bp_space_packet incoming; /* from bpnode */
    struct bp_space_packet inner;    /* from the maker */
};

static void watch_fd(const struct space *space, int operation, int fd, uint32_t events,
                     enum source source)
{
    struct epoll_event event = {.events = events, .data.u64 = source};
    if (epoll_ctl(space->epoll, operation, fd, &event) < 0)
        bp_space_up_trouble("epoll", errno);
}

/* ---- from the maker, and from wait ---- */

static void happened(struct space *space, struct bp_space_process *process,
                     const struct bp_space_record *record)
{
    enum bp_space_event event = record->type == BP_SPACE_EXIT      ? BP_EVENT_EXIT
                                : record->type == BP_SPACE_STOPPED ? BP_EVENT_STOP
                                                                   : BP_EVENT_CONTINUE;
    bp_space_process_event(&space->processes, process, event, record, NULL);
}

static void take_inner(struct space *space)
{
    const struct bp_space_record *record = &space->inner.record;
    struct bp_space_process *process;
    if (record->serial == 0) {
        process = bp_space_process_by_pid(&space->processes, record->pid);
        if (process != NULL)
            happened(space, process, record);
        return;
    }
    process = bp_space_process_by_serial(&space->processes, record->serial);
    if (process == NULL || (record->type == BP_SPACE_BORN && space->inner.nfds != 2))
        bp_space_up_trouble("the maker", EPROTO);
    if (record->type == BP_SPACE_BORN) {
        struct bp_space_birth birth = {
            .pid = record->pid,
            .pidfd = space->inner.fds[0],
            .pipe = space->inner.fds[1],
        };
        space->inner.nfds = 0; /* they are the process's now */
        bp_space_process_event(&space->processes, process, BP_EVENT_BORN, record, &birth);
    } else {
        bp_space_process_event(&space->processes, process, BP_EVENT_UNBORN, record, NULL);
    }
}

/* Nobody can be created any more, but for helpers; its children are ours now. */
static void maker_died(struct space *space)
{
    bp_log_warning("the launcher's stub was killed");
    close(space->maker);
    space->maker = -1;
    for (unsigned i = space->processes.used; i-- > 0;) {
        struct bp_space_process *process = &space->processes.slots[i];
        if (process->state != BP_STATE_ASKED)
            continue;
        struct bp_space_record record = {.status = ESRCH, .flags = BP_STEP_CLONE};
        bp_space_process_event(&space->processes, process, BP_EVENT_UNBORN, &record, NULL);
    }
    if (space->blocked) { /* what waited for it was among those */
        bp_space_packet_done(&space->incoming);
        space->blocked = 0;
        watch_fd(space, EPOLL_CTL_MOD, LINK, EPOLLIN, FROM_LINK);
    }
}

static void drain_maker(struct space *space)
{
    int r = -EAGAIN;
    while (space->maker >= 0 && (r = bp_space_receive(space->maker, &space->inner)) > 0) {
        take_inner(space);
        bp_space_packet_done(&space->inner);
    }
    if (space->maker >= 0 && r != -EAGAIN)
        maker_died(space);
}

/* Our own children: helpers, stubs, orphans, and the ranks when the maker is dead or has none. Who
 * is unknown may be one whose birth the maker is about to tell: then its news stay in the kernel
 * until then. */
static void reap(struct space *space)
{
    struct bp_space_record record;
    while (bp_space_wait_peek(&record) > 0) {
        struct bp_space_process *process = bp_space_process_by_pid(&space->processes, record.pid);
        if (process == NULL) {
            drain_maker(space);
            process = bp_space_process_by_pid(&space->processes, record.pid);
        }
        int stub = process == NULL && bp_space_family_has(&space->family, record.pid);
        if (process == NULL && !stub && space->processes.asked > 0)
            return;
        if (!bp_space_wait_consume(&record))
            continue;
        if (process != NULL)
            happened(space, process, &record);
        else if (stub && record.type == BP_SPACE_STOPPED)
            bp_space_family_resume(record.pid);
    }
}

/* ---- from bpnode ---- */

/* Give `incoming` to the maker; if its socket is full, wait for it and hear nobody else. */
static void pass_on(struct space *space)
{
    struct bp_space_packet *packet = &space->incoming;
    int r =
        bp_space_send(space->maker, &packet->record, packet->payload, packet->fds, packet->nfds);
    int blocked = r == -EAGAIN;
    if (blocked != space->blocked) {
        space->blocked = blocked;
        watch_fd(space, EPOLL_CTL_MOD, LINK, blocked ? 0 : EPOLLIN, FROM_LINK);
        watch_fd(space, EPOLL_CTL_MOD, space->maker, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN,
                 FROM_MAKER);
    }
    if (blocked)
        return;
    bp_space_packet_done(packet);
    if (r < 0 && packet->record.type == BP_SPACE_SETTINGS)
        bp_space_up_trouble("the maker does not take SETTINGS", r);
    if (r < 0) { /* no memory for it, or the maker has just died */
        int dead = r == -EPIPE || r == -ECONNRESET;
        struct bp_space_record record = {.status = dead ? ESRCH : -r, .flags = BP_STEP_CLONE};
        bp_space_process_event(&space->processes,
                               bp_space_process_by_serial(&space->processes, packet->record.serial),
                               BP_EVENT_UNBORN, &record, NULL);
    }
}

static void create_helper(struct space *space, struct bp_space_process *process,
                          const struct bp_space_order *order)
{
    struct bp_space_birth birth;
    struct bp_space_record record = {.flags = BP_STEP_CLONE};
    int go;
    int r = bp_space_child_create(&space->job, order, 0, &birth, &go);
    record.status = -r;
    if (r == 0)
        bp_space_child_go(go);
    bp_space_process_event(&space->processes, process, r < 0 ? BP_EVENT_UNBORN : BP_EVENT_BORN,
                           &record, &birth);
}

static void take_create(struct space *space)
{
    struct bp_space_packet *packet = &space->incoming;
    struct bp_space_order order;
    struct bp_space_process *process = NULL;
    int r = bp_space_order_read(&space->job, packet, &order);
    if (r == 0 && bp_space_process_by_serial(&space->processes, order.serial) != NULL)
        r = -EEXIST;
    if (r == 0 && !order.helper && space->maker < 0)
        r = -ESRCH;
    if (r == 0) {
        process = bp_space_process_new(&space->processes, order.serial, order.helper);
        r = process == NULL ? -EAGAIN : 0;
    }
    if (r == 0 && !order.helper) {
        pass_on(space);
        return;
    }
    if (r == 0)
        create_helper(space, process, &order);
    else
        bp_space_up_fail(&space->up, packet->record.serial, r,
                         r == -EPROTO ? BP_STEP_NONE : BP_STEP_CLONE, NULL);
    bp_space_packet_done(packet);
}

static void take_lease(struct space *space, const struct bp_space_record *lease)
{
    struct bp_space_record seen = {.type = BP_SPACE_LEASE_SEEN, .value = lease->value};
    bp_space_up_lease(&space->up, lease->value);
    bp_space_cursor_check(&space->job);
    bp_space_up_send(&space->up, &seen, NULL);
}

static int start_family(struct space *space, struct bp_error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return bp_error_set(err, -errno, "cannot make a socket pair: %s", strerror(errno));
    int r = bp_space_family_make(&space->job, pair[1], &space->family, err);
    close(pair[1]);
    fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK);
    space->maker = pair[0];
    watch_fd(space, EPOLL_CTL_ADD, space->maker, EPOLLIN, FROM_MAKER);
    return r;
}

static void take_setup(struct space *space)
{
    struct bp_error err = {0};
    struct bp_space_record ready = {.type = BP_SPACE_READY};
    int r = bp_space_job_read(&space->job, &space->incoming, &err);
    if (r == 0) {
        bp_space_up_lease(&space->up, space->job.setup.lease_ms);
        r = bp_space_mount_all(&space->job, &err);
    }
    if (r == 0)
        r = bp_space_cursor_init(&space->job, &err);
    if (r == 0)
        r = start_family(space, &err);
    if (r < 0) {
        bp_space_up_fail(&space->up, 0, r, BP_STEP_NAMESPACE, NULL);
        bp_log_error("the space cannot be made: %s", err.text);
        _exit(BP_SPACE_EXIT_TROUBLE);
    }
    space->ready = 1;
    bp_space_packet_done(&space->incoming);
    bp_space_up_send(&space->up, &ready, NULL);
}

/* The maker makes the processes: it must know before the next CREATE. */
static void take_settings(struct space *space)
{
    struct bp_error err = {0};
    int r = bp_space_job_change(&space->job, &space->incoming, &err);
    if (r < 0)
        bp_space_up_trouble(err.text, r);
    if (space->maker >= 0)
        pass_on(space);
    else
        bp_space_packet_done(&space->incoming);
}

static void take_signal(struct space *space, const struct bp_space_record *record)
{
    if (record->signo >= 1 && record->signo < NSIG)
        bp_space_process_signal(&space->processes, record);
    else
        bp_log_error("no such signal number=%d", record->signo);
}

static void take_watch(struct space *space, const struct bp_space_record *record)
{
    if (bp_space_watch_arm(&space->watch, record->serial, record->value) < 0)
        bp_log_error("too many processes to watch, serial=%llu is not",
                     (unsigned long long)record->serial);
}

static void take_incoming(struct space *space)
{
    const struct bp_space_record *record = &space->incoming.record;
    if (record->type == BP_SPACE_CLOSE)
        _exit(BP_SPACE_EXIT_CLOSED);
    if ((record->type == BP_SPACE_SETUP) == space->ready)
        bp_space_up_trouble("bpnode's first record must be SETUP, and no other", EPROTO);
    if (record->type == BP_SPACE_SETUP) {
        take_setup(space);
        return;
    }
    if (record->type == BP_SPACE_CREATE) {
        take_create(space); /* the packet may be in use after this */
        return;
    }
    if (record->type == BP_SPACE_SETTINGS) {
        take_settings(space);
        return;
    }
    if (record->type == BP_SPACE_SIGNAL)
        take_signal(space, record);
    else if (record->type == BP_SPACE_LEASE)
        take_lease(space, record);
    else if (record->type == BP_SPACE_WATCH_STDIN)
        take_watch(space, record);
    else
        bp_space_up_trouble("bpnode sent a record of no known type", EPROTO);
    bp_space_packet_done(&space->incoming);
}

static void drain_link(struct space *space)
{
    for (int i = 0; i < PACKETS_A_TURN && !space->blocked; i++) {
        int r = bp_space_receive(LINK, &space->incoming);
        if (r == -EAGAIN)
            return;
        if (r == 0)
            _exit(BP_SPACE_EXIT_CLOSED); /* bpnode is gone */
        if (r < 0)
            bp_space_up_trouble("bpnode sent a malformed packet", r);
        take_incoming(space);
    }
}

/* ---- the loop ---- */

static void take_event(struct space *space, const struct epoll_event *event)
{
    struct signalfd_siginfo info;
    switch (event->data.u64) {
    case FROM_LINK:
        if ((event->events & EPOLLHUP) != 0 && space->blocked)
            _exit(BP_SPACE_EXIT_CLOSED);
        drain_link(space);
        break;
    case FROM_MAKER:
        drain_maker(space);
        if (space->blocked)
            pass_on(space);
        reap(space); /* who was held for the maker's word */
        break;
    case FROM_SIGNALS:
        if (read(space->signals, &info, sizeof info) > 0)
            reap(space);
        break;
    case FROM_LEASE:
        bp_space_up_lease_out();
    case FROM_WATCH:
        bp_space_watch_tick(&space->watch);
        break;
    default:
        bp_space_process_event(&space->processes, &space->processes.slots[event->data.u64],
                               BP_EVENT_PIPE, NULL, NULL);
        break;
    }
}

static void run(struct space *space)
{
    struct epoll_event events[EVENTS_A_TURN];
    for (;;) {
        int count = epoll_wait(space->epoll, events, EVENTS_A_TURN, -1);
        if (count < 0 && errno != EINTR)
            bp_space_up_trouble("epoll", errno);
        for (int i = 0; i < count; i++)
            take_event(space, &events[i]);
    }
}

/* All signals blocked and at their default, so that none does anything to us or our stubs; only
 * SIGCHLD is looked at. */
static int open_signals(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    for (int signo = 1; signo < NSIG; signo++)
        sigaction(signo, &usual, NULL);
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* 0, 1 and 2 are open from here on, 0 and 1 on nothing. */
static void open_standard(void)
{
    int null;
    do
        null = open("/dev/null", O_RDWR);
    while (null >= 0 && null < 3);
    if (null < 0)
        bp_space_up_trouble("/dev/null", errno);
    dup2(null, 0);
    dup2(null, 1);
    close(null);
}

static void raise_nofile(struct rlimit *ret_own)
{
    getrlimit(RLIMIT_NOFILE, ret_own);
    struct rlimit more = {.rlim_cur = NOFILE, .rlim_max = NOFILE};
    if (more.rlim_max < ret_own->rlim_max)
        more.rlim_max = ret_own->rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &more) < 0) {
        more.rlim_max = ret_own->rlim_max;
        more.rlim_cur = NOFILE < more.rlim_max ? NOFILE : more.rlim_max;
        setrlimit(RLIMIT_NOFILE, &more);
    }
}

int main(void)
{
    static struct space space; /* all it will ever need, but for the job's strings */
    bp_log_init("bpspace", BP_LOG_INFO);
    if (getpid() != 1)
        bp_space_up_trouble("it runs only as PID 1 of a namespace, started by bpnode", EPERM);
    /* bpnode's death ends us even while we are stopped; if it is dead already, its socket tells. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (fcntl(LINK, F_SETFD, FD_CLOEXEC) < 0 || fcntl(LINK, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
        bp_space_up_trouble("descriptor 3 must be bpnode's socket", errno);
    open_standard();
    raise_nofile(&space.job.own_nofile);
    space.signals = open_signals();
    setsid();
    if (chdir("/") < 0)
        bp_space_up_trouble("/", errno);
    space.maker = -1;
    space.epoll = epoll_create1(EPOLL_CLOEXEC);
    space.up.socket = LINK;
    space.up.lease = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    space.watch.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (space.signals < 0 || space.epoll < 0 || space.up.lease < 0 || space.watch.timer < 0)
        bp_space_up_trouble("no descriptors", errno);
    space.processes.up = &space.up;
    space.processes.epoll = space.epoll;
    space.processes.job = &space.job;
    space.watch.processes = &space.processes;
    watch_fd(&space, EPOLL_CTL_ADD, LINK, EPOLLIN, FROM_LINK);
    watch_fd(&space, EPOLL_CTL_ADD, space.signals, EPOLLIN, FROM_SIGNALS);
    watch_fd(&space, EPOLL_CTL_ADD, space.up.lease, EPOLLIN, FROM_LEASE);
    watch_fd(&space, EPOLL_CTL_ADD, space.watch.timer, EPOLLIN, FROM_WATCH);
    run(&space);
}
