/* SPDX-License-Identifier: BSD-3-Clause */
/* space_peer.c - bpnode's part in the tests of bpspace. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "nodeagent/space_start.h"
#include "space_peer.h"

enum { PATIENCE_MS = 120000 };

const char *peer_program = "./bpspace";

static const char *const no_strings[] = {NULL};
static const char *const usual_env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/", NULL};
static const char *const usual_argv[] = {"true", NULL};

void peer_init(struct peer *peer, uid_t uid)
{
    memset(peer, 0, sizeof *peer);
    peer->socket = -1;
    peer->argv = usual_argv;
    peer->envp = usual_env;
    peer->cwd = "/";
    peer->setup = (struct bp_space_setup){
        .version = BP_SPACE_VERSION,
        .uid = uid,
        .gid = uid,
        .umask = 022,
        .lease_ms = 1000000,
        .orphaned = 1,
        .no_limits = 1,
    };
}

static uint32_t count(const char *const *strings)
{
    uint32_t n = 0;
    while (strings[n] != NULL)
        n++;
    return n;
}

static int strings_file(const struct peer *peer)
{
    struct bp_space_strings header = {.argc = count(peer->argv), .envc = count(peer->envp)};
    int fd = memfd_create("strings", MFD_CLOEXEC);
    lseek(fd, sizeof header, SEEK_SET);
    for (uint32_t i = 0; i < header.argc; i++)
        header.bytes += (uint32_t)write(fd, peer->argv[i], strlen(peer->argv[i]) + 1);
    for (uint32_t i = 0; i < header.envc; i++)
        header.bytes += (uint32_t)write(fd, peer->envp[i], strlen(peer->envp[i]) + 1);
    header.bytes += (uint32_t)write(fd, peer->cwd, strlen(peer->cwd) + 1);
    header.bytes += (uint32_t)write(fd, "", 1); /* the program is argv[0] */
    if (pwrite(fd, &header, sizeof header, 0) != (ssize_t)sizeof header)
        printf("# cannot write the strings\n");
    return fd;
}

int peer_open(struct peer *peer, struct bp_space_record *ret_first)
{
    struct bp_error err = {0};
    if (bp_space_start(peer_program, 0, &peer->socket, &peer->pid, &err) < 0) {
        printf("# %s\n", err.text);
        return -1;
    }
    unsigned char payload[sizeof peer->setup + sizeof peer->groups];
    size_t groups = peer->setup.groups * sizeof(gid_t);
    memcpy(payload, &peer->setup, sizeof peer->setup);
    memcpy(payload + sizeof peer->setup, peer->groups, groups);
    struct bp_space_record record = {
        .type = BP_SPACE_SETUP,
        .length = (uint32_t)(sizeof peer->setup + groups),
    };
    int fd = strings_file(peer);
    int r = bp_space_send(peer->socket, &record, payload, &fd, 1);
    close(fd);
    struct bp_space_record first = {0};
    if (r == 0 && !peer_expect(peer, 0, 0, &first))
        r = -1;
    if (ret_first != NULL)
        *ret_first = first;
    return r == 0 && (ret_first != NULL || first.type == BP_SPACE_READY) ? 0 : -1;
}

static size_t append(unsigned char *payload, size_t used, const char *const *strings)
{
    for (; *strings != NULL; strings++) {
        size_t length = strlen(*strings) + 1;
        if (used + length <= BP_SPACE_PAYLOAD_MAX)
            memcpy(payload + used, *strings, length);
        used += length;
    }
    return used;
}

void peer_create(struct peer *peer, const struct creation *c)
{
    static unsigned char payload[BP_SPACE_PAYLOAD_MAX];
    const char *const *argv = c->argv != NULL ? c->argv : no_strings;
    const char *const *envp = c->envp != NULL ? c->envp : no_strings;
    struct bp_space_create create = {
        .cpu_bytes = c->cpu_bytes,
        .argc = count(argv),
        .envc = count(envp),
    };
    size_t used = sizeof create;
    if (c->cpu_bytes > 0)
        memcpy(payload + used, c->cpus, c->cpu_bytes);
    used = append(payload, used + c->cpu_bytes, argv);
    used = append(payload, used, envp);
    create.string_bytes = (uint32_t)(used - sizeof create - c->cpu_bytes);
    memcpy(payload, &create, sizeof create);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int fds[] = {
        c->stdin_fd > 0 ? c->stdin_fd : null,
        c->stdout_fd > 0 ? c->stdout_fd : null,
        2,
    };
    struct bp_space_record record = {
        .type = BP_SPACE_CREATE,
        .serial = c->serial,
        .pid = c->pid,
        .flags = c->flags,
        .length = (uint32_t)used,
    };
    int r;
    while ((r = bp_space_send(peer->socket, &record, payload, fds, 3)) == -EAGAIN) {
        struct pollfd wait = {.fd = peer->socket, .events = POLLIN | POLLOUT};
        poll(&wait, 1, PATIENCE_MS);
        peer_has(peer, 0, 0); /* bpspace may be waiting for us to read */
    }
    if (r < 0)
        printf("# CREATE: %s\n", strerror(-r));
    close(null);
}

