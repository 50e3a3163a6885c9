/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_edges.c - libbproc's processes in unusual programs; run by bproc_edges.py. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/bproc.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static int failed(const char *call)
{
    printf("%s: %d %s\n", call, errno, bproc_strerror(errno));
    return 99;
}

static volatile sig_atomic_t taken[65], values[65];

static void on_signal(int signo, siginfo_t *info, void *context)
{
    (void)context;
    taken[signo]++;
    values[signo] = info->si_value.sival_int;
}

static void take(int signo)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(signo, &action, NULL);
}

/* A child that says a line when it gets SIGUSR1, and ends. The caller ends at once. */
static int do_orphan(char **argv)
{
    take(SIGUSR1);
    int pid = bproc_rfork(atoi(argv[0]));
    if (pid < 0)
        return failed("rfork");
    if (pid > 0) {
        printf("child %d\n", pid);
        return 0;
    }
    while (taken[SIGUSR1] == 0)
        usleep(1000);
    printf("still here\n");
    return 0;
}

/* The same, but the caller waits; what it hears of the child. */
static int do_child(char **argv)
{
    int status = 0, pid = bproc_rfork(atoi(argv[0]));
    if (pid < 0)
        return failed("rfork");
    while (pid == 0)
        pause();
    printf("child %d\n", pid);
    fflush(stdout);
    waitpid(pid, &status, 0);
    printf("status %x\n", (unsigned)status);
    return 0;
}

static int do_ignoring(char **argv)
{
    signal(SIGCHLD, SIG_IGN);
    int pid = bproc_rfork(atoi(argv[0]));
    if (pid < 0)
        return failed("rfork");
    if (pid == 0)
        return 3;
    int more = wait(NULL), error = errno;
    printf("wait %d %s\n", more, strerrorname_np(error));
    return signal(SIGCHLD, SIG_DFL) == SIG_IGN ? 0 : 1;
}

static volatile int stopping;

static void *allocate(void *arg)
{
    (void)arg;
    while (!stopping)
        free(malloc((size_t)rand() % 100000 + 1));
    return NULL;
}

/* Other threads are in malloc and stdio most of the time. */
static int do_threads(char **argv)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, allocate, NULL);
    int good = 0, status;
    for (int i = 0; i < 20; i++) {
        int pid = bproc_rfork(atoi(argv[0]));
        if (pid < 0)
            return failed("rfork");
        if (pid == 0) {
            char *text = malloc(100000);
            snprintf(text, 100000, "child %d", i);
            exit(strlen(text) > 0 ? 42 : 1);
        }
        good += waitpid(pid, &status, 0) == pid && status == 42 << 8;
    }
    int r = bproc_move(atoi(argv[0])), error = errno;
    stopping = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("good %d move %d %s\n", good, r, strerrorname_np(error));
    return 0;
}

/* ADDRESS PORT: a file of the node as 1, another as 7, a connection as 8. */
static int do_io(char **argv)
{
    struct bproc_io_t io[3] = {
        {.fd = 1, .type = BPROC_IO_FILE},
        {.fd = 7, .type = BPROC_IO_FILE},
        {.fd = 8, .type = BPROC_IO_SOCKET, .flags = BPROC_IO_SEND_INFO},
    };
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[1]))};
    inet_pton(AF_INET, argv[0], &address.sin_addr);
    memcpy(&io[2].d.addr, &address, sizeof address);
    io[0].d.file.flags = O_WRONLY | O_CREAT;
    io[0].d.file.mode = 0600;
    strcpy(io[0].d.file.name, "/tmp/io-one");
    io[1].d.file.flags = O_RDONLY;
    io[1].d.file.offset = 1;
    strcpy(io[1].d.file.name, "/etc/hostname");
    int status = 0, pid = bproc_rfork_io(0, io, 3);
    if (pid < 0)
        return failed("rfork_io");
    if (pid == 0) {
        char byte = 0;
        printf("to the file\n");
        fflush(stdout);
        if (read(7, &byte, 1) != 1)
            return 1;
        dprintf(8, "through 8\n");
        return fcntl(9, F_GETFD) < 0 ? 6 : 7;
    }
    waitpid(pid, &status, 0);
    printf("pid %d status %x\n", pid, (unsigned)status);
    return 0;
}

/* Signals that wait, and a timer, come along and come once. */
static int do_pending(char **argv)
{
    sigset_t set;
    union sigval value = {.sival_int = 5};
    struct itimerval soon = {.it_value = {.tv_usec = 500000}};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN + 3);
    take(SIGUSR1);
    take(SIGALRM);
    take(SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1);
    sigqueue(getpid(), SIGRTMIN + 3, value);
    sigqueue(getpid(), SIGRTMIN + 3, value);
    setitimer(ITIMER_REAL, &soon, NULL);
    if (bproc_move(atoi(argv[0])) < 0)
        return failed("move");
    if (taken[SIGUSR1] + taken[SIGRTMIN + 3] != 0)
        return 1;
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    while (taken[SIGALRM] == 0 || taken[SIGUSR1] == 0 || taken[SIGRTMIN + 3] < 2)
        usleep(1000);
    getitimer(ITIMER_REAL, &soon); /* nor may anything come once more */
    sigpending(&set);
    if (soon.it_value.tv_sec + soon.it_value.tv_usec != 0 || !sigisemptyset(&set))
        return 1;
    printf("node %d usr1 %d alarm %d rt %d value %d\n", bproc_currnode(), (int)taken[SIGUSR1],
           (int)taken[SIGALRM], (int)taken[SIGRTMIN + 3], (int)values[SIGRTMIN + 3]);
    return 0;
}

