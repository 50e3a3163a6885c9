/* SPDX-License-Identifier: BSD-3-Clause */
/* homeward.c - processes come home whose parents did not go with them, and judge themselves; run by
 * homeward.py. What each does at home is the last words:
 * end STATUS          : ends with it (below 0: by that signal).
 * talk                : is stopped, and counts real-time signals until another one comes: its status.
 * count               : the same, and is not stopped.
 * asked FILE          : as count; it leaves its node when that is no more.
 * stay                : until it is killed.
 * rounds COUNT        : to node 1 and home, so often; ends with 7.
 *
 * homeward kin NODE WHAT...   : a child of this process, made on that node, does it; its parent says
 *                               what wait() said.
 * homeward kins COUNT WHAT... : the same on nodes 0 and 1, and so often.
 * homeward orphan NODE WHAT.. : its parent is gone when it comes.
 * homeward rank WHAT...       : this process itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/bproc.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void fail(const char *what)
{
    printf("%s: %s at %d\n", what, bproc_strerror(errno), bproc_currnode());
    exit(99);
}

static void go(int node)
{
    if (bproc_move(node) < 0 || bproc_currnode() != node)
        fail("move");
}

static sigset_t block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGRTMIN + 1); /* of those that wait the lower number comes first */
    sigprocmask(SIG_BLOCK, &set, NULL);
    return set;
}

static int count_signals(int stops)
{
    sigset_t set = block_signals();
    siginfo_t info;
    int count = 0;
    if (stops)
        raise(SIGSTOP);
    else
        printf("ready\n");
    while (sigwaitinfo(&set, &info) == SIGRTMIN)
        count++;
    return count;
}

/* From its node to its end at home. */
static int act(char **what)
{
    int pid = getpid(), parent = getppid(), group = getpgrp(), session = getsid(0);
    printf("away\n");
    if (strcmp(what[0], "asked") == 0) {
        block_signals();
        for (int i = 0; i < 20000 && access(what[1], F_OK) == 0; i++)
            usleep(1000);
    }
    go(BPROC_NODE_MASTER);
    printf("home\n");
    if (getpid() != pid || getppid() != parent || getpgrp() != group || getsid(0) != session)
        return 98;
    if (strcmp(what[0], "end") == 0 && atoi(what[1]) < 0)
        kill(pid, -atoi(what[1]));
    else if (strcmp(what[0], "end") == 0)
        return atoi(what[1]);
    else if (strcmp(what[0], "talk") == 0 || strcmp(what[0], "count") == 0 ||
             strcmp(what[0], "asked") == 0)
        return count_signals(what[0][0] == 't');
    for (int i = 0; strcmp(what[0], "rounds") == 0 && i < atoi(what[1]); i++) {
        go(1);
        go(BPROC_NODE_MASTER);
    }
    while (strcmp(what[0], "stay") == 0)
        pause();
    return 7;
}

static int make(int node, char **what)
{
    int pid = bproc_rfork(node);
    if (pid == 0)
        exit(act(what));
    if (pid < 0)
        fail("rfork");
    return pid;
}

static void converse(int pid)
{
    int status = 0;
    if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
        fail("not stopped");
    if (kill(pid, SIGCONT) < 0 || waitpid(pid, &status, WCONTINUED) != pid ||
        !WIFCONTINUED(status))
        fail("not continued");
    for (int i = 0; i < 50; i++)
        if (sigqueue(pid, SIGRTMIN, (union sigval){.sival_int = i}) < 0)
            fail("sigqueue");
    kill(pid, SIGRTMIN + 1);
}

static void await(int pid)
{
    int status = 0, r = waitpid(pid, &status, 0);
    printf("wait %d status %d\n", r == pid, WIFEXITED(status) ? WEXITSTATUS(status)
                                                               : -WTERMSIG(status));
}

static int kin(int node, char **what)
{
    int pid = make(node, what);
    printf("made\n");
    if (strcmp(what[0], "talk") == 0)
        converse(pid);
    await(pid);
    int r = waitpid(-1, NULL, __WALL);
    printf("then %d %d\n", r, errno == ECHILD);
    return 0;
}

static int kins(int count, char **what)
{
    for (int i = 0; i < count; i++) {
        int nodes[] = {0, 1}, pids[2];
        int rank = bproc_vrfork(2, nodes, pids);
        if (rank >= 0 && rank < 2)
            exit(act(what));
        for (int k = 0; k < 2; k++) {
            if (pids[k] < 0)
                fail("vrfork");
            await(pids[k]);
        }
    }
    return 0;
}

static int orphan(int node, char **what)
{
    int pid = fork();
    if (pid == 0) {
        make(node, what);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    return 0;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 3 && strcmp(argv[1], "kin") == 0)
        return kin(atoi(argv[2]), argv + 3);
    if (argc > 3 && strcmp(argv[1], "kins") == 0)
        return kins(atoi(argv[2]), argv + 3);
    if (argc > 3 && strcmp(argv[1], "orphan") == 0)
        return orphan(atoi(argv[2]), argv + 3);
    return argc > 2 && strcmp(argv[1], "rank") == 0 ? act(argv + 2) : 2;
}
