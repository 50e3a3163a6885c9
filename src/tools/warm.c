/* SPDX-License-Identifier: BSD-3-Clause */
/* warm.c - the image of a program that runs here up to its call of bproc_warm. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "lib/warm.h"
#include "tools/warm.h"

/* The child: the program, with a socket to us. */
static _Noreturn void run_program(int socket, char **argv, char **envp, const char *cwd)
{
    struct bp_warm_offer failed = {.version = BP_WARM_VERSION};
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(nothing, STDIN_FILENO);
    fcntl(socket, F_SETFD, 0);
    environ = envp;
    if (chdir(cwd) == 0)
        execvpe(argv[0], argv, envp);
    failed.code = -errno;
    snprintf(failed.text, sizeof failed.text, "cannot run %.150s in %.40s: %s", argv[0], cwd,
             strerror(-failed.code));
    send(socket, &failed, sizeof failed, MSG_NOSIGNAL);
    _exit(127);
}

static pid_t start_program(const Bpmix__JobRequest *request, int socket)
{
    auto_free char **argv = bp_calloc(request->n_argv + 1, sizeof *argv);
    auto_free char **envp = bp_calloc(request->n_env + 2, sizeof *envp);
    auto_free char *variable = bp_format(BP_WARM_VARIABLE "=%d", socket);
    memcpy(argv, request->argv, request->n_argv * sizeof *argv);
    envp[0] = variable;
    memcpy(envp + 1, request->env, request->n_env * sizeof *envp);
    pid_t child = fork();
    if (child == 0)
        run_program(socket, argv, envp, request->cwd);
    return child;
}

/* The program's message, and its descriptors: -ENODATA when it ended without one. */
static int receive_offer(int socket, struct bp_warm_offer *ret_offer, int ret_fds[2])
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = ret_offer, .iov_len = sizeof *ret_offer};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t got;
    ret_fds[0] = ret_fds[1] = -1;
    while ((got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    if (got <= 0)
        return got == 0 ? -ENODATA : -errno;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fds, CMSG_DATA(head),
               head->cmsg_len >= CMSG_LEN(2 * sizeof(int)) ? 2 * sizeof(int) : sizeof(int));
    ret_offer->text[sizeof ret_offer->text - 1] = '\0';
    int wanted = ret_offer->code == 0;
    if (got != (ssize_t)sizeof *ret_offer || ret_offer->version != BP_WARM_VERSION ||
        ret_offer->code > 0 || (wanted && (ret_fds[1] < 0 || ret_offer->source <= 0)))
        return -EPROTO;
    return 0;
}

static int ended_early(const char *program, int status, struct bp_error *err)
{
    if (WIFSIGNALED(status))
        return bp_error_set(err, -ECHILD, "%s was killed by signal %d before it called bproc_warm",
                            program, WTERMSIG(status));
    return bp_error_set(err, -ECHILD,
                        "%s ended with status %d and never called bproc_warm (in Python: "
                        "bpmix.warm()), which says where the ranks start", program,
                        WEXITSTATUS(status));
}

int warm_capture(const Bpmix__JobRequest *request, struct bp_image **ret_image,
                 struct bp_error *err)
{
    struct bp_warm_offer offer = {0};
    const char *program = request->argv[0];
    int pair[2], fds[2], status = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return bp_error_set(err, -errno, "no socket for %s: %s", program, strerror(errno));
    auto_close int ours = pair[0];
    pid_t child = start_program(request, pair[1]);
    int saved = errno;
    close(pair[1]);
    if (child < 0)
        return bp_error_set(err, -saved, "cannot start %s: %s", program, strerror(saved));
    int r = receive_offer(ours, &offer, fds);
    auto_close int prologue = fds[0];
    auto_close int hold = fds[1];
    if (r == 0 && offer.code < 0)
        r = bp_error_set(err, offer.code, "%s", offer.text);
    else if (r == 0)
        r = bp_image_take(prologue, offer.source, bp_take_fd(hold), ret_image, err);
    else if (r != -ENODATA)
        bp_error_set(err, r, "%s sent something else than its image", program);
    close(bp_take_fd(ours)); /* now it may end */
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return r == -ENODATA ? ended_early(program, status, err) : r;
}
