/* SPDX-License-Identifier: BSD-3-Clause */
/* local.c - ranks of a run that are processes here, on the master, with pipes as on a node.
 *
 * The life of one: its birth pipe is at its end (it has come to its exec) or says why not; its
 * output is told as it comes; when it is reaped what is left in its pipes is told, then its end. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "common/mem.h"
#include "proto/space_record.h"
#include "tools/local.h"

struct mishap { /* what a child says that does not come to its exec */
    int32_t error, step;
};

struct process {
    struct local *local;
    uint32_t rank;
    pid_t pid;
    int birth;               /* -1 = told */
    int input, input_peek;   /* of its stdin: the end to write to, and one to see what is left */
    int output[2];
    struct event *birth_event, *input_event, *output_event[2], *end_event;
    struct evbuffer *data;   /* stdin on its way */
    int data_end, reaped, told;
    int status;
    struct rusage usage;
};

struct local {
    const Bpmix__JobRequest *request;
    struct bp_job_events events;
    void *arg;
    struct process *processes;
    uint32_t first, count;
    int paused;
};

static void close_event(struct event **event, int *fd)
{
    if (*event != NULL)
        event_free(*event);
    *event = NULL;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- the child ---- */

static _Noreturn void give_up(int birth, int step)
{
    struct mishap mishap = {.error = errno, .step = step};
    ssize_t ignored = write(birth, &mishap, sizeof mishap);
    (void)ignored;
    _exit(127);
}

static void open_files(const Bpmix__JobRequest *request, int birth)
{
    for (size_t i = 0; i < request->n_files; i++) {
        const Bpmix__OpenFile *file = request->files[i];
        int fd = open(file->path, (int)file->flags | O_NOCTTY, (mode_t)file->mode);
        if (fd < 0 || (fd != (int)file->fd && dup2(fd, (int)file->fd) < 0))
            give_up(birth, BP_STEP_FILE + (int)file->fd);
        if (fd != (int)file->fd)
            close(fd);
    }
}

static _Noreturn void be_child(const struct process *process, const int fds[3], int birth,
                               const sigset_t *mask, pid_t parent)
{
    const Bpmix__JobRequest *request = process->local->request;
    auto_free char **argv = bp_calloc(request->n_argv + 1, sizeof *argv);
    char rank[16];
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    signal(SIGPIPE, SIG_DFL);
    for (int i = 0; i < 3; i++)
        if (dup2(fds[i], i) < 0)
            give_up(birth, BP_STEP_LIMITS);
    open_files(request, birth);
    for (size_t i = 0; i < request->n_limits; i++) /* run.c has raised ours */
        if (request->limits[i]->which == RLIMIT_NOFILE)
            setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = request->limits[i]->soft,
                                                      .rlim_max = request->limits[i]->hard});
    snprintf(rank, sizeof rank, "%u", process->rank);
    setenv("BPROC_RANK", rank, 1);
    setenv("BPROC_NODE", "-1", 1);
    memcpy(argv, request->argv, request->n_argv * sizeof *argv);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(argv[0], argv);
    give_up(birth, BP_STEP_EXEC);
}

/* ---- telling ---- */

static void tell(const struct process *process, Bpmix__JobEvent *event)
{
    event->rank = process->rank;
    event->node = -1;
    event->pid = process->pid;
    process->local->events.event(process->local->arg, event);
}

static void tell_failed(struct process *process, const struct mishap *mishap)
{
    const Bpmix__JobRequest *request = process->local->request;
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    event.kind = BPMIX__JOB_EVENT__KIND__FAILED;
    event.status = mishap->error;
    event.step = mishap->step;
    event.text = request->argv[0];
    for (size_t i = 0; i < request->n_files; i++)
        if (mishap->step == BP_STEP_FILE + (int)request->files[i]->fd)
            event.text = request->files[i]->path;
    process->told = 1;
    tell(process, &event);
}

static void close_output(struct process *process, int i)
{
    close_event(&process->output_event[i], &process->output[i]);
}

/* Once; 1 = there may be more. */
static int take(struct process *process, int i)
{
    static uint8_t bytes[BP_STREAM_DATA_MAX];
    struct local *local = process->local;
    ssize_t got = read(process->output[i], bytes, sizeof bytes);
    if (got < 0 && errno == EINTR)
        return 1;
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got <= 0) {
        close_output(process, i);
        got = 0;
    }
    local->events.output(local->arg, process->rank, (unsigned)i + 1, bytes, (size_t)got);
    return got > 0;
}

