/* SPDX-License-Identifier: BSD-3-Clause */
/* space_process.c - the table of the processes that CREATE made: state × event. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "image/format.h"
#include "nodeagent/space_process.h"
#include "proto/relay.h"

struct happening { /* one event, as an action sees it */
    struct bp_space_processes *all;
    const struct bp_space_record *record;
    const struct bp_space_birth *birth;
};

typedef void action(struct bp_space_process *process, const struct happening *event);

static int is_stop(int signo)
{
    return signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

/* As the sender's siginfo where the kernel lets us (negative codes but SI_TKILL), else as kill().
 */
static void deliver(const struct bp_space_process *process, const struct bp_space_record *record)
{
    siginfo_t info = {0};
    info.si_signo = record->signo;
    info.si_code = record->code;
    info.si_pid = record->sender_pid;
    info.si_uid = record->uid;
    info.si_value.sival_ptr = (void *)(uintptr_t)record->value;
    int forged = record->code < 0 && record->code != SI_TKILL && record->signo != SIGKILL;
    syscall(SYS_pidfd_send_signal, process->birth.pidfd, record->signo, forged ? &info : NULL, 0);
}

static void forget(struct bp_space_processes *all, uint64_t serial, int (*which)(int signo))
{
    unsigned kept = 0;
    for (unsigned i = 0; i < all->queued; i++)
        if (all->queue[i].serial != serial || (which != NULL && !which(all->queue[i].signo)))
            all->queue[kept++] = all->queue[i];
    all->queued = kept;
}

static int is_ending(int signo)
{
    return signo == SIGTERM || signo == SIGINT || signo == SIGHUP || signo == SIGQUIT;
}

/* NULL: all of them. */
static void deliver_queued(struct bp_space_processes *all, const struct bp_space_process *process,
                           int (*which)(int signo))
{
    for (unsigned i = 0; i < all->queued; i++)
        if (all->queue[i].serial == process->serial &&
            (which == NULL || which(all->queue[i].signo)))
            deliver(process, &all->queue[i]);
    forget(all, process->serial, which);
}

static void close_pipe(struct bp_space_processes *all, struct bp_space_process *process)
{
    if (process->birth.pipe < 0)
        return;
    /* By hand: a child just cloned may still hold a copy, which would keep it in the set. */
    epoll_ctl(all->epoll, EPOLL_CTL_DEL, process->birth.pipe, NULL);
    close(process->birth.pipe);
    process->birth.pipe = -1;
}

static void release(struct bp_space_processes *all, struct bp_space_process *process)
{
    close_pipe(all, process);
    if (process->birth.pidfd >= 0)
        close(process->birth.pidfd);
    forget(all, process->serial, NULL);
    free(process->why);
    free(process->cpus);
    all->asked -= process->state == BP_STATE_ASKED;
    *process = (struct bp_space_process){.birth = {.pidfd = -1, .pipe = -1}};
    while (all->used > 0 && all->slots[all->used - 1].state == BP_STATE_FREE)
        all->used--;
}

static void tell(const struct happening *event, const struct bp_space_process *process,
                 uint32_t type)
{
    struct bp_space_record record = {0};
    if (type == BP_SPACE_EXIT || type == BP_SPACE_STOPPED)
        record = *event->record;
    record.type = type;
    record.serial = process->serial;
    record.pid = process->birth.pid;
    bp_space_up_send(event->all->up, &record, NULL);
}

static void do_nothing(struct bp_space_process *process, const struct happening *event)
{
    (void)process;
    (void)event;
}

static void be_born(struct bp_space_process *process, const struct happening *event)
{
    struct bp_space_processes *all = event->all;
    process->birth = *event->birth;
    process->state = BP_STATE_STARTING;
    all->asked--;
    struct epoll_event watch = {
        .events = all->job->file_count > 0 ? EPOLLIN : 0, /* its end alone: that is soon */
        .data.u64 = (uint64_t)(process - all->slots),
    };
    if (epoll_ctl(all->epoll, EPOLL_CTL_ADD, process->birth.pipe, &watch) < 0)
        bp_space_up_trouble("epoll", errno);
    if (process->killed)
        syscall(SYS_pidfd_send_signal, process->birth.pidfd, SIGKILL, NULL, 0);
}

static void be_unborn(struct bp_space_process *process, const struct happening *event)
{
    bp_space_up_fail(event->all->up, process->serial, event->record->status, event->record->flags,
                     NULL);
    release(event->all, process);
}

/* CREATED, with the CPUs that the kernel really lets it use. */
static void tell_created(const struct happening *event, const struct bp_space_process *process)
{
    uint8_t cpus[BP_SPACE_CPUS_BYTES];
    const uint8_t *mask = process->cpus;
    long bytes = process->cpu_bytes;
    if (mask == NULL) {
        bytes = syscall(SYS_sched_getaffinity, process->birth.pid, sizeof cpus, cpus);
        mask = cpus;
    }
    struct bp_space_record record = {
        .type = BP_SPACE_CREATED,
        .serial = process->serial,
        .pid = process->birth.pid,
        .length = bytes > 0 ? (uint32_t)bytes : 0,
    };
    bp_space_up_send(event->all->up, &record, mask);
}

static void keep_cpus(struct bp_space_process *process, const uint8_t *mask, size_t bytes)
{
    free(process->cpus);
    process->cpus = malloc(bytes);
    process->cpu_bytes = process->cpus != NULL ? (uint32_t)bytes : 0;
    if (process->cpus != NULL)
        memcpy(process->cpus, mask, bytes);
}

static void hear_word(const struct happening *event, struct bp_space_process *process,
                      const struct bp_space_cpus *said, size_t length)
{
    if (said->word == BP_WORD_OPENING) {
        process->state = BP_STATE_OPENING;
        deliver_queued(event->all, process, is_ending);
    } else if (said->word == BP_WORD_OPENED) {
        process->state = BP_STATE_STARTING;
    } else if (said->word == BP_WORD_CPUS && length > 1) {
        keep_cpus(process, said->mask, length - 1);
    }
}

/* The pipe speaks: end of file is the exec, or a death on the way to it, which EXIT will tell. */
static void read_pipe(struct bp_space_process *process, const struct happening *event)
{
    union {
        struct bp_space_cpus word;
        struct bp_space_mishap mishap;
        struct bp_restore_report report;
    } said;
    ssize_t got;
    while ((got = read(process->birth.pipe, &said, sizeof said)) % 2 == 1)
        hear_word(event, process, &said.word, (size_t)got);
    if (got < 0)
        return;
    close_pipe(event->all, process);
    if (got == (ssize_t)sizeof said.mishap) {
        process->mishap = said.mishap;
        process->state = BP_STATE_FAILING;
        return;
    }
    if (got == (ssize_t)sizeof said.report) {
        process->mishap = (struct bp_space_mishap){.error = -said.report.code,
                                                   .step = BP_STEP_IMAGE};
        process->why = strndup(said.report.text, sizeof said.report.text);
        process->state = BP_STATE_FAILING;
        return;
    }
    process->state = BP_STATE_RUNNING;
    tell_created(event, process);
    deliver_queued(event->all, process, NULL);
}

static void keep_signal(struct bp_space_process *process, const struct happening *event)
{
    struct bp_space_processes *all = event->all;
    int signo = event->record->signo;
    if (signo == SIGKILL) {
        process->killed = 1;
    } else if (signo == SIGCONT) {
        forget(all, process->serial, is_stop);
    } else if (all->queued == BP_SPACE_QUEUE_MAX) {
        static struct bp_log_limit limit = {.burst = 5};
        unsigned long dropped;
        if (bp_log_limit_pass(&limit, &dropped))
            bp_log_error("signal lost, too many wait serial=%llu signal=%d dropped=%lu",
                         (unsigned long long)process->serial, signo, dropped);
    } else {
        all->queue[all->queued] = *event->record;
        all->queue[all->queued++].serial = process->serial;
    }
}

/* A process stopped on the way to its exec must hear SIGCONT, and SIGKILL does not wait. */
static void signal_starting(struct bp_space_process *process, const struct happening *event)
{
    keep_signal(process, event);
    if (event->record->signo == SIGKILL || event->record->signo == SIGCONT)
        deliver(process, event->record);
}

/* The program is not there yet, and may never be: what ends it does so as it would any. */
static void signal_opening(struct bp_space_process *process, const struct happening *event)
{
    if (is_ending(event->record->signo))
        deliver(process, event->record);
    else
        signal_starting(process, event);
}

static void signal_now(struct bp_space_process *process, const struct happening *event)
{
    deliver(process, event->record);
}

/* Or was it continued since? Where nothing can be read it was not. */
static int is_stopped_now(pid_t pid)
{
    char path[32], text[128];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    text[got > 0 ? got : 0] = '\0';
    const char *end = strrchr(text, ')');
    return end == NULL || strlen(end) < 3 || strchr("RSD", end[2]) == NULL;
}

/* Told only while it lasts: so the SIGCONT that is named came before it, and not after. One that is
 * over is followed by CONTINUE, or by another stop. */
static void stop(struct bp_space_process *process, const struct happening *event)
{
    struct bp_space_record told = *event->record;
    struct happening numbered = {.all = event->all, .record = &told};
    if (!is_stopped_now(process->birth.pid))
        return;
    told.status = process->continued;
    process->state = BP_STATE_STOPPED;
    tell(&numbered, process, BP_SPACE_STOPPED);
}

static void go_on(struct bp_space_process *process, const struct happening *event)
{
    process->state = BP_STATE_RUNNING;
    tell(event, process, BP_SPACE_CONTINUED);
}

static void end(struct bp_space_process *process, const struct happening *event)
{
    tell(event, process, BP_SPACE_EXIT);
    release(event->all, process);
}

static void end_failing(struct bp_space_process *process, const struct happening *event)
{
    bp_space_up_fail(event->all->up, process->serial, process->mishap.error,
                     (enum bp_space_step)process->mishap.step, process->why);
    release(event->all, process);
}

/* The pipe may be ahead of the maker: who has come to its exec can stop. */
static void stop_starting(struct bp_space_process *process, const struct happening *event)
{
    read_pipe(process, event);
    if (process->state == BP_STATE_RUNNING)
        stop(process, event);
}

/* A dead process has closed its pipe: what it says is complete. */
static void end_starting(struct bp_space_process *process, const struct happening *event)
{
    read_pipe(process, event);
    if (process->state == BP_STATE_FAILING)
        end_failing(process, event);
    else
        end(process, event);
}

static action *const actions[BP_STATES][BP_EVENTS] = {
    [BP_STATE_ASKED] =
        {
            [BP_EVENT_BORN] = be_born,
            [BP_EVENT_UNBORN] = be_unborn,
            [BP_EVENT_SIGNAL] = keep_signal,
        },
    [BP_STATE_STARTING] =
        {
            [BP_EVENT_PIPE] = read_pipe,
            [BP_EVENT_SIGNAL] = signal_starting,
            [BP_EVENT_STOP] = stop_starting,
            [BP_EVENT_CONTINUE] = do_nothing,
            [BP_EVENT_EXIT] = end_starting,
        },
    [BP_STATE_OPENING] =
        {
            [BP_EVENT_PIPE] = read_pipe,
            [BP_EVENT_SIGNAL] = signal_opening,
            [BP_EVENT_STOP] = stop_starting,
            [BP_EVENT_CONTINUE] = do_nothing,
            [BP_EVENT_EXIT] = end_starting,
        },
    [BP_STATE_FAILING] =
        {
            [BP_EVENT_SIGNAL] = do_nothing,
            [BP_EVENT_STOP] = do_nothing,
            [BP_EVENT_CONTINUE] = do_nothing,
            [BP_EVENT_EXIT] = end_failing,
        },
    [BP_STATE_RUNNING] =
        {
            [BP_EVENT_SIGNAL] = signal_now,
            [BP_EVENT_STOP] = stop,
            [BP_EVENT_CONTINUE] = go_on, /* stopped and continued between two looks */
            [BP_EVENT_EXIT] = end,
        },
    [BP_STATE_STOPPED] =
        {
            [BP_EVENT_SIGNAL] = signal_now,
            [BP_EVENT_STOP] = stop, /* by another signal */
            [BP_EVENT_CONTINUE] = go_on,
            [BP_EVENT_EXIT] = end,
        },
};

void bp_space_process_event(struct bp_space_processes *all, struct bp_space_process *process,
                            enum bp_space_event event, const struct bp_space_record *record,
                            const struct bp_space_birth *birth)
{
    struct happening happening = {.all = all, .record = record, .birth = birth};
    action *act = actions[process->state][event];
    if (act != NULL)
        act(process, &happening);
}

struct bp_space_process *bp_space_process_new(struct bp_space_processes *all, uint64_t serial,
                                              int helper)
{
    unsigned i = 0;
    while (i < BP_SPACE_PROCESSES_MAX && all->slots[i].state != BP_STATE_FREE)
        i++;
    if (i == BP_SPACE_PROCESSES_MAX)
        return NULL;
    if (i >= all->used)
        all->used = i + 1;
    all->asked++;
    all->slots[i] = (struct bp_space_process){
        .state = BP_STATE_ASKED,
        .serial = serial,
        .helper = helper,
        .birth = {.pidfd = -1, .pipe = -1},
    };
    return &all->slots[i];
}

struct bp_space_process *bp_space_process_by_serial(struct bp_space_processes *all, uint64_t serial)
{
    for (unsigned i = 0; i < all->used; i++)
        if (all->slots[i].state != BP_STATE_FREE && all->slots[i].serial == serial)
            return &all->slots[i];
    return NULL;
}

struct bp_space_process *bp_space_process_by_pid(struct bp_space_processes *all, pid_t pid)
{
    for (unsigned i = 0; i < all->used; i++)
        if (all->slots[i].state > BP_STATE_ASKED && all->slots[i].birth.pid == pid)
            return &all->slots[i];
    return NULL;
}

/* A signal to all reaches one that leaves where it is now. */
static int is_meant(struct bp_space_process *process, const struct bp_space_record *record)
{
    if (record->serial == 0)
        return !process->helper && (!process->leaves || record->signo == SIGKILL);
    if (process->serial != record->serial)
        return 0;
    process->leaves |= record->signo == BP_LEAVE_SIGNAL && record->code == SI_QUEUE &&
                       record->value == BP_LEAVE_VALUE;
    return 1;
}

void bp_space_process_signal(struct bp_space_processes *all, const struct bp_space_record *record)
{
    for (unsigned i = 0; i < all->used; i++) {
        struct bp_space_process *process = &all->slots[i];
        if (process->state == BP_STATE_FREE || !is_meant(process, record))
            continue;
        if (record->signo == SIGCONT && record->status != 0)
            process->continued = record->status;
        bp_space_process_event(all, process, BP_EVENT_SIGNAL, record, NULL);
    }
}
