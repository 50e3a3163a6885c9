/* SPDX-License-Identifier: BSD-3-Clause */
/* trial.c - see trial.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/dial.h"
#include "common/mem.h"
#include "image/image.h"
#include "proto/local.h"
#include "proto/space_record.h"
#include "tools/program.h"
#include "tools/trial.h"

#define RESTORER BP_LIBEXECDIR "/bprestore"

static _Noreturn __attribute__((format(printf, 3, 4))) void fail(const struct trial *trial,
                                                                 int code, const char *format, ...)
{
    struct bp_restore_report report = {.code = code};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report.text, sizeof report.text, format, arguments);
    va_end(arguments);
    ssize_t ignored = write(trial->report, &report, sizeof report);
    (void)ignored;
    _exit(127);
}

/* ---- its files ---- */

static int connect_to(const struct trial *trial, const Bpmix__OpenFile *file)
{
    int32_t info[] = {trial->pid, (int32_t)file->fd};
    return bp_dial(file->path, file->send_info ? info : NULL);
}

static int open_file(const Bpmix__OpenFile *file)
{
    int flags = ((int)file->flags & BP_SPACE_OPEN_FLAGS) | O_NOCTTY | O_CLOEXEC;
    auto_close int fd = open(file->path, flags, (mode_t)file->mode);
    if (fd < 0 || (file->offset > 0 && lseek(fd, (off_t)file->offset, SEEK_SET) < 0))
        return -errno;
    return bp_take_fd(fd);
}

/* stderr's file is stdout's: one opening, one place in it. The number of stdout's row, or -1. */
static int stdouts_row(const Bpmix__JobMove *move, const Bpmix__OpenFile *file)
{
    for (size_t i = 0; i < move->n_files && file->fd == STDERR_FILENO && !file->connect; i++) {
        const Bpmix__OpenFile *other = move->files[i];
        if (other->fd == STDOUT_FILENO && !other->connect && other->flags == file->flags &&
            other->offset == file->offset && strcmp(other->path, file->path) == 0)
            return (int)i;
    }
    return -1;
}

static void give_files(const struct trial *trial)
{
    const Bpmix__JobMove *move = trial->move;
    int fds[BP_SPACE_FILES_MAX];
    if (move->n_files > BP_SPACE_FILES_MAX)
        fail(trial, -E2BIG, "too many files");
    for (size_t i = 0; i < move->n_files; i++) {
        const Bpmix__OpenFile *file = move->files[i];
        fds[i] = stdouts_row(move, file) >= 0 ? -1
                 : file->connect              ? connect_to(trial, file)
                                              : open_file(file);
        if (fds[i] < 0 && stdouts_row(move, file) < 0)
            fail(trial, fds[i], "%s: %s", file->path, strerror(-fds[i]));
    }
    for (size_t i = 0; i < move->n_files; i++)
        if (fds[i] < 0)
            fds[i] = fds[stdouts_row(move, move->files[i])];
    int r = bp_local_send(trial->files, &(struct bp_frame){.type = BP_JOB_HOME}, NULL, fds,
                          (unsigned)move->n_files);
    if (r < 0)
        fail(trial, r, "its files: %s", strerror(-r));
}

/* ---- its program ---- */

static _Noreturn void be_program(const Bpmix__JobMove *move, int go, int mishap)
{
    char word;
    if (read(go, &word, 1) == 1)
        execve(move->program, program_words(move->argv, move->n_argv, 0),
               program_words(move->env, move->n_env, 0));
    int code = errno;
    ssize_t ignored = write(mishap, &code, sizeof code);
    (void)ignored;
    _exit(127);
}

/* Stops come before its exec, too, when somebody signals it. */
static int await_exec(pid_t pid, int mishap)
{
    int status, code = 0;
    while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
            return 0;
        }
        ptrace(PTRACE_CONT, pid, NULL, NULL);
    }
    return read(mishap, &code, sizeof code) == (ssize_t)sizeof code ? -code : -EIO;
}

/* What execve would say. It dies with us, wherever it is. */
static int try_program(const Bpmix__JobMove *move)
{
    int go[2], mishap[2];
    if (pipe2(go, O_CLOEXEC) < 0 || pipe2(mishap, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0)
        be_program(move, go[0], mishap[1]);
    if (pid < 0)
        return -errno;
    close(mishap[1]);
    if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC) < 0 ||
        write(go[1], "", 1) != 1) {
        int code = errno;
        kill(pid, SIGKILL);
        return -code;
    }
    return await_exec(pid, mishap[0]);
}

/* ---- its image ---- */

static _Noreturn void restore(const struct trial *trial)
{
    static const Bpmix__JobMove none = BPMIX__JOB_MOVE__INIT;
    const Bpmix__JobMove *move = trial->move != NULL ? trial->move : &none;
    char orders[64];
    char **words = program_words(move->argv, move->n_argv, 2);
    char **variables = program_words(move->env, move->n_env, 0);
    snprintf(orders, sizeof orders, "%d,%d,%x,0", trial->image, trial->report,
             BP_RESTORE_SHARED | BP_RESTORE_TRY |
                 (trial->move == NULL || move->start == BPMIX__START__SELF ? BP_RESTORE_CWD : 0));
    words[0] = (char *)"bprestore";
    words[1] = orders;
    fcntl(trial->image, F_SETFD, 0);
    fcntl(trial->report, F_SETFD, 0);
    execve(RESTORER, words, variables);
    fail(trial, -errno, RESTORER ": %s", strerror(errno));
}

void trial_run(const struct trial *trial)
{
    const Bpmix__JobMove *move = trial->move;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (move == NULL)
        restore(trial);
    umask(move->umask & 0777);
    if (move->cwd[0] != '\0' && chdir(move->cwd) < 0)
        fail(trial, -errno, "%s: %s", move->cwd, strerror(errno));
    if (move->n_files > 0)
        give_files(trial);
    if (move->start != BPMIX__START__EXEC)
        restore(trial);
    int r = try_program(move);
    if (r < 0)
        fail(trial, r, "%s: %s", move->program, strerror(-r));
    _exit(0);
}
