/* SPDX-License-Identifier: BSD-3-Clause */
/* grow.c - a stranger's program that makes processes with libbproc again and again, as the lines of
 * its stdin say; run by grow.py. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/bproc.h>
#include <sys/wait.h>
#include <unistd.h>

static int read_line(char *line, size_t size)
{
    size_t length = 0;
    while (length + 1 < size && read(0, line + length, 1) == 1 && line[length] != '\n')
        length++;
    int end = length == 0 && line[0] != '\n';
    line[length] = '\0';
    return !end;
}

/* A child that says who it is and stays. */
static void make(int node)
{
    int pid = bproc_rfork(node);
    if (pid == 0) {
        printf("child %d %d %d %d %d\n", getpid(), getppid(), getsid(0), getpgrp(),
               bproc_currnode());
        for (;;)
            pause();
    }
    if (pid < 0)
        printf("failed %d\n", errno);
    else
        printf("made %d\n", pid);
}

/* A child that is over at once: its status, or what went wrong. */
static int once(int node, int status)
{
    int got = -1, pid = bproc_rfork(node);
    if (pid == 0)
        _exit(status);
    if (pid < 0)
        return 1000 + errno;
    if (waitpid(pid, &got, 0) != pid || !WIFEXITED(got))
        return 2000 + got;
    return WEXITSTATUS(got);
}

static void many(int count, int nodes)
{
    int wrong = 0;
    for (int i = 0; i < count; i++)
        wrong += once(i % nodes, i % 100) != i % 100;
    printf("wrong %d\n", wrong);
}

static void *in_thread(void *arg)
{
    long number = (long)arg;
    for (int i = 0; i < 3; i++)
        if (once((int)number % 2, i + 1) != i + 1)
            return (void *)1000L;
    return NULL;
}

static void threads(int count)
{
    pthread_t all[16];
    long wrong = 0;
    for (long i = 0; i < count; i++)
        pthread_create(&all[i], NULL, in_thread, (void *)i);
    for (int i = 0; i < count; i++) {
        void *result;
        pthread_join(all[i], &result);
        wrong += (long)result;
    }
    printf("wrong %ld\n", wrong);
}

static void in_fork(int node)
{
    int status, pid = fork();
    if (pid == 0) {
        int self = getpid(), child = bproc_rfork(node);
        if (child == 0)
            _exit(getppid() == self ? 7 : 8);
        _exit(waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : 9);
    }
    waitpid(pid, &status, 0);
    printf("status %d\n", WEXITSTATUS(status));
}

/* Children here, there and where none can be: what each call and each end was. */
static void several(void)
{
    static int nodes[] = {0, 1, 9, 2, -1, 1};
    int pids[6], status, index = bproc_vrfork(6, nodes, pids);
    if (index < 6)
        _exit(index < 0 ? 99 : index + 1);
    printf("several");
    for (int i = 0; i < 6; i++) {
        if (pids[i] <= 0)
            printf(" %d", pids[i]);
        else if (waitpid(pids[i], &status, 0) == pids[i])
            printf(" %x", (unsigned)status);
    }
    int more = waitpid(-1, NULL, WNOHANG);
    printf(" %s\n", more < 0 ? strerrorname_np(errno) : "more");
}

/* A program of this machine on another one. */
static void spawn(int node)
{
    static char *const words[] = {(char *)"sh", (char *)"-c", (char *)"exit $((40 + BPROC_NODE))",
                                  NULL};
    int pid, status = -1, r = bproc_vexecmove(1, &node, &pid, "/bin/sh", words, environ);
    if (r == 1 && pid > 0)
        waitpid(pid, &status, 0);
    printf("spawned %d %x\n", r, (unsigned)status);
}

static void reap(int pid)
{
    int status = -1;
    waitpid(pid, &status, 0);
    printf("status %x\n", (unsigned)status);
}

static void obey(const char *word, int a, int b)
{
    if (strcmp(word, "make") == 0)
        make(a);
    else if (strcmp(word, "once") == 0)
        printf("status %d\n", once(a, b));
    else if (strcmp(word, "many") == 0)
        many(a, b);
    else if (strcmp(word, "threads") == 0)
        threads(a);
    else if (strcmp(word, "fork") == 0)
        in_fork(a);
    else if (strcmp(word, "several") == 0)
        several();
    else if (strcmp(word, "spawn") == 0)
        spawn(a);
    else if (strcmp(word, "pid") == 0)
        printf("pid %d\n", getpid());
    else if (strcmp(word, "reap") == 0)
        reap(a);
    else if (strcmp(word, "setsid") == 0)
        printf("session %d\n", setsid());
    else if (strcmp(word, "file") == 0) /* the next children's stdout */
        printf("file %d\n", dup2(open("/tmp/grow-out", O_WRONLY | O_CREAT, 0600), 1));
    else if (strcmp(word, "files") == 0) {
        int count = 0;
        for (int fd = 0; fd < 256; fd++)
            count += fcntl(fd, F_GETFD) >= 0;
        printf("files %d\n", count);
    }
}

int main(void)
{
    char line[128], word[32];
    int a, b;
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (read_line(line, sizeof line)) {
        a = b = 0;
        if (sscanf(line, "%31s %d %d", word, &a, &b) >= 1)
            obey(word, a, b);
    }
    return 0;
}