static void close_input(struct process *process)
{
    close_event(&process->input_event, &process->input);
}

/* All that it wrote itself stands in its pipes; who it left behind writes to nobody. */
static void check_end(struct process *process)
{
    struct local *local = process->local;
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    int left = 0;
    if (!process->reaped || process->birth >= 0 || process->told || local->paused)
        return;
    for (int i = 0; i < 2; i++) {
        while (process->output[i] >= 0 && !local->paused && take(process, i))
            ;
        if (local->paused)
            return; /* local_pause comes here again */
    }
    for (int i = 0; i < 2; i++) {
        if (process->output[i] < 0)
            continue;
        close_output(process, i);
        local->events.output(local->arg, process->rank, (unsigned)i + 1, NULL, 0);
    }
    if (process->input_peek >= 0) {
        ioctl(process->input_peek, FIONREAD, &left);
        local->events.left(local->arg, process->rank, (uint32_t)left);
    }
    close_input(process);
    process->told = 1;
    event.kind = BPMIX__JOB_EVENT__KIND__EXIT;
    event.status = process->status;
    event.cpu_us = (uint64_t)(process->usage.ru_utime.tv_sec + process->usage.ru_stime.tv_sec) *
                       1000000 +
                   (uint64_t)(process->usage.ru_utime.tv_usec + process->usage.ru_stime.tv_usec);
    event.maxrss_kib = (uint32_t)process->usage.ru_maxrss;
    tell(process, &event);
}

static void finish(struct process *process)
{
    check_end(process);
    process->local->events.progress(process->local->arg);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    finish(arg);
}

static void on_output(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct process *process = arg;
    take(process, fd == process->output[0] ? 0 : 1);
}

static void on_birth(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct process *process = arg;
    struct mishap mishap;
    Bpmix__JobEvent event = BPMIX__JOB_EVENT__INIT;
    ssize_t got = read(fd, &mishap, sizeof mishap);
    close_event(&process->birth_event, &process->birth);
    if (got == (ssize_t)sizeof mishap) {
        tell_failed(process, &mishap);
    } else {
        event.kind = BPMIX__JOB_EVENT__KIND__CREATED;
        tell(process, &event);
        if (process->input >= 0) /* no need to see it wait */
            process->local->events.credit(process->local->arg, process->rank, 0);
    }
    finish(process);
}

/* ---- stdin ---- */

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct process *process = arg;
    size_t before = evbuffer_get_length(process->data);
    int put = before > 0 ? evbuffer_write(process->data, fd) : 0;
    if (put < 0 && errno != EAGAIN && errno != EINTR) {
        close_input(process);
        return;
    }
    if (put > 0)
        process->local->events.credit(process->local->arg, process->rank, (uint32_t)put);
    if (process->input < 0)
        return;
    if (evbuffer_get_length(process->data) > 0)
        event_add(process->input_event, NULL);
    else if (process->data_end)
        close_input(process);
}

void local_input(struct local *local, uint32_t rank, const void *bytes, size_t length)
{
    struct process *process = &local->processes[rank - local->first];
    if (process->input < 0 || process->data_end)
        return;
    evbuffer_add(process->data, bytes, length);
    process->data_end = length == 0;
    event_active(process->input_event, EV_WRITE, 0);
}

/* ---- the beginning ---- */

static int make_pipes(struct process *process, int fds[3], int *ret_birth)
{
    int pair[2];
    const Bpmix__JobRequest *request = process->local->request;
    if (request->stdin_rank == -2) {
        fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    } else if (pipe2(pair, O_CLOEXEC) == 0) {
        fds[0] = pair[0];
        process->input = pair[1];
        process->input_peek = fcntl(pair[0], F_DUPFD_CLOEXEC, 3);
        fcntl(process->input, F_SETFL, O_NONBLOCK);
    }
    for (int i = 0; i < 2; i++)
        if (pipe2(pair, O_CLOEXEC) == 0) {
            process->output[i] = pair[0];
            fcntl(pair[0], F_SETFL, O_NONBLOCK);
            fds[i + 1] = pair[1];
        }
    if (pipe2(pair, O_CLOEXEC) == 0) {
        process->birth = pair[0];
        *ret_birth = pair[1];
    }
    return fds[0] < 0 || fds[1] < 0 || fds[2] < 0 || *ret_birth < 0 ? -errno : 0;
}

