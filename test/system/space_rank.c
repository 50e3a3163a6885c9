/* SPDX-License-Identifier: BSD-3-Clause */
/* space_rank.c - what space_driver does when a space runs it as a rank. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

#include "space_rank.h"

/* Print pid, ppid, pgrp, session. */
static int rank_ids(void)
{
    printf("%d %d %d %d\n", getpid(), getppid(), getpgrp(), getsid(0));
    return 0;
}

/* Print the three signals that come: number, code, sender, uid, value. */
static int rank_signals(void)
{
    sigset_t set, all;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGRTMIN + 3);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    printf("ready\n");
    fflush(stdout);
    for (int i = 0; i < 4; i++) {
        siginfo_t info;
        if (sigwaitinfo(&set, &info) < 0)
            return 1;
        printf("%d %d %d %u %llx\n", info.si_signo, info.si_code, info.si_pid, info.si_uid,
               (unsigned long long)(uintptr_t)info.si_value.sival_ptr);
        fflush(stdout);
    }
    return 0;
}

static void *read_stdin(void *unused)
{
    char byte;
    (void)unused;
    return read(0, &byte, 1) >= 0 ? NULL : unused;
}

static int wait_epoll(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
    return epoll_wait(epoll, &event, 1, -1) < 0;
}

static int wait_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, read_stdin, NULL) != 0)
        return 1;
    return pthread_join(thread, NULL);
}

static int wait_grandchild(void)
{
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0)
            read_stdin(NULL);
        _exit(wait(NULL) < 0);
    }
    return waitpid(child, NULL, 0) < 0;
}

static int wait_other_poll(void)
{
    int pair[2];
    struct pollfd fds[2] = {{.fd = 0, .events = POLLHUP}};
    if (pipe(pair) < 0)
        return 1;
    fds[1] = (struct pollfd){.fd = pair[0], .events = POLLIN};
    return poll(fds, 2, -1) < 0;
}

/* Wait for stdin in one of the ways there are; the pause ways do not. */
static int rank_stdin(const char *how)
{
    struct pollfd fds[] = {{.fd = -1}, {.fd = 0, .events = POLLIN}};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(0, &set);
    if (strcmp(how, "read") == 0)
        read_stdin(NULL);
    else if (strcmp(how, "poll") == 0)
        return poll(fds, 2, -1) < 0;
    else if (strcmp(how, "select") == 0)
        return select(1, &set, NULL, NULL, NULL) < 0;
    else if (strcmp(how, "epoll") == 0)
        return wait_epoll();
    else if (strcmp(how, "thread") == 0)
        return wait_thread();
    else if (strcmp(how, "grandchild") == 0)
        return wait_grandchild();
    else if (strcmp(how, "other-poll") == 0)
        return wait_other_poll();
    else
        pause();
    return 0;
}

/* Children that try to outlive us: of another session, double forked. Their lives hold stdout. */
static int rank_daemons(void)
{
    for (int i = 0; i < 5; i++) {
        if (fork() != 0)
            continue;
        setsid();
        if (fork() == 0) {
            signal(SIGTERM, SIG_IGN);
            signal(SIGHUP, SIG_IGN);
            for (;;)
                pause();
        }
        _exit(0);
    }
    while (wait(NULL) > 0)
        continue;
    printf("ready\n");
    return 0;
}

static _Noreturn void fork_for_ever(void)
{
    for (;;) {
        if (fork() == 0)
            _exit(0);
        wait(NULL);
    }
}

/* Fill the space with processes that never end and always fork, as far as it lets us. */
static int rank_bomb(void)
{
    printf("ready\n");
    fflush(stdout);
    for (int i = 0; i < 200; i++)
        if (fork() == 0)
            fork_for_ever();
    pause();
    return 0;
}

int space_rank(const char *mode)
{
    if (strcmp(mode, "ids") == 0)
        return rank_ids();
    if (strcmp(mode, "signals") == 0)
        return rank_signals();
    if (strcmp(mode, "daemons") == 0)
        return rank_daemons();
    if (strcmp(mode, "bomb") == 0)
        return rank_bomb();
    if (strncmp(mode, "stdin-", 6) == 0)
        return rank_stdin(mode + 6);
    fprintf(stderr, "no such rank: %s\n", mode);
    return 99;
}
