/* SPDX-License-Identifier: BSD-3-Clause */
/* bpkeeper.c - carries the jobs of a program that has no event loop: see lib/keeper.h. The first
 * may be a host; then it takes guests until the program has gone, or was idle for a moment. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/ssl.h>
#include <utlist.h>

#include "common/mem.h"
#include "common/std.h"
#include "tools/kept.h"

#define IDLE_MS 1000 /* its spaces are kept for the next call; stdout is not */
#define WAITING 16   /* calls at the same moment */
#define MEMORY_BYTES (32 << 20)
#define TOP_BYTES    (1 << 20)

struct guest {
    struct kept *kept; /* NULL: its job has not been given yet */
    int fd;
    struct event *event;
    struct keeper *keeper;
    struct guest *prev, *next;
};

struct keeper {
    struct event_base *base;
    struct kept *first; /* NULL = it is over */
    struct guest *guests;
    struct event *program; /* its end */
    struct event *door;    /* NULL = nobody comes in */
    struct event *idle, *look;
    pid_t pid; /* the program's */
};

/* ---- the end ---- */

/* Nobody comes any more; what is there goes on to its end. */
static void close_door(struct keeper *keeper)
{
    struct guest *guest, *next;
    if (keeper->door == NULL)
        return;
    close(event_get_fd(keeper->door));
    event_free(bp_take_ptr(keeper->door));
    evtimer_del(keeper->idle);
    DL_FOREACH_SAFE(keeper->guests, guest, next)
        if (guest->kept == NULL) /* it will see that it has to start another keeper */
            shutdown(guest->fd, SHUT_RDWR);
    kept_release(keeper->first);
}

static void guest_free(struct guest *guest)
{
    DL_DELETE(guest->keeper->guests, guest);
    if (guest->event != NULL)
        event_free(guest->event);
    if (guest->fd >= 0)
        close(guest->fd);
    kept_free(guest->kept);
    free(guest);
}

/* What is over goes; with nothing left to do it waits for a moment. */
static void on_look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct keeper *keeper = arg;
    struct guest *guest, *next;
    DL_FOREACH_SAFE(keeper->guests, guest, next)
        if (guest->kept != NULL && (kept_is_over(guest->kept) || kept_is_lost(guest->kept)))
            guest_free(guest);
    if (kept_is_lost(keeper->first) ||
        (keeper->guests == NULL && kept_is_over(keeper->first))) {
        event_base_loopbreak(keeper->base);
        return;
    }
    if (keeper->door != NULL && keeper->guests == NULL && kept_is_idle(keeper->first))
        event_add(keeper->idle, &(struct timeval){.tv_sec = IDLE_MS / 1000,
                                                  .tv_usec = IDLE_MS % 1000 * 1000});
}

/* Not at once: the one that says so is in the middle of something. */
static void look(void *arg)
{
    struct keeper *keeper = arg;
    event_active(keeper->look, 0, 0);
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    close_door(arg);
}

/* ---- guests ---- */

static void on_given(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct guest *guest = arg;
    struct keeper *keeper = guest->keeper;
    struct bp_local_message message;
    struct bp_error err = {0};
    int r = bp_local_receive(fd, BP_PEER_MASTER, BP_PEER_TOOL, &message, &err);
    if (r == -EAGAIN)
        return;
    event_free(bp_take_ptr(guest->event));
    if (r > 0 && message.frame.type == BP_JOB_MAP && message.frame.node == BP_KEEPER_GUEST &&
        keeper->door != NULL &&
        message.fd_count == (message.frame.tag != 0 ? BP_KEEPER_FDS : BP_KEEPER_PROLOGUE))
        guest->kept = kept_new(keeper->base, bp_take_fd(guest->fd), &message, keeper->first, look,
                               keeper, &err);
    else if (r > 0 && message.frame.node == BP_KEEPER_STALE)
        close_door(keeper);
    if (r > 0)
        bp_local_done(&message);
    if (guest->kept == NULL) {
        guest_free(guest);
        look(keeper);
    }
}

/* Only the program itself, which is alive, has this number. */
static int is_program(const struct keeper *keeper, int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == keeper->pid &&
           peer.uid == geteuid() &&
           syscall(SYS_pidfd_send_signal, event_get_fd(keeper->program), 0, NULL, 0) == 0;
}

