/* SPDX-License-Identifier: BSD-3-Clause */
/* terminal.c - the launcher's terminal while rank 0 has one on its node.
 *
 * A guard restores it should the launcher be killed: a process of a session of its own, so that no
 * signal to the job reaches it and no terminal stops it, and nobody's child but init's. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "tools/terminal.h"

static void fill_modes(const struct termios *modes, Bpmix__Pty *pty)
{
    pty->input = modes->c_iflag;
    pty->output = modes->c_oflag;
    pty->local = modes->c_lflag;
    pty->control.data = (uint8_t *)modes->c_cc;
    pty->control.len = sizeof modes->c_cc;
}

void terminal_init(struct terminal *terminal, Bpmix__Pty *pty, Bpmix__JobRequest *request)
{
    *terminal = (struct terminal){.fd = -1, .guard = -1};
    bpmix__pty__init(pty);
    for (int fd = 0; fd < 3 && terminal->fd < 0; fd++)
        if (ioctl(fd, TIOCGWINSZ, &terminal->size) == 0)
            terminal->fd = fd;
    pty->rows = terminal->size.ws_row;
    pty->columns = terminal->size.ws_col;
    pty->width = terminal->size.ws_xpixel;
    pty->height = terminal->size.ws_ypixel;
    if (terminal->fd == STDIN_FILENO && tcgetattr(STDIN_FILENO, &terminal->saved) == 0)
        fill_modes(&terminal->saved, pty);
    request->pty = pty;
}

static _Noreturn void guard_run(const struct terminal *terminal, int end)
{
    char word;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "bprun-guard");
    if (setsid() < 0 || fork() != 0)
        _exit(0);
    dup2(end, STDOUT_FILENO);
    dup2(terminal->fd, STDIN_FILENO);
    close_range(2, ~0u, 0);
    if (read(STDOUT_FILENO, &word, 1) != 1)
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal->saved);
    _exit(0);
}

static int start_guard(struct terminal *terminal)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        guard_run(terminal, ends[0]);
    }
    int error = errno;
    close(ends[0]);
    if (pid < 0) {
        close(ends[1]);
        return -error;
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    terminal->guard = ends[1];
    return 0;
}

int terminal_raw(struct terminal *terminal)
{
    struct termios modes = terminal->saved;
    if (terminal->fd != STDIN_FILENO || terminal->is_raw || terminal->is_over)
        return 0;
    int r = terminal->guard < 0 ? start_guard(terminal) : 0;
    if (r < 0)
        return r;
    cfmakeraw(&modes);
    if (tcsetattr(terminal->fd, TCSANOW, &modes) < 0)
        return -errno;
    terminal->is_raw = 1;
    return 0;
}

void terminal_restore(struct terminal *terminal)
{
    if (terminal->is_raw)
        tcsetattr(terminal->fd, TCSANOW, &terminal->saved);
    terminal->is_raw = 0;
    if (terminal->guard < 0)
        return;
    ssize_t ignored = write(terminal->guard, "", 1);
    (void)ignored;
    close(bp_take_fd(terminal->guard));
}

void terminal_end(struct terminal *terminal)
{
    terminal_restore(terminal);
    terminal->is_over = 1;
}

void terminal_look(struct terminal *terminal, struct bp_job *job)
{
    struct winsize now;
    if (terminal->fd < 0 || ioctl(terminal->fd, TIOCGWINSZ, &now) < 0 ||
        memcmp(&now, &terminal->size, sizeof now) == 0)
        return;
    if (bp_job_resize(job, 0, &now) == 0)
        terminal->size = now;
}

char *terminal_lines(const uint8_t *bytes, size_t length, size_t *ret_length)
{
    char *lines = bp_calloc(2 * length, 1);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n')
            lines[used++] = '\r';
        lines[used++] = (char)bytes[i];
    }
    *ret_length = used;
    return lines;
}
