/* SPDX-License-Identifier: BSD-3-Clause */
/* space_start.c - bpnode's side: start bpspace as PID 1 of new namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "nodeagent/space_start.h"

enum {
    STACK_BYTES = 64 * 1024,
    DOWN_BYTES = 32 << 20, /* the orders for as many processes as a space may have */
    UP_BYTES = 8 << 20,    /* what bpspace tells of them */
};

struct start {
    const char *program;
    char node[16];
    int socket;
    int error; /* of the exec; written by the child in our memory */
};

/* Runs in our memory, on its own stack, while we wait. */
static int become_space(void *argument)
{
    struct start *start = argument;
    char *argv[] = {(char *)"bpspace", start->node, NULL};
    char *envp[] = {NULL};
    if (start->socket == 3 ? fcntl(3, F_SETFD, 0) == 0 : dup2(start->socket, 3) == 3) {
        close_range(4, ~0u, 0);
        execve(start->program, argv, envp);
    }
    start->error = errno;
    _exit(127);
}

/* clone() with all signals blocked, so that no handler of ours runs in the child. */
static pid_t clone_space(struct start *start, void *stack)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid =
        clone(become_space, (char *)stack + STACK_BYTES,
              CLONE_VM | CLONE_VFORK | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | SIGCHLD, start);
    int saved = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return pid;
}

int bp_space_start(const char *program, int node, int *ret_socket, pid_t *ret_pid,
                   struct bp_error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return bp_error_set(err, -errno, "cannot make a socket pair: %s", strerror(errno));
    auto_close int ours = pair[0];
    auto_close int theirs = pair[1];
    int down = DOWN_BYTES, up = UP_BYTES;
    setsockopt(ours, SOL_SOCKET, SO_SNDBUFFORCE, &down, sizeof down);
    setsockopt(theirs, SOL_SOCKET, SO_SNDBUFFORCE, &up, sizeof up);
    fcntl(ours, F_SETFL, O_RDWR | O_NONBLOCK);
    void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return bp_error_set(err, -errno, "no memory to start a space: %s", strerror(errno));
    struct start start = {.program = program, .socket = theirs};
    snprintf(start.node, sizeof start.node, "%d", node);
    pid_t pid = clone_space(&start, stack);
    int saved = errno;
    munmap(stack, STACK_BYTES);
    if (pid < 0)
        return bp_error_set(err, -saved, "cannot make the namespaces of a space: %s",
                            strerror(saved));
    if (start.error != 0) {
        waitpid(pid, NULL, 0);
        return bp_error_set(err, -start.error, "cannot run %s: %s", program, strerror(start.error));
    }
    *ret_socket = bp_take_fd(ours);
    *ret_pid = pid;
    return 0;
}
