/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_procs.c - a stranger's program that makes processes with libbproc; run by bproc_procs.py. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/bproc.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int failed(const char *call)
{
    printf("%s: %d %s\n", call, errno, bproc_strerror(errno));
    return 99;
}

static volatile sig_atomic_t deaths;

static void on_death(int signo)
{
    (void)signo;
    deaths++;
}

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void say_who(const char *who)
{
    char host[64];
    gethostname(host, sizeof host);
    printf("%s %s pid %d ppid %d node %d\n", who, host, getpid(), getppid(), bproc_currnode());
}

/* "PID STATUS" of all children in the order of pids, then how many more there were. */
static int wait_all(int count, const int *pids)
{
    for (int i = 0; i < count; i++) {
        int status = -1;
        if (pids[i] > 0 && waitpid(pids[i], &status, 0) != pids[i])
            return failed("waitpid");
        printf("child %d: %d status %x\n", i, pids[i], (unsigned)status);
    }
    int more = wait(NULL);
    printf("then %d %s\n", more, strerrorname_np(errno));
    return 0;
}

static int do_rexec(int argc, char **argv)
{
    (void)argc;
    bproc_rexec(atoi(argv[0]), argv[1], argv + 1, environ);
    return failed("rexec");
}

static int do_execmove(int argc, char **argv)
{
    (void)argc;
    bproc_execmove(atoi(argv[0]), argv[1], argv + 1, environ);
    return failed("execmove");
}

static int numbers(char *words, int *list)
{
    int count = 0;
    for (char *word = strtok(words, ","); word != NULL; word = strtok(NULL, ","))
        list[count++] = atoi(word);
    return count;
}

static int do_vexecmove(int argc, char **argv)
{
    static int nodes[1024], pids[1024];
    int count = numbers(argv[0], nodes);
    (void)argc;
    int r = bproc_vexecmove(count, nodes, pids, argv[1], argv + 1, environ);
    if (r < 0)
        return failed("vexecmove");
    printf("vexecmove %d\n", r);
    return wait_all(count, pids);
}

static int do_rfork(int argc, char **argv)
{
    int local = 7;
    char *heap = strdup("heap");
    signal(SIGCHLD, on_death);
    int before = open_descriptors();
    int pid = bproc_rfork(atoi(argv[0]));
    if (pid < 0)
        return failed("rfork");
    if (pid == 0) {
        say_who("child");
        while (argc == 1)
            pause();
        printf("%s %d descriptors %d\n", heap, local, open_descriptors());
        exit(atoi(argv[1]));
    }
    local = 0;
    if (argc == 1) {
        printf("quiet %d\n", (int)deaths);
        kill(pid, SIGTERM);
    }
    int opened = open_descriptors() - before, status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    printf("pid %d status %x more %d deaths %d\n", pid, (unsigned)status, opened, (int)deaths);
    int more = wait(NULL);
    printf("then %d %s\n", more, strerrorname_np(errno));
    return 0;
}

/* The call's result, its errno, and what a wait() finds afterwards. */
static int say_failure(int result)
{
    int error = errno;
    int child = waitpid(-1, NULL, __WALL);
    printf("%d %d %s\n", result, error, child < 0 ? strerrorname_np(errno) : "a child");
    return 0;
}

static int do_rfork_fails(int argc, char **argv)
{
    (void)argc;
    return say_failure(bproc_rfork(atoi(argv[0])));
}

static int do_execmove_fails(int argc, char **argv)
{
    (void)argc;
    return say_failure(bproc_execmove(atoi(argv[0]), argv[1], argv + 1, environ));
}

static int do_chmod(int argc, char **argv)
{
    (void)argc;
    return bproc_chmod(atoi(argv[0]), atoi(argv[1]));
}

static int do_vrfork(int argc, char **argv)
{
    static int nodes[4096], pids[4096];
    int count = numbers(argv[0], nodes), repeat = argc > 1 ? atoi(argv[1]) : 1;
    for (int i = count; i < count * repeat; i++)
        nodes[i] = nodes[i % count];
    count *= repeat;
    int parent = getpid(), r = bproc_vrfork(count, nodes, pids);
    if (r < 0)
        return failed("vrfork");
    if (getpid() != parent) {
        if (repeat == 1)
            say_who("child");
        exit(r % 200 + 1);
    }
    printf("vrfork %d\n", r);
    return wait_all(count, pids);
}

static int do_move(int argc, char **argv)
{
    double sum = 0;
    int pid = getpid();
    for (int i = 0; i < argc; i++) {
        if (bproc_move(atoi(argv[i])) < 0)
            return failed("move");
        sum += 0.5;
        say_who("moved");
    }
    return getpid() == pid && sum == 0.5 * argc ? 11 : 12;
}

static int do_dump(int argc, char **argv)
{
    (void)argc;
    int fd = open(argv[0], O_CREAT | O_TRUNC | O_RDWR, 0600), pid = getpid();
    int r = bproc_dump(fd, 0);
    if (r < 0)
        return failed("dump");
    printf("%s %s\n", r > 0 ? "dumped" : "undumped", getpid() == pid ? "same" : "other");
    return r > 0 ? 0 : 21;
}

static int do_undump(int argc, char **argv)
{
    (void)argc;
    bproc_undump(open(argv[0], O_RDONLY));
    return failed("undump");
}

static int do_execdump(int argc, char **argv)
{
    (void)argc;
    int fd = open(argv[0], O_CREAT | O_TRUNC | O_RDWR, 0600);
    int r = bproc_execdump(fd, 0, argv[1], argv + 1, environ);
    return r > 0 ? 0 : failed("execdump");
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"rexec", do_rexec},         /* NODE PROGRAM ARGUMENT... */
    {"execmove", do_execmove},   /* the same */
    {"vexecmove", do_vexecmove}, /* NODE,NODE... PROGRAM ARGUMENT... */
    {"rfork", do_rfork},         /* NODE [STATUS], else until it is killed */
    {"rfork-fails", do_rfork_fails},       /* NODE */
    {"execmove-fails", do_execmove_fails}, /* NODE PROGRAM */
    {"chmod", do_chmod},         /* NODE MODE */
    {"vrfork", do_vrfork},       /* NODE,NODE... [TIMES] */
    {"move", do_move},           /* NODE... */
    {"dump", do_dump},           /* FILE */
    {"undump", do_undump},       /* FILE */
    {"execdump", do_execdump},   /* FILE PROGRAM ARGUMENT... */
};

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    fprintf(stderr, "what?\n");
    return 2;
}