void peer_send(struct peer *peer, uint32_t type, uint64_t serial, uint64_t value)
{
    struct bp_space_record record = {.type = type, .serial = serial, .value = value};
    int r = bp_space_send(peer->socket, &record, NULL, NULL, 0);
    if (r < 0)
        printf("# record %u: %s\n", type, strerror(-r));
}

void peer_signal(struct peer *peer, uint64_t serial, int signo)
{
    struct bp_space_record record = {
        .type = BP_SPACE_SIGNAL,
        .serial = serial,
        .signo = signo,
    };
    bp_space_send(peer->socket, &record, NULL, NULL, 0);
}

static int matches(const struct bp_space_record *record, uint32_t type, uint64_t serial)
{
    return (type == 0 || record->type == type) && (serial == 0 || record->serial == serial);
}

/* Everything that has come goes to the backlog. 0 = bpspace is gone. */
static int collect(struct peer *peer)
{
    int r = 1;
    while (peer->waiting < PEER_BACKLOG && (r = bp_space_receive(peer->socket, &peer->packet)) > 0)
        peer->backlog[peer->waiting++] = peer->packet.record;
    return r == -EAGAIN || r > 0;
}

static int find(const struct peer *peer, uint32_t type, uint64_t serial)
{
    for (unsigned i = 0; i < peer->waiting; i++)
        if (matches(&peer->backlog[i], type, serial))
            return (int)i;
    return -1;
}

int peer_has(struct peer *peer, uint32_t type, uint64_t serial)
{
    collect(peer);
    return find(peer, type, serial) >= 0;
}

int peer_expect(struct peer *peer, uint32_t type, uint64_t serial, struct bp_space_record *ret)
{
    uint64_t end = bp_clock_ms() + PATIENCE_MS;
    for (;;) {
        int alive = collect(peer);
        int at = find(peer, type, serial);
        if (at >= 0) {
            if (ret != NULL)
                *ret = peer->backlog[at];
            memmove(&peer->backlog[at], &peer->backlog[at + 1],
                    (--peer->waiting - (unsigned)at) * sizeof *peer->backlog);
            return 1;
        }
        uint64_t now = bp_clock_ms();
        if (!alive || now >= end) {
            printf("# record %u of serial %llu does not come%s\n", type, (unsigned long long)serial,
                   alive ? "" : ": bpspace is gone");
            for (unsigned i = 0; i < peer->waiting && i < 20; i++)
                printf("# but there is record %u of serial %llu, pid %d, status %d, step %u\n",
                       peer->backlog[i].type, (unsigned long long)peer->backlog[i].serial,
                       peer->backlog[i].pid, peer->backlog[i].status, peer->backlog[i].flags);
            return 0;
        }
        struct pollfd wait = {.fd = peer->socket, .events = POLLIN};
        poll(&wait, 1, (int)(end - now));
    }
}

int peer_wait(struct peer *peer)
{
    int status = -1;
    int pidfd = (int)syscall(SYS_pidfd_open, peer->pid, 0);
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    if (poll(&wait, 1, PATIENCE_MS) != 1) {
        printf("# bpspace does not end\n");
        kill(peer->pid, SIGKILL);
        waitpid(peer->pid, NULL, 0);
    } else {
        waitpid(peer->pid, &status, 0);
    }
    close(pidfd);
    if (peer->socket >= 0)
        close(peer->socket);
    peer->socket = -1;
    return status;
}

int peer_close(struct peer *peer)
{
    peer_send(peer, BP_SPACE_CLOSE, 0, 0);
    return peer_wait(peer);
}

void peer_read(int fd, char *text, size_t size, int line)
{
    size_t used = 0;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    while (used < size - 1 && poll(&wait, 1, PATIENCE_MS) == 1) {
        ssize_t got = read(fd, text + used, line ? 1 : size - 1 - used);
        if (got <= 0 || (line && text[used] == '\n'))
            break;
        used += (size_t)got;
    }
    text[used] = '\0';
}

int peer_run(struct peer *peer, struct creation *creation, char *output, size_t size,
             struct bp_space_record *ret_last)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return -1;
    creation->stdout_fd = pair[1];
    peer_create(peer, creation);
    creation->stdout_fd = 0;
    close(pair[1]);
    peer_read(pair[0], output, size, 0);
    close(pair[0]);
    struct bp_space_record record = {0};
    if (peer_expect(peer, 0, creation->serial, &record) && record.type == BP_SPACE_CREATED)
        peer_expect(peer, BP_SPACE_EXIT, creation->serial, &record);
    if (ret_last != NULL)
        *ret_last = record;
    return record.type == BP_SPACE_EXIT ? record.status : -1;
}