static void watch(struct process *process, struct event_base *base)
{
    process->end_event = event_new(base, -1, 0, on_end, process);
    process->birth_event = event_new(base, process->birth, EV_READ, on_birth, process);
    event_add(process->birth_event, NULL);
    if (process->input >= 0) {
        process->data = evbuffer_new();
        process->input_event = event_new(base, process->input, EV_WRITE, on_input, process);
    }
    for (int i = 0; i < 2; i++) {
        process->output_event[i] =
            event_new(base, process->output[i], EV_READ | EV_PERSIST, on_output, process);
        event_add(process->output_event[i], NULL);
    }
}

static void start(struct process *process, struct event_base *base, const sigset_t *mask)
{
    int fds[3] = {-1, -1, -1}, birth = -1;
    pid_t parent = getpid();
    int r = make_pipes(process, fds, &birth);
    process->pid = r == 0 ? fork() : -1;
    if (process->pid == 0)
        be_child(process, fds, birth, mask, parent);
    if (process->pid < 0) {
        struct mishap mishap = {.error = r < 0 ? -r : errno, .step = BP_STEP_CLONE};
        process->reaped = 1;
        if (birth >= 0 && write(birth, &mishap, sizeof mishap) < 0)
            process->told = 1;
    } else {
        setpgid(process->pid, process->pid); /* the child may not have come to it */
    }
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (birth >= 0)
        close(birth);
    watch(process, base);
}

struct local *local_start(struct event_base *base, const Bpmix__JobRequest *request, uint32_t first,
                          uint32_t count, const sigset_t *mask,
                          const struct bp_job_events *events, void *arg)
{
    struct local *local = bp_calloc(1, sizeof *local);
    *local = (struct local){.request = request, .events = *events, .arg = arg, .first = first,
                            .count = count};
    local->processes = bp_calloc(count, sizeof *local->processes);
    for (uint32_t i = 0; i < count; i++) {
        struct process *process = &local->processes[i];
        *process = (struct process){.local = local, .rank = first + i, .birth = -1, .input = -1,
                                    .input_peek = -1, .output = {-1, -1}};
        start(process, base, mask);
    }
    return local;
}

/* ---- orders ---- */

int local_reaped(struct local *local, pid_t pid, int status, const struct rusage *usage)
{
    for (uint32_t i = 0; i < local->count; i++) {
        struct process *process = &local->processes[i];
        if (process->pid != pid || process->reaped)
            continue;
        process->reaped = 1;
        process->status = status;
        process->usage = *usage;
        check_end(process);
        return 1;
    }
    return 0;
}

void local_kill(const struct local *local, int signal)
{
    for (uint32_t i = 0; i < local->count; i++)
        if (!local->processes[i].reaped)
            kill(-local->processes[i].pid, signal);
}

void local_pause(struct local *local, int paused)
{
    local->paused = paused;
    for (uint32_t i = 0; i < local->count; i++) {
        struct process *process = &local->processes[i];
        for (int k = 0; k < 2; k++) {
            if (process->output_event[k] != NULL && paused)
                event_del(process->output_event[k]);
            else if (process->output_event[k] != NULL)
                event_add(process->output_event[k], NULL);
        }
        if (!paused && process->reaped && !process->told)
            event_active(process->end_event, 0, 0); /* not from within its own output */
    }
}

void local_stop_output(struct local *local, unsigned channel)
{
    for (uint32_t i = 0; i < local->count; i++)
        close_output(&local->processes[i], (int)channel - 1);
}

uint32_t local_count(const struct local *local)
{
    return local->count;
}

int local_is_over(const struct local *local)
{
    for (uint32_t i = 0; i < local->count; i++)
        if (!local->processes[i].told || !local->processes[i].reaped)
            return 0;
    return 1;
}

void local_free(struct local *local)
{
    if (local == NULL)
        return;
    for (uint32_t i = 0; i < local->count; i++) {
        struct process *process = &local->processes[i];
        close_event(&process->birth_event, &process->birth);
        close_input(process);
        for (int k = 0; k < 2; k++)
            close_output(process, k);
        if (process->input_peek >= 0)
            close(process->input_peek);
        if (process->data != NULL)
            evbuffer_free(process->data);
        event_free(process->end_event);
    }
    free(local->processes);
    free(local);
}
