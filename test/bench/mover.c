/* SPDX-License-Identifier: BSD-3-Clause */
/* mover.c - times one way to get this process's memory to another place: move WAY MIB prints seconds.
 *
 * The memory is MIB of bytes that do not repeat, and the process itself (about 1.2 MB). The clock is
 * the machine's, so all places must be on it.
 *   rfork    until the caller has the PID of the child, which runs on node 1
 *   again    the same for later calls of a program, which find what the first has made: the median
 *   vrfork   as rfork, for a child on node 1 and one on node 0
 *   move     until the process runs on node 1
 *   onward   from there to another node and back, both of which it has been on: the median of each
 *   home     from there back to where it began
 *   undump   by a memory file: dumped and undumped, no network
 *   fork     until the child runs
 *   memcpy   into memory never touched
 *   tcp      over loopback, into memory never touched, until the receiver has all */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/bproc.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LATER   9
#define REST_MS 10

static char *data;
static size_t bytes;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static char *map(void)
{
    char *at = mmap(NULL, bytes + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        err(1, "mmap");
    return at;
}

static void fill(void)
{
    uint64_t word = 88172645463325252ULL;
    data = map();
    for (size_t i = 0; i < bytes; i += sizeof word) {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        memcpy(data + i, &word, sizeof word);
    }
}

static void reap(const int *pids, int count)
{
    int status;
    for (int i = 0; i < count; i++) {
        if (pids[i] <= 0 || waitpid(pids[i], &status, 0) != pids[i] || status != 0)
            errx(1, "child %d: %s", i, pids[i] > 0 ? "wrong" : bproc_strerror(-pids[i]));
    }
}

static double by_rfork(void)
{
    double began = now();
    int pid = bproc_rfork(1);
    if (pid < 0)
        errx(1, "rfork: %s", bproc_strerror(errno));
    if (pid == 0)
        _exit(0);
    double took = now() - began;
    reap(&pid, 1);
    return took;
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Of calls with a rest between them, in which what the last one has left ends. */
static double median(double (*call)(void))
{
    double took[LATER];
    for (int i = 0; i < LATER; i++) {
        usleep(REST_MS * 1000);
        took[i] = call();
    }
    qsort(took, LATER, sizeof *took, by_size);
    return took[LATER / 2];
}

static double by_again(void)
{
    by_rfork();
    return median(by_rfork);
}

static double by_vrfork(void)
{
    int nodes[] = {0, 1}, pids[2];
    double began = now();
    int index = bproc_vrfork(2, nodes, pids);
    if (index < 0)
        errx(1, "vrfork: %s", bproc_strerror(errno));
    if (index < 2)
        _exit(0);
    double took = now() - began;
    reap(pids, 2);
    return took;
}

static double by_move(void)
{
    double began = now();
    if (bproc_move(1) < 0)
        errx(1, "move: %s", bproc_strerror(errno));
    return now() - began;
}

static double to_the_other(void)
{
    int node = 1 - bproc_currnode();
    double began = now();
    if (bproc_move(node) < 0)
        errx(1, "move: %s", bproc_strerror(errno));
    return now() - began;
}

static double by_onward(void)
{
    by_move();
    to_the_other();
    to_the_other();
    return median(to_the_other);
}

static double by_home(void)
{
    by_move();
    double began = now();
    if (bproc_move(BPROC_NODE_MASTER) < 0)
        errx(1, "move home: %s", bproc_strerror(errno));
    return now() - began;
}

static double by_undump(void)
{
    int fd = memfd_create("image", 0);
    double began = now();
    int written = bproc_dump(fd, 0);
    if (written < 0)
        errx(1, "dump: %s", bproc_strerror(errno));
    if (written == 0)
        return now() - began;
    lseek(fd, 0, SEEK_SET);
    bproc_undump(fd);
    errx(1, "undump: %s", bproc_strerror(errno));
}

static double by_fork(void)
{
    double *ran = mmap(NULL, sizeof *ran, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (ran == MAP_FAILED)
        err(1, "mmap");
    double began = now();
    int pid = fork();
    if (pid == 0) {
        *ran = now();
        _exit(0);
    }
    reap(&pid, 1);
    return *ran - began;
}

static double by_memcpy(void)
{
    char *fresh = map();
    double began = now();
    memcpy(fresh, data, bytes);
    return now() - began + (fresh[bytes / 2] == 77 ? 1e-12 : 0); /* it is used */
}

static void receive(int listener)
{
    int fd = accept(listener, NULL, NULL);
    char *fresh = map();
    for (size_t got = 0; got < bytes;) {
        ssize_t n = read(fd, fresh + got, bytes - got);
        if (n <= 0)
            _exit(1);
        got += (size_t)n;
    }
    _exit(write(fd, "!", 1) == 1 ? 0 : 1);
}

static double by_tcp(void)
{
    struct sockaddr_in place = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof place;
    char byte;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&place, size) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&place, &size) < 0)
        err(1, "listen");
    int pid = fork();
    if (pid == 0)
        receive(listener);
    if (connect(fd, (struct sockaddr *)&place, size) < 0)
        err(1, "connect");
    double began = now();
    for (size_t sent = 0; sent < bytes;) {
        ssize_t n = write(fd, data + sent, bytes - sent);
        if (n <= 0)
            err(1, "write");
        sent += (size_t)n;
    }
    if (read(fd, &byte, 1) != 1)
        errx(1, "the receiver has ended");
    double took = now() - began;
    reap(&pid, 1);
    return took;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        double (*time)(void);
    } ways[] = {
        {"rfork", by_rfork}, {"again", by_again}, {"vrfork", by_vrfork}, {"move", by_move},
        {"onward", by_onward}, {"home", by_home}, {"undump", by_undump}, {"fork", by_fork}, {"memcpy", by_memcpy},
        {"tcp", by_tcp},
    };
    if (argc != 3)
        errx(2, "usage: move WAY MIB");
    bytes = (size_t)(atof(argv[2]) * (1 << 20));
    fill();
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(argv[1], ways[i].name) == 0) {
            printf("%.9f\n", ways[i].time());
            return 0;
        }
    }
    errx(2, "no such way: %s", argv[1]);
}
