/* SPDX-License-Identifier: BSD-3-Clause */
/* home.c - a program that goes to nodes and comes home, and judges itself; run by home.py.
 * home rounds COUNT   : COUNT times to node 0 and home, a line at each place; ends with 7.
 * home read COUNT     : at home a line of stdin and the same to stdout, and then to node 1.
 * home lost FOLDER    : cannot come home from a folder that only the node has, goes on there.
 * home locked         : denies itself new code, cannot come home.
 * home wait           : at home and there again and again until it is killed.
 * home child          : its child on another node is its child at home. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/bproc.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SET_MDWE = 65 /* since 6.3 */ };

static void go(int node)
{
    if (bproc_move(node) == 0 && bproc_currnode() == node)
        return;
    printf("to %d: %s at %d\n", node, strerror(errno), bproc_currnode());
    exit(1);
}

static int rounds(int count)
{
    int pid = getpid(), parent = getppid(), group = getpgrp(), session = getsid(0), wrong = 0;
    for (int i = 0; i < count; i++) {
        go(0);
        printf("there %d\n", i);
        go(BPROC_NODE_MASTER);
        wrong += getpid() != pid || getppid() != parent || getpgrp() != group ||
                 getsid(0) != session;
        printf("here %d\n", i);
    }
    int child = waitpid(-1, NULL, __WALL);
    printf("wrong %d wait %d %s\n", wrong, child, strerrorname_np(errno));
    return 7;
}

static int echo(int count)
{
    char line[64];
    size_t used;
    for (int i = 0; i < count; i++) {
        for (used = 0; used < sizeof line - 1 && read(0, line + used, 1) == 1; used++)
            if (line[used] == '\n')
                break;
        line[used] = '\0';
        printf("%s\n", line);
        go(1);
        go(BPROC_NODE_MASTER);
    }
    return 7;
}

static int lost(const char *folder)
{
    go(0);
    if (mkdir(folder, 0755) < 0 || chdir(folder) < 0)
        return 1;
    int r = bproc_move(BPROC_NODE_MASTER);
    printf("%d %s at %d\n", r, strerrorname_np(errno), bproc_currnode());
    if (chdir("/") < 0)
        return 1;
    if (rmdir(folder) < 0)
        return 1;
    go(BPROC_NODE_MASTER);
    printf("at %d\n", bproc_currnode());
    return 7;
}

/* What its ghost would have too, so that nobody could restore it there. */
static int locked(void)
{
    go(0);
    if (prctl(SET_MDWE, 1, 0, 0, 0) < 0)
        return 4;
    int r = bproc_move(BPROC_NODE_MASTER);
    printf("%d %s at %d\n", r, strerrorname_np(errno), bproc_currnode());
    return 7;
}

static int child(void)
{
    int status = 0;
    go(0);
    int pid = bproc_rfork(1);
    if (pid == 0) {
        sigset_t set;
        int signo;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, NULL);
        puts("born");
        sigwait(&set, &signo);
        _exit(5);
    }
    if (pid < 0)
        printf("rfork: %s at %d\n", bproc_strerror(errno), bproc_currnode());
    go(BPROC_NODE_MASTER);
    printf("kill %d\n", pid > 0 ? kill(pid, SIGUSR1) : errno);
    printf("wait %d\n", waitpid(pid, &status, 0) == pid);
    printf("status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    return 7;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 2 && strcmp(argv[1], "rounds") == 0)
        return rounds(atoi(argv[2]));
    if (argc > 2 && strcmp(argv[1], "read") == 0)
        return echo(atoi(argv[2]));
    if (argc > 2 && strcmp(argv[1], "lost") == 0)
        return lost(argv[2]);
    if (argc > 1 && strcmp(argv[1], "locked") == 0)
        return locked();
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return child();
    return argc > 1 && strcmp(argv[1], "wait") == 0 ? rounds(1 << 30) : 2;
}
