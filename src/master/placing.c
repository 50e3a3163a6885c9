/* SPDX-License-Identifier: BSD-3-Clause */
/* placing.c - a map is made by a child: a big one takes a while, and what goes wrong with it goes
 * wrong there. The child forgets the cluster's key and the jobs', has no descriptors but the
 * memory file with its answer, and nothing of live connections (proto/vault.h). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "master/master.h"

#define TIME_S    10         /* of a child that does not end */
#define BYTES_MAX (256 << 20) /* of its answer */

struct placing {
    pid_t pid;
    int pidfd, answer; /* answer: a memory file */
    struct event *ended, *timer;
    void (*done)(void *arg, struct placed *placed);
    void *arg;
};

struct answer { /* then the map */
    int32_t r;
    uint8_t nodes[BP_NODE_BYTES];
    char text[sizeof((struct bp_error *)NULL)->text];
};

/* ---- the child ---- */

static void forget_keys(struct master *master)
{
    struct job *job, *next;
    explicit_bzero(&master->cluster_key, sizeof master->cluster_key);
    HASH_ITER(hh, master->jobs, job, next)
        explicit_bzero(&job->key, sizeof job->key);
}

static void become_child(struct master *master, int keep_fd, pid_t parent)
{
    struct rlimit time = {.rlim_cur = TIME_S, .rlim_max = TIME_S};
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    for (int signal_number = 1; signal_number < 32; signal_number++)
        signal(signal_number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setrlimit(RLIMIT_CPU, &time);
    setpriority(PRIO_PROCESS, 0, 0);
    forget_keys(master);
    syscall(SYS_close_range, 3, keep_fd - 1, 0);
    syscall(SYS_close_range, keep_fd + 1, ~0u, 0);
}

static int write_all(int fd, const void *bytes, size_t length)
{
    while (length > 0) {
        ssize_t done = write(fd, bytes, length);
        if (done <= 0)
            return -EIO;
        bytes = (const uint8_t *)bytes + done;
        length -= (size_t)done;
    }
    return 0;
}

static int answer_with(int fd, const struct job *job)
{
    struct answer answer = {0};
    struct bp_error err = {0};
    struct bp_map *map = NULL;
    size_t length = 0;
    uint8_t *bytes = NULL;
    answer.r = place_map(job, answer.nodes, &map, &err);
    memcpy(answer.text, err.text, sizeof answer.text);
    if (answer.r == 0)
        bytes = bp_map_pack(map, &length);
    int r = write_all(fd, &answer, sizeof answer);
    return r == 0 ? write_all(fd, bytes, length) : r;
}

/* ---- bpmaster ---- */

static void failed(struct placed *placed, const char *why)
{
    placed->r = bp_error_set(&placed->err, -EIO, "bpmaster's placement failed: %s", why);
}

static void take_answer(struct placed *placed, const struct answer *answer, size_t length)
{
    placed->r = answer->r;
    memcpy(placed->nodes, answer->nodes, sizeof placed->nodes);
    bp_error_set(&placed->err, answer->r, "%.*s", (int)sizeof answer->text, answer->text);
    if (answer->r == 0 && bp_map_unpack((const uint8_t *)(answer + 1), length - sizeof *answer,
                                        &placed->map) < 0)
        failed(placed, "its map makes no sense");
}

static void read_answer(int fd, struct placed *placed)
{
    struct stat file;
    if (fstat(fd, &file) < 0 || file.st_size < (off_t)sizeof(struct answer) ||
        file.st_size > BYTES_MAX) {
        failed(placed, "it has no answer");
        return;
    }
    size_t length = (size_t)file.st_size;
    void *bytes = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) {
        failed(placed, strerror(errno));
        return;
    }
    take_answer(placed, bytes, length);
    munmap(bytes, length);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct placing *placing = arg;
    struct placed placed = {0};
    char why[64];
    int status;
    if (waitpid(placing->pid, &status, WNOHANG) != placing->pid)
        return;
    placing->pid = 0;
    event_del(placing->ended);
    evtimer_del(placing->timer);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        read_answer(placing->answer, &placed);
    } else {
        snprintf(why, sizeof why, WIFSIGNALED(status) ? "killed by signal %d" : "exit status %d",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        failed(&placed, why);
    }
    placing->done(placing->arg, &placed);
    bp_map_free(placed.map);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    kill(((struct placing *)arg)->pid, SIGKILL); /* and then it ends */
}

/* Signals must not reach bpmaster's handlers in the child: they share its event loop. */
static pid_t fork_quiet(void)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    int error = errno;
    if (pid != 0)
        sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}

struct placing *placing_start(const struct job *job,
                              void (*done)(void *arg, struct placed *placed), void *arg,
                              struct bp_error *err)
{
    struct master *master = job->master;
    pid_t self = getpid();
    auto_close int answer = memfd_create("bpmix-placing", MFD_CLOEXEC);
    pid_t pid = answer >= 0 ? fork_quiet() : -1;
    if (pid == 0) {
        become_child(master, answer, self);
        _exit(answer_with(answer, job) < 0);
    }
    int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pidfd < 0) {
        bp_error_set(err, -errno, "bpmaster cannot start a placement: %s", strerror(errno));
        if (pid > 0) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
        }
        return NULL;
    }
    struct placing *placing = bp_calloc(1, sizeof *placing);
    *placing = (struct placing){.pid = pid, .pidfd = pidfd, .answer = bp_take_fd(answer),
                                .done = done, .arg = arg};
    placing->ended = event_new(master->base, pidfd, EV_READ | EV_PERSIST, on_ended, placing);
    placing->timer = evtimer_new(master->base, on_timer, placing);
    event_add(placing->ended, NULL);
    event_add(placing->timer, &(struct timeval){.tv_sec = TIME_S});
    return placing;
}

void placing_free(struct placing *placing)
{
    if (placing == NULL)
        return;
    if (placing->pid > 0) {
        kill(placing->pid, SIGKILL);
        waitpid(placing->pid, NULL, 0);
    }
    event_free(placing->ended);
    event_free(placing->timer);
    close(placing->pidfd);
    close(placing->answer);
    free(placing);
}
