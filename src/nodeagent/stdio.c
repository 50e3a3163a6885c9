/* SPDX-License-Identifier: BSD-3-Clause */
/* stdio.c - the ranks' pipes: output to the data connection, stdin from it.
 *
 * A rank's end is reported when its pipes are dry: when a read after its exit found nothing more.
 * Processes it left behind may go on writing until the space ends; that is taken too. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "common/log.h"
#include "common/mem.h"
#include "nodeagent/agent.h"

#define PIPE_BYTES (256 * 1024)

static void on_output(evutil_socket_t fd, short what, void *arg);
static void on_input(evutil_socket_t fd, short what, void *arg);
static void close_input(struct rank *rank);

static int has_stdin(const struct rank *rank)
{
    int32_t which = rank->space->open->stdin_rank;
    return which == -1 || which == (int32_t)rank->rank;
}

/* A pipe the job's user may reopen by /dev/stdout and the like. */
static int user_pipe(const struct rank *rank, int ends[2])
{
    const Bpmix__SpaceOpen *open = rank->space->open;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    if (fchown(ends[0], open->uid, open->gid) < 0)
        bp_log_warning("pipe-owner why=\"%s\"", strerror(errno));
    fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
    return 0;
}

static int open_input(struct rank *rank, int *ret_fd)
{
    if (!has_stdin(rank)) {
        *ret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return *ret_fd < 0 ? -errno : 0;
    }
    int ends[2];
    int r = user_pipe(rank, ends);
    if (r < 0)
        return r;
    *ret_fd = ends[0];
    rank->input = ends[1];
    rank->input_peek = fcntl(ends[0], F_DUPFD_CLOEXEC, 3);
    fcntl(rank->input, F_SETFL, O_NONBLOCK);
    rank->stdin_data = evbuffer_new();
    rank->input_event = event_new(rank->space->agent->base, rank->input, EV_WRITE, on_input, rank);
    return 0;
}

/* One end for all three of the rank's descriptors, the other for us. */
static int open_terminal(struct rank *rank, int fds[3])
{
    int its;
    int r = terminal_open(rank, &its, &rank->input, &rank->output[0]);
    if (r < 0)
        return r;
    struct event_base *base = rank->space->agent->base;
    rank->stdin_data = evbuffer_new();
    rank->input_event = event_new(base, rank->input, EV_WRITE, on_input, rank);
    rank->output_event[0] = event_new(base, rank->output[0], EV_READ | EV_PERSIST, on_output, rank);
    event_add(rank->output_event[0], NULL);
    rank->dry[1] = 1;
    fds[0] = its;
    for (int i = 1; i < 3; i++)
        fds[i] = fcntl(its, F_DUPFD_CLOEXEC, 3);
    return 0;
}

int stdio_open(struct rank *rank, int fds[3])
{
    if (rank->space->open->pty != NULL && rank->rank == 0)
        return open_terminal(rank, fds);
    int r = open_input(rank, &fds[0]);
    if (r < 0)
        return r;
    for (int i = 0; i < 2; i++) {
        int ends[2];
        r = user_pipe(rank, ends);
        if (r < 0) {
            close(fds[0]);
            if (i == 1)
                close(fds[1]);
            stdio_close(rank);
            return r;
        }
        fds[i + 1] = ends[1];
        rank->output[i] = ends[0];
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        rank->output_event[i] = event_new(rank->space->agent->base, ends[0],
                                          EV_READ | EV_PERSIST, on_output, rank);
        event_add(rank->output_event[i], NULL);
    }
    return 0;
}

/* ---- output ---- */

static void close_output(struct rank *rank, int i)
{
    if (rank->output_event[i] != NULL)
        event_free(rank->output_event[i]);
    rank->output_event[i] = NULL;
    if (rank->output[i] >= 0)
        close(rank->output[i]);
    rank->output[i] = -1;
    rank->dry[i] = 1;
}

/* Read once; 1 = there may be more, 0 = not now. */
static int take(struct rank *rank, int i)
{
    static uint8_t bytes[BP_STREAM_DATA_MAX];
    ssize_t got = read(rank->output[i], bytes, sizeof bytes);
    if (got > 0) {
        data_send(rank->space, BP_STREAM_DATA, (unsigned)i + 1, rank->rank, bytes, (size_t)got);
        return 1;
    }
    if (got < 0 && errno == EINTR)
        return 1;
    if (got < 0 && errno == EAGAIN && !(rank->exited && rank->has_terminal)) {
        if (rank->exited)
            rank->dry[i] = 1;
        return 0;
    } /* a terminal goes with its rank */
    close_output(rank, i);
    data_send(rank->space, BP_STREAM_EOF, (unsigned)i + 1, rank->rank, NULL, 0);
    return 0;
}

static void on_output(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct rank *rank = arg;
    int i = fd == rank->output[0] ? 0 : 1;
    if (data_is_full(rank->space))
        event_del(rank->output_event[i]); /* stdio_resume adds it again */
    else
        take(rank, i);
    rank_check_end(rank);
}

void stdio_drain(struct rank *rank)
{
    for (int i = 0; i < 2; i++)
        while (rank->output[i] >= 0 && !data_is_full(rank->space) && take(rank, i))
            ;
}

