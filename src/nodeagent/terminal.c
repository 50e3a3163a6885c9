/* SPDX-License-Identifier: BSD-3-Clause */
/* terminal.c - the pseudo terminal of a rank: it has one descriptor for all three, bpnode the other
 * end. What the launcher sends is typed there, what it shows goes to the launcher as stdout. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common/mem.h"
#include "nodeagent/agent.h"

#define AGAIN_MS_FIRST 100
#define AGAIN_MS_MOST  1000

static uint16_t limited(uint32_t number)
{
    return number < UINT16_MAX ? (uint16_t)number : UINT16_MAX;
}

/* As the launcher's terminal, where it has one. */
static void set_modes(int fd, const Bpmix__Pty *pty)
{
    struct winsize size = {.ws_row = limited(pty->rows), .ws_col = limited(pty->columns),
                           .ws_xpixel = limited(pty->width), .ws_ypixel = limited(pty->height)};
    struct termios modes;
    ioctl(fd, TIOCSWINSZ, &size);
    if (pty->control.len == 0 || tcgetattr(fd, &modes) < 0)
        return;
    modes.c_iflag = pty->input;
    modes.c_oflag = pty->output;
    modes.c_lflag = pty->local;
    size_t count = pty->control.len < NCCS ? pty->control.len : NCCS;
    memcpy(modes.c_cc, pty->control.data, count);
    tcsetattr(fd, TCSANOW, &modes);
}

static int open_ends(uid_t uid, int *ret_ours, int *ret_its)
{
    auto_close int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (ours < 0 || unlockpt(ours) < 0)
        return -errno;
    auto_close int its = ioctl(ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (its < 0 || fchown(its, uid, (gid_t)-1) < 0)
        return -errno;
    *ret_ours = bp_take_fd(ours);
    *ret_its = bp_take_fd(its);
    return 0;
}

int terminal_open(struct rank *rank, int *ret_fd, int *ret_input, int *ret_output)
{
    const Bpmix__SpaceOpen *open = rank->space->open;
    int ours = -1, its = -1;
    int r = open_ends(open->uid, &ours, &its);
    if (r < 0)
        return r;
    set_modes(its, open->pty);
    *ret_input = fcntl(ours, F_DUPFD_CLOEXEC, 3);
    if (*ret_input < 0) {
        r = -errno;
        close(ours);
        close(its);
        return r;
    }
    *ret_output = ours;
    *ret_fd = its;
    rank->has_terminal = 1;
    return 0;
}

void terminal_resize(struct space *space, uint32_t number, const uint8_t body[BP_STREAM_SIZE_BYTES])
{
    struct rank *rank;
    uint64_t serial = (uint64_t)number + 1;
    struct winsize size;
    memcpy(&size, body, sizeof size);
    HASH_FIND(hh, space->ranks, &serial, sizeof serial, rank);
    if (rank != NULL && rank->has_terminal && rank->input >= 0)
        ioctl(rank->input, TIOCSWINSZ, &size); /* the kernel tells who is in the foreground */
}

/* The launcher's stdin is at its end, and a file there would say so to everyone who reads on. */
static void on_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct rank *rank = arg;
    struct termios modes;
    if (rank->input < 0 || tcgetattr(rank->input, &modes) < 0)
        return;
    ssize_t ignored = write(rank->input, &modes.c_cc[VEOF], 1);
    (void)ignored;
    rank->again_ms = rank->again_ms < AGAIN_MS_MOST / 2 ? 2 * rank->again_ms : AGAIN_MS_MOST;
    event_add(rank->again, &(struct timeval){.tv_sec = rank->again_ms / 1000,
                                             .tv_usec = (long)(rank->again_ms % 1000) * 1000});
}

void terminal_end_input(struct rank *rank)
{
    if (rank->again != NULL)
        return;
    rank->again = evtimer_new(rank->space->agent->base, on_again, rank);
    rank->again_ms = AGAIN_MS_FIRST / 2;
    on_again(-1, 0, rank);
}

void terminal_close(struct rank *rank)
{
    if (rank->again != NULL)
        event_free(rank->again);
    rank->again = NULL;
}