static void on_knock(evutil_socket_t listener, short what, void *arg)
{
    (void)what;
    struct keeper *keeper = arg;
    struct bp_keeper_hello hello = {.job = kept_job(keeper->first)};
    auto_close int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 || !is_program(keeper, fd) || send(fd, &hello, sizeof hello, MSG_NOSIGNAL) < 0)
        return;
    evtimer_del(keeper->idle);
    struct guest *guest = bp_calloc(1, sizeof *guest);
    *guest = (struct guest){.keeper = keeper, .fd = bp_take_fd(fd)};
    guest->event = event_new(keeper->base, guest->fd, EV_READ | EV_PERSIST, on_given, guest);
    event_add(guest->event, NULL);
    DL_APPEND(keeper->guests, guest);
}

/* ---- the beginning ---- */

static void on_program_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    close_door(arg);
}

static int listen_here(pid_t pid)
{
    struct sockaddr_un address;
    socklen_t length = bp_keeper_name(geteuid(), pid, &address);
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 ||
        listen(fd, WAITING) < 0)
        return -errno;
    return bp_take_fd(fd);
}

/* Where the name is taken (by the keeper of a call in another thread, or one that is about to end)
 * this one does without. */
static void open_door(struct keeper *keeper, const struct ucred *program)
{
    keeper->pid = program->pid;
    int alive = (int)syscall(SYS_pidfd_open, program->pid, 0);
    int door = alive >= 0 ? listen_here(program->pid) : -1;
    if (door < 0) {
        if (alive >= 0)
            close(alive);
        kept_release(keeper->first);
        return;
    }
    keeper->program = event_new(keeper->base, alive, EV_READ, on_program_end, keeper);
    event_add(keeper->program, NULL);
    keeper->door = event_new(keeper->base, door, EV_READ | EV_PERSIST, on_knock, keeper);
    event_add(keeper->door, NULL);
}

/* Memory that an image went through is not given back for the next one: it does not live long. */
static void keep_memory(void)
{
    mallopt(M_TRIM_THRESHOLD, MEMORY_BYTES);
    mallopt(M_MMAP_THRESHOLD, MEMORY_BYTES);
    mallopt(M_TOP_PAD, TOP_BYTES);
}

/* A descriptor for every node. */
static void raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

/* From the job that was given to its end. */
static int keep(struct keeper *keeper, struct bp_local_message *message,
                const struct ucred *program)
{
    struct bp_error err = {0};
    keeper->base = event_base_new();
    if (keeper->base == NULL)
        return 1;
    keeper->idle = evtimer_new(keeper->base, on_idle, keeper);
    keeper->look = event_new(keeper->base, -1, 0, on_look, keeper);
    keeper->first = kept_new(keeper->base, BP_KEEPER_CONTROL, message, NULL, look, keeper, &err);
    if (keeper->first == NULL)
        return 1;
    if (message->frame.node == BP_KEEPER_HOST)
        open_door(keeper, program);
    event_base_dispatch(keeper->base);
    return 0;
}

static void keeper_done(struct keeper *keeper)
{
    struct guest *guest, *next;
    DL_FOREACH_SAFE(keeper->guests, guest, next)
        guest_free(guest);
    kept_free(keeper->first);
    if (keeper->door != NULL) {
        close(event_get_fd(keeper->door));
        event_free(keeper->door);
    }
    if (keeper->program != NULL) {
        close(event_get_fd(keeper->program));
        event_free(keeper->program);
    }
    if (keeper->base == NULL)
        return;
    event_free(keeper->idle);
    event_free(keeper->look);
    event_base_free(keeper->base);
}

int main(void)
{
    struct keeper keeper = {.pid = 0};
    struct bp_local_message message;
    struct bp_error err = {0};
    struct ucred program;
    socklen_t size = sizeof program;
    bp_std_open();
    signal(SIGPIPE, SIG_IGN);
    raise_files();
    keep_memory();
    SSL_CTX_free(SSL_CTX_new(TLS_server_method())); /* OpenSSL is slow to start: meanwhile */
    int r = bp_local_receive(BP_KEEPER_CONTROL, BP_PEER_MASTER, BP_PEER_TOOL, &message, &err);
    if (r <= 0 || message.frame.type != BP_JOB_MAP ||
        message.fd_count != (message.frame.tag != 0 ? BP_KEEPER_FDS : BP_KEEPER_PROLOGUE) ||
        getsockopt(BP_KEEPER_CONTROL, SOL_SOCKET, SO_PEERCRED, &program, &size) < 0)
        return 1; /* the program gave up before it had a job, or was killed */
    r = keep(&keeper, &message, &program);
    bp_local_done(&message);
    keeper_done(&keeper);
    return r;
}