void stdio_resume(struct space *space)
{
    struct rank *rank, *next;
    HASH_ITER(hh, space->ranks, rank, next) {
        for (int i = 0; i < 2; i++)
            if (rank->output_event[i] != NULL)
                event_add(rank->output_event[i], NULL);
        if (rank->exited && !rank->reported) {
            stdio_drain(rank);
            rank_check_end(rank);
        }
    }
}

void stdio_stop(struct space *space, unsigned channel)
{
    struct rank *rank, *next;
    HASH_ITER(hh, space->ranks, rank, next) {
        if (rank->output[channel - 1] >= 0)
            close_output(rank, (int)channel - 1);
        if (rank->has_terminal && channel == 1) /* hang up */
            close_input(rank);
    }
}

void stdio_finish(struct rank *rank)
{
    for (int i = 0; i < 2; i++) {
        while (rank->output[i] >= 0 && take(rank, i))
            ;
        close_output(rank, i);
    }
    if (rank->linger != NULL) /* nobody is left to wait for */
        event_free(bp_take_ptr(rank->linger));
    rank_check_end(rank);
}

/* ---- stdin ---- */

static void send_number(struct rank *rank, unsigned kind, uint32_t number)
{
    data_send(rank->space, kind, 0, rank->rank, &number, sizeof number);
}

/* Ask bpspace to say when somebody waits for this pipe. */
void stdio_watch(struct rank *rank)
{
    struct stat st;
    if (rank->has_terminal) { /* who types does not wait to be asked */
        stdio_wanted(rank);
        return;
    }
    if (rank->input < 0 || fstat(rank->input, &st) < 0)
        return;
    space_send_record(rank->space, &(struct bp_space_record){.type = BP_SPACE_WATCH_STDIN,
                                                             .serial = rank->serial,
                                                             .value = st.st_ino}, NULL, NULL, 0);
}

void stdio_wanted(struct rank *rank)
{
    if (rank->input >= 0)
        send_number(rank, BP_STREAM_CREDIT, 0);
}

static void close_input(struct rank *rank)
{
    if (rank->input_event != NULL)
        event_free(rank->input_event);
    rank->input_event = NULL;
    if (rank->input >= 0)
        close(rank->input);
    rank->input = -1;
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct rank *rank = arg;
    size_t before = evbuffer_get_length(rank->stdin_data);
    int put = before > 0 ? evbuffer_write(rank->stdin_data, fd) : 0;
    if (put < 0 && errno != EAGAIN && errno != EINTR) {
        close_input(rank); /* nobody reads it any more */
        return;
    }
    if (put > 0)
        send_number(rank, BP_STREAM_CREDIT, (uint32_t)put);
    if (evbuffer_get_length(rank->stdin_data) > 0)
        event_add(rank->input_event, NULL);
    else if (rank->stdin_end && rank->has_terminal)
        terminal_end_input(rank);
    else if (rank->stdin_end)
        close_input(rank);
}

/* 0 or -EMSGSIZE. */
static int give(struct rank *rank, const uint8_t *bytes, size_t length, int end)
{
    if (rank->input < 0 || rank->stdin_end)
        return 0; /* it has ended meanwhile */
    if (evbuffer_get_length(rank->stdin_data) + length > BP_STREAM_WINDOW)
        return -EMSGSIZE;
    evbuffer_add(rank->stdin_data, bytes, length);
    rank->stdin_end = (uint8_t)end;
    on_input(rank->input, EV_WRITE, rank);
    return 0;
}

int stdio_all(struct space *space, const uint8_t *bytes, size_t length, int end)
{
    struct rank *rank, *next;
    int r = 0;
    HASH_ITER(hh, space->ranks, rank, next)
        if (r == 0 && rank->stdin_data != NULL)
            r = give(rank, bytes, length, end);
    return r;
}

int stdio_reads(const struct space *space)
{
    const struct rank *rank;
    for (rank = space->ranks; rank != NULL; rank = rank->hh.next)
        if (rank->stdin_data != NULL && rank->input >= 0 && !rank->stdin_end)
            return 1;
    return 0;
}

int stdio_data(struct space *space, uint32_t number, const uint8_t *bytes, size_t length, int end)
{
    struct rank *rank;
    uint64_t serial = (uint64_t)number + 1;
    HASH_FIND(hh, space->ranks, &serial, sizeof serial, rank);
    if (rank == NULL || rank->stdin_data == NULL)
        return -EPROTO;
    return give(rank, bytes, length, end);
}

/* The rank has ended: how much of its pipe did nobody read? What never reached the pipe, the
 * launcher knows by the credit it did not get. */
void stdio_left(struct rank *rank)
{
    int in_pipe = 0;
    terminal_close(rank);
    if (rank->has_terminal)
        close_input(rank);
    if (rank->input_peek < 0)
        return;
    ioctl(rank->input_peek, FIONREAD, &in_pipe);
    send_number(rank, BP_STREAM_LEFT, (uint32_t)in_pipe);
    close_input(rank);
    close(bp_take_fd(rank->input_peek));
}

void stdio_close(struct rank *rank)
{
    for (int i = 0; i < 2; i++)
        close_output(rank, i);
    terminal_close(rank);
    close_input(rank);
    if (rank->input_peek >= 0)
        close(bp_take_fd(rank->input_peek));
    if (rank->stdin_data != NULL)
        evbuffer_free(rank->stdin_data);
    rank->stdin_data = NULL;
}