static int descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* NODE TIMES: nothing grows. */
static int do_many(char **argv)
{
    int before = descriptors(), good = 0, status;
    for (int i = 0; i < atoi(argv[1]); i++) {
        int pid = bproc_rfork(atoi(argv[0]));
        if (pid == 0)
            _exit(9);
        if (pid < 0)
            return failed("rfork");
        good += waitpid(pid, &status, 0) == pid && status == 9 << 8;
    }
    printf("good %d more %d\n", good, descriptors() - before);
    return 0;
}

/* A child on a node asks for processes: a fork is what it gets on its own node. */
static int do_nested(char **argv)
{
    int status = 0, node = atoi(argv[0]), pid = bproc_rfork(node);
    if (pid != 0) {
        waitpid(pid, &status, 0);
        printf("status %x\n", (unsigned)status);
        return 0;
    }
    int own = bproc_rfork(node);
    if (own == 0)
        return 13;
    waitpid(own, &status, 0);
    int home = bproc_rfork(BPROC_NODE_MASTER), other = 0;
    if (home == 0)
        return bproc_currnode() == BPROC_NODE_MASTER ? 14 : 1;
    waitpid(home, &other, 0);
    int moved = bproc_move(BPROC_NODE_MASTER);
    printf("own %x home %x move %d at %d\n", (unsigned)status, (unsigned)other, moved,
           bproc_currnode());
    return 0;
}

/* PORT PROGRAM...: as BProc's bpsh, three connections to the master, whose address is 0. */
static int do_sockets(char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[0]))};
    struct bproc_io_t io[3];
    int node = 0, pid, status = 0;
    for (int i = 0; i < 3; i++) {
        io[i] = (struct bproc_io_t){
            .fd = i, .type = BPROC_IO_SOCKET, .flags = BPROC_IO_SEND_INFO};
        memcpy(&io[i].d.addr, &address, sizeof address);
    }
    int r = bproc_vexecmove_io(1, &node, &pid, io, 3, argv[1], argv + 1, environ);
    if (r != 1 || pid < 0) {
        printf("vexecmove_io: %d %d\n", r, pid);
        return 99;
    }
    waitpid(pid, &status, 0);
    printf("pid %d status %x\n", pid, (unsigned)status);
    return 0;
}

/* FORM NODE ADDRESS PORT: one of the exec forms, of a shell with descriptors above 2. */
static int do_exec_io(char **argv)
{
    static char *words[] = {"/bin/sh", "-c",
                            "read line <&3; echo $line; echo four >&4; echo nine >&9; "
                            "for fd in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do "
                            "test -e /proc/$$/fd/$fd && echo $fd; done; exit 5", NULL};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[3]))};
    struct bproc_io_t io[4] = {
        {.fd = 9, .type = BPROC_IO_SOCKET, .flags = BPROC_IO_DELAY},
        {.fd = 3, .type = BPROC_IO_FILE},
        {.fd = 1, .type = BPROC_IO_FILE},
        {.fd = 4, .type = BPROC_IO_SOCKET, .flags = BPROC_IO_SEND_INFO},
    };
    int node = atoi(argv[1]), pid = 0, status = 0;
    inet_pton(AF_INET, argv[2], &address.sin_addr);
    memcpy(&io[0].d.addr, &address, sizeof address);
    memcpy(&io[3].d.addr, &address, sizeof address);
    strcpy(io[1].d.file.name, "/proc/sys/kernel/hostname");
    io[2].d.file.flags = O_WRONLY | O_CREAT | O_APPEND;
    io[2].d.file.mode = 0600;
    strcpy(io[2].d.file.name, "/tmp/exec-io");
    close_range(3, ~0u, 0); /* for what is executed here */
    if (strcmp(argv[0], "rexec") == 0)
        bproc_rexec_io(node, io, 4, words[0], words, environ);
    else if (strcmp(argv[0], "execmove") == 0)
        bproc_execmove_io(node, io, 4, words[0], words, environ);
    else if (bproc_vexecmove_io(1, &node, &pid, io, 4, words[0], words, environ) == 1 && pid > 0)
        return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : 98;
    if (pid < 0)
        errno = -pid;
    return failed(argv[0]);
}

static int do_rexec(char **argv)
{
    bproc_rexec(atoi(argv[0]), argv[1], argv + 1, environ);
    return failed("rexec");
}

static const struct {
    const char *name;
    int (*run)(char **argv);
} commands[] = {
    {"orphan", do_orphan},   {"child", do_child}, {"ignoring", do_ignoring},
    {"threads", do_threads}, {"io", do_io},       {"pending", do_pending},
    {"many", do_many},       {"rexec", do_rexec},
    {"sockets", do_sockets}, {"nested", do_nested}, {"exec-io", do_exec_io},
};

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argv + 2);
    fprintf(stderr, "what?\n");
    return 2;
}
