/* SPDX-License-Identifier: BSD-3-Clause */
/* keeper.c - starting bpkeeper and giving it a job. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "lib/keeper.h"

#define PROGRAM     BP_LIBEXECDIR "/bpkeeper"
#define STACK_BYTES 32768 /* of each of the two processes on the way */
#define HIGH        10    /* descriptors from here on are in nobody's way */
#define HELLO_S     2     /* a keeper that is stopped is none */

struct birth { /* in memory that caller, middle process and keeper-to-be share until the exec */
    int control;
    char *stacks;
    int error;
};

/* These two functions run in the caller's memory, perhaps beside its other threads: they make
 * system calls and nothing else. */
static int become_keeper(void *arg)
{
    static char *const argv[] = {(char *)"bpkeeper", NULL};
    static char *const no_environment[] = {NULL};
    struct birth *birth = arg;
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int signo = 1; signo <= 64; signo++) /* before a handler of the caller's could run here */
        sigaction(signo, &usual, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int control = fcntl(birth->control, F_DUPFD_CLOEXEC, HIGH);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        close(fd); /* bpkeeper opens /dev/null there */
    if (control < 0 || dup2(control, BP_KEEPER_CONTROL) < 0 ||
        syscall(SYS_close_range, BP_KEEPER_CONTROL + 1, ~0u, 0) < 0 || chdir("/") < 0) {
        birth->error = errno;
        _exit(127);
    }
    execve(PROGRAM, argv, no_environment);
    birth->error = errno;
    _exit(127);
}

/* A child of the caller for a moment: without an exit signal, so that no wait() of the caller's
 * finds it, and the keeper is nobody's child when it has gone. */
static int be_middle(void *arg)
{
    struct birth *birth = arg;
    if (clone(become_keeper, birth->stacks + STACK_BYTES, CLONE_VM | CLONE_VFORK, birth) < 0)
        birth->error = errno;
    _exit(0);
}

static int make(int control)
{
    struct birth birth = {.control = control};
    sigset_t all, old;
    birth.stacks = mmap(NULL, 2 * STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                        -1, 0);
    if (birth.stacks == MAP_FAILED)
        return -errno;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    pid_t middle = clone(be_middle, birth.stacks + 2 * STACK_BYTES, CLONE_VM | CLONE_VFORK, &birth);
    int r = middle < 0 ? -errno : 0;
    while (middle > 0 && waitpid(middle, NULL, __WALL) < 0 && errno == EINTR)
        ;
    sigprocmask(SIG_SETMASK, &old, NULL);
    munmap(birth.stacks, 2 * STACK_BYTES);
    return r < 0 ? r : -birth.error;
}

int bp_keeper_start(struct bp_error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return bp_error_set(err, -errno, "socketpair: %s", strerror(errno));
    auto_close int ours = pair[0];
    auto_close int its = pair[1];
    int r = make(its);
    if (r < 0)
        return bp_error_set(err, r, PROGRAM ": %s", strerror(-r));
    return bp_take_fd(ours);
}

/* ---- the one that is there ---- */

/* A name can be taken by anybody; a keeper is the caller's own user's. */
int bp_keeper_find(uint64_t *ret_host)
{
    struct sockaddr_un address;
    struct timeval limit = {.tv_sec = HELLO_S};
    struct bp_keeper_hello hello;
    struct ucred peer;
    socklen_t size = sizeof peer;
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    socklen_t length = bp_keeper_name(geteuid(), getpid(), &address);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0 ||
        connect(fd, (struct sockaddr *)&address, length) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid() ||
        recv(fd, &hello, sizeof hello, 0) != (ssize_t)sizeof hello || hello.job == 0)
        return -ENOENT;
    limit.tv_sec = 0; /* what follows may take long */
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    *ret_host = hello.job;
    return bp_take_fd(fd);
}

/* ---- giving it a job ---- */

/* A descriptor of the caller's, or one that gives nothing and swallows all. */
static int standard_fd(int number)
{
    int fd = number >= 0 ? fcntl(number, F_DUPFD_CLOEXEC, HIGH) : -1;
    return fd >= 0 ? fd : open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int send_map(int keeper, const struct bp_launch *launch, struct bp_frame frame,
                    const int *fds, unsigned fd_count)
{
    size_t length = protobuf_c_message_get_packed_size(&launch->map->base);
    auto_free uint8_t *body = malloc(length);
    if (body == NULL)
        return -ENOMEM;
    protobuf_c_message_pack(&launch->map->base, body);
    frame.job = launch->map->job;
    frame.length = (uint32_t)length;
    int r = bp_local_send(keeper, &frame, body, fds, fd_count);
    explicit_bzero(body, length); /* the job's key */
    return r == -EPIPE || r == -ECONNRESET ? -ECONNABORTED : r;
}

int bp_keeper_give(int keeper, enum bp_keeper_kind kind, const struct bp_launch *launch,
                   const struct bp_image *image, struct bp_error *err)
{
    auto_close int in = standard_fd(STDIN_FILENO);
    auto_close int out = standard_fd(STDOUT_FILENO);
    auto_close int errors = standard_fd(STDERR_FILENO);
    auto_close int prologue = -1;
    int fds[BP_KEEPER_FDS] = {[BP_KEEPER_JOB] = launch->fd, [BP_KEEPER_OUT] = out,
                              [BP_KEEPER_ERR] = errors, [BP_KEEPER_IN] = in};
    pid_t source = 0;
    int r = in < 0 || out < 0 || errors < 0 ? bp_error_set(err, -EMFILE, "no descriptors") : 0;
    if (r == 0 && image != NULL) {
        r = bp_image_pass(image, &prologue, &source, &fds[BP_KEEPER_HOLD], err);
        fds[BP_KEEPER_PROLOGUE] = prologue;
    }
    if (r < 0)
        return r;
    struct bp_frame frame = {.type = BP_JOB_MAP, .node = kind, .tag = (uint64_t)source};
    r = send_map(keeper, launch, frame, fds, image != NULL ? BP_KEEPER_FDS : BP_KEEPER_PROLOGUE);
    return r == 0 ? 0 : bp_error_set(err, r, "bpkeeper does not take the job: %s", strerror(-r));
}

void bp_keeper_refuse(int take_keeper)
{
    struct bp_frame frame = {.type = BP_JOB_MAP, .node = BP_KEEPER_STALE};
    struct timeval limit = {.tv_sec = HELLO_S};
    auto_close int keeper = take_keeper;
    char nothing;
    setsockopt(keeper, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (bp_local_send(keeper, &frame, NULL, NULL, 0) == 0) /* it hangs up when that is done */
        while (recv(keeper, &nothing, sizeof nothing, 0) < 0 && errno == EINTR)
            ;
}

int bp_keeper_hear(int keeper, struct bp_keeper_news *ret_news)
{
    ssize_t got;
    do
        got = recv(keeper, ret_news, sizeof *ret_news, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    return got == 0 ? 0 : got == (ssize_t)sizeof *ret_news ? 1 : -EPROTO;
}
