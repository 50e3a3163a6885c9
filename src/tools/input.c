/* SPDX-License-Identifier: BSD-3-Clause */
/* input.c - the launcher's stdin to one rank or to all.
 *
 * Nothing is read before a rank is seen waiting for input and all that get it are there. Then up to
 * a window of bytes is under way to each rank, so a rank that reads little has little of it taken;
 * the window doubles whenever the rank has taken one. A rank that ended does not count. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "tools/input.h"

struct reader { /* a rank that gets stdin */
    uint32_t under_way; /* bytes sent and not yet taken */
    uint32_t window;    /* most of these */
    uint32_t taken;     /* since the window has grown */
    int there, gone;
};

struct input {
    struct ranks *all;
    struct event *event; /* NULL: stdin cannot be waited for (a file): always ready */
    struct event *again; /* for such a file: read on from the loop */
    struct reader *readers;
    uint32_t first, count; /* ranks that get it */
    int to_all;
    int wanted, ended;
    int error; /* errno of a read that failed */
    uint64_t unread; /* bytes that reached nobody (one reader only) */
};

static uint32_t room(const struct input *input)
{
    uint32_t least = BP_STREAM_WINDOW;
    uint32_t under_way = 0;
    int alive = 0;
    for (uint32_t i = 0; i < input->count; i++) {
        const struct reader *reader = &input->readers[i];
        uint32_t free_bytes = reader->window - reader->under_way;
        if (reader->gone)
            continue;
        alive = 1;
        if (!reader->there || !ranks_has_data(input->all, input->first + i))
            return 0;
        if (free_bytes < least)
            least = free_bytes;
        if (reader->under_way > under_way)
            under_way = reader->under_way;
    }
    if (input->to_all && !ranks_input_room(input->all, under_way))
        return 0;
    return alive ? least : 0;
}

static void go_on(struct input *input)
{
    if (!input->wanted || input->ended || room(input) == 0)
        return;
    if (input->event != NULL)
        event_add(input->event, NULL);
    else
        event_active(input->again, 0, 0);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct input *input = arg;
    static uint8_t bytes[BP_STREAM_FLOW_MAX];
    uint32_t most = room(input);
    if (most == 0 || input->ended)
        return;
    ssize_t got = read(STDIN_FILENO, bytes, most < sizeof bytes ? most : sizeof bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        go_on(input);
        return;
    }
    input->ended = got <= 0;
    input->error = got < 0 && errno != EBADF ? errno : 0; /* EBADF: it was closed from the start */
    for (uint32_t i = 0; i < input->count; i++) {
        struct reader *reader = &input->readers[i];
        if (reader->gone)
            continue;
        if (!input->to_all || !ranks_is_away(input->all, i))
            ranks_input(input->all, input->first + i, bytes, got > 0 ? (size_t)got : 0);
        reader->under_way += got > 0 ? (uint32_t)got : 0;
    }
    if (input->to_all)
        ranks_input_all(input->all, bytes, got > 0 ? (size_t)got : 0);
    go_on(input);
}

/* epoll refuses regular files, /dev/null and their like: they are always ready. */
static int can_wait(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return 0;
    return S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd);
}

struct input *input_new(struct event_base *base, struct ranks *all, int stdin_rank)
{
    uint32_t ranks = ranks_count(all);
    if (stdin_rank == -2 || (stdin_rank >= 0 && (uint32_t)stdin_rank >= ranks))
        return NULL;
    struct input *input = bp_calloc(1, sizeof *input);
    input->all = all;
    input->first = stdin_rank >= 0 ? (uint32_t)stdin_rank : 0;
    input->to_all = stdin_rank < 0;
    input->count = input->to_all ? ranks : 1;
    input->readers = bp_calloc(input->count, sizeof *input->readers);
    for (uint32_t i = 0; i < input->count; i++)
        input->readers[i].window = BP_STREAM_WINDOW_FIRST;
    input->again = event_new(base, -1, 0, on_readable, input);
    if (can_wait(STDIN_FILENO))
        input->event = event_new(base, STDIN_FILENO, EV_READ, on_readable, input);
    return input;
}

static struct reader *reader_of(struct input *input, uint32_t rank)
{
    if (input == NULL || rank < input->first || rank - input->first >= input->count)
        return NULL;
    return &input->readers[rank - input->first];
}

void input_rank_there(struct input *input, uint32_t rank)
{
    struct reader *reader = reader_of(input, rank);
    if (reader == NULL)
        return;
    reader->there = 1;
    go_on(input);
}

void input_look(struct input *input)
{
    if (input != NULL)
        go_on(input);
}

static void window_grow(struct reader *reader, uint32_t taken)
{
    reader->taken += taken;
    if (reader->taken < reader->window || reader->window == BP_STREAM_WINDOW)
        return;
    reader->window *= 2;
    reader->taken = 0;
}

void input_credit(struct input *input, uint32_t rank, uint32_t taken)
{
    struct reader *reader = reader_of(input, rank);
    if (reader == NULL)
        return;
    if (taken > reader->under_way) /* nobody takes more than he got */
        taken = reader->under_way;
    reader->under_way -= taken;
    window_grow(reader, taken);
    input->wanted = 1;
    go_on(input);
}

void input_left(struct input *input, uint32_t rank, uint32_t bytes)
{
    struct reader *reader = reader_of(input, rank);
    if (reader == NULL)
        return;
    input->unread = (uint64_t)bytes + reader->under_way;
    input_rank_gone(input, rank);
}

void input_rank_gone(struct input *input, uint32_t rank)
{
    struct reader *reader = reader_of(input, rank);
    if (reader == NULL || reader->gone)
        return;
    reader->gone = 1;
    go_on(input);
}

int input_error(const struct input *input)
{
    return input != NULL ? input->error : 0;
}

void input_finish(struct input *input)
{
    if (input != NULL && input->count == 1 && input->unread > 0)
        (void)lseek(STDIN_FILENO, -(off_t)input->unread, SEEK_CUR); /* where stdin can seek */
}

void input_free(struct input *input)
{
    if (input == NULL)
        return;
    if (input->event != NULL)
        event_free(input->event);
    event_free(input->again);
    free(input->readers);
    free(input);
}
