/* SPDX-License-Identifier: BSD-3-Clause */
/* program.c - see program.h. What can fail here has been tried. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/image.h"
#include "tools/program.h"

#define RESTORER BP_LIBEXECDIR "/bprestore"
#define FREE     3  /* descriptors from here on */
#define SET_MDWE 65 /* of <linux/prctl.h>, newer than what we build with */

static int is_target(const Bpmix__JobMove *move, int fd)
{
    for (size_t i = 0; i < move->n_files; i++)
        if ((int)move->files[i]->fd == fd)
            return 1;
    return 0;
}

/* A descriptor that no file will be put on; take_fd is closed when that is another one. */
static int step_aside(const Bpmix__JobMove *move, int take_fd)
{
    int flags = fcntl(take_fd, F_GETFD), to = take_fd;
    for (int from = FREE; to >= 0 && is_target(move, to); from = to + 1) {
        if (to != take_fd)
            close(to);
        to = fcntl(take_fd, F_DUPFD_CLOEXEC, from);
    }
    if (to >= 0 && to != take_fd) {
        fcntl(to, F_SETFD, flags);
        close(take_fd);
    }
    return to < 0 ? -errno : to;
}

int program_files(const Bpmix__JobMove *move, const int *take_files, int *image, int *report)
{
    auto_free int *files = bp_calloc(move->n_files, sizeof *files);
    int r = *image = step_aside(move, *image);
    if (r >= 0)
        r = *report = step_aside(move, *report);
    for (size_t i = 0; r >= 0 && i < move->n_files; i++)
        r = files[i] = step_aside(move, take_files[i]);
    for (size_t i = 0; r >= 0 && i < move->n_files; i++) {
        r = dup2(files[i], (int)move->files[i]->fd) < 0 ? -errno : 0;
        close(files[i]);
    }
    return r < 0 ? r : 0;
}

/* What it ignores is ignored; who has handled a signal has the usual action now. */
static void set_actions(uint64_t ignored)
{
    for (int signo = 1; signo < NSIG; signo++) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        if ((ignored >> (signo - 1) & 1) != 0)
            action.sa_handler = SIG_IGN;
        if (signo != SIGKILL && signo != SIGSTOP)
            sigaction(signo, &action, NULL);
    }
}

int program_prepare(const Bpmix__JobMove *move)
{
    umask(move->umask & 0777);
    if (move->cwd[0] != '\0' && chdir(move->cwd) < 0)
        return -errno;
    if (getpriority(PRIO_PROCESS, 0) != move->nice)
        setpriority(PRIO_PROCESS, 0, move->nice); /* as far as it may */
    set_actions(move->ignored);
    if (move->no_new_privs)
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (move->no_new_code != 0)
        prctl(SET_MDWE, (unsigned long)move->no_new_code, 0, 0, 0);
    return 0;
}

static int restore(const Bpmix__JobMove *move, int image, int report)
{
    char orders[64];
    auto_free char **words = program_words(move->argv, move->n_argv, 2);
    auto_free char **variables = program_words(move->env, move->n_env, 0);
    snprintf(orders, sizeof orders, "%d,%d,%x,0", image, report,
             BP_RESTORE_SHARED | BP_RESTORE_TEXT);
    words[0] = (char *)"bprestore";
    words[1] = orders;
    execve(RESTORER, words, variables);
    return -errno;
}

int program_run(const Bpmix__JobMove *move, int image, int report)
{
    sigset_t mask;
    sigemptyset(&mask);
    memcpy(&mask, &move->blocked, sizeof move->blocked); /* the kernel's 64 are the first */
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (move->start != BPMIX__START__EXEC)
        return restore(move, image, report);
    fcntl(image, F_SETFD, FD_CLOEXEC);
    fcntl(report, F_SETFD, FD_CLOEXEC);
    auto_free char **words = program_words(move->argv, move->n_argv, 0);
    auto_free char **variables = program_words(move->env, move->n_env, 0);
    execve(move->program, words, variables);
    return -errno;
}
