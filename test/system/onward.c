/* SPDX-License-Identifier: BSD-3-Clause */
/* onward.c - a program that goes from node to node and judges itself; run by onward.py.
 * onward COUNT NODE... : COUNT times to each of these nodes in turn; then it waits for as many signals
 *   as the variable SIGNALS says, and ends with "done" and 7.
 * onward try NODE... : says what each attempt was.
 * onward ring COUNT NODES : COUNT times to the next of so many nodes; from the master first to the first.
 * onward count FIRST COUNT NODE... : so many moves; after the first ones and at the end it waits for SIGRTMIN.
 * onward fork COUNT NODES NODE... : such a child by vrfork on each of these nodes, all at once.
 * onward exec COUNT NODES NODE... : the same by vexecmove. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/bproc.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS 65536

static volatile sig_atomic_t heard;

static void on_signal(int signo)
{
    (void)signo;
    heard++;
}

static unsigned sum(const unsigned *words)
{
    unsigned all = 0;
    for (unsigned i = 0; i < WORDS; i++)
        all = all * 31 + words[i];
    return all;
}

static void go(int node)
{
    if (bproc_move(node) == 0)
        return;
    printf("to %d: %s\n", node, strerrorname_np(errno) != NULL ? strerrorname_np(errno)
                                                               : bproc_strerror(errno));
    exit(1);
}

static int try(int count, char **nodes)
{
    for (int i = 0; i < count; i++) {
        int before = bproc_currnode(), r = bproc_move(atoi(nodes[i])), error = errno;
        printf("%d to %s: %d %d at %d\n", before, nodes[i], r, r < 0 ? error : 0,
               bproc_currnode());
    }
    return 8;
}

/* Those that are still to come, and a moment for one too many. */
static void await_signals(int expected)
{
    static const struct timespec long_s = {.tv_sec = 10}, short_ns = {.tv_nsec = 50000000};
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    while (sigtimedwait(&set, &info, heard < expected ? &long_s : &short_ns) > 0)
        heard++;
}

static void report(int moves)
{
    printf("%d moves\n", moves);
    await_signals(heard + 1);
}

/* In turn to the nodes that are given, or to the next of the first `ring`. */
static int travel(int steps, int count, char **nodes, int ring, int first)
{
    int pid = getpid(), parent = getppid(), wrong = 0;
    unsigned *words = malloc(WORDS * sizeof *words), step = (unsigned)pid;
    for (unsigned i = 0; i < WORDS; i++)
        words[i] = step = step * 1664525 + 1013904223;
    unsigned right = sum(words);
    for (int i = 0; i < steps; i++) {
        int node = ring > 0 ? (bproc_currnode() + 1) % ring : atoi(nodes[i % count]);
        if (node != bproc_currnode())
            go(node);
        wrong += getpid() != pid || getppid() != parent || bproc_currnode() != node;
        words[i % WORDS] ^= 1;
        words[i % WORDS] ^= 1;
        wrong += i % 16 == 0 && sum(words) != right;
        if (first > 0 && (i + 1 == first || i + 1 == steps))
            report(i + 1);
    }
    if (getenv("SIGNALS") != NULL)
        await_signals(atoi(getenv("SIGNALS")));
    printf("done wrong %d heard %d\n", wrong + (sum(words) != right), (int)heard);
    return 7;
}

/* Each of them ends with 7. */
static int await(const int *pids, int count)
{
    int status, wrong = 0;
    for (int i = 0; i < count; i++) {
        if (pids[i] <= 0)
            printf("child %d: %d\n", i, pids[i]);
        else if (waitpid(pids[i], &status, 0) != pids[i])
            printf("child %d: %s\n", i, strerror(errno));
        else if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
            printf("child %d: status %#x\n", i, status);
        else
            continue;
        wrong++;
    }
    printf("%d children, %d wrong\n", count, wrong);
    return wrong == 0 ? 9 : 1;
}

static int have_children(char **argv, int count, char **words)
{
    int nodes[64], pids[64], steps = atoi(argv[2]), ring = atoi(argv[3]);
    for (int i = 0; i < count; i++)
        nodes[i] = atoi(words[i]);
    if (strcmp(argv[1], "exec") == 0) {
        char *const child[] = {argv[0], (char *)"ring", argv[2], argv[3], NULL};
        return bproc_vexecmove(count, nodes, pids, "/proc/self/exe", child, environ) == count
                   ? await(pids, count) : 2;
    }
    int r = bproc_vrfork(count, nodes, pids);
    if (r >= 0 && r < count)
        return travel(steps, 0, NULL, ring, 0);
    return r == count ? await(pids, count) : 2;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGRTMIN, on_signal);
    if (argc == 4 && strcmp(argv[1], "ring") == 0)
        return travel(atoi(argv[2]), 0, NULL, atoi(argv[3]), 0);
    if (argc > 4 && strcmp(argv[1], "count") == 0)
        return travel(atoi(argv[3]), argc - 4, argv + 4, 0, atoi(argv[2]));
    if (argc > 4 && argc < 68 && (strcmp(argv[1], "fork") == 0 || strcmp(argv[1], "exec") == 0))
        return have_children(argv, argc - 4, argv + 4);
    if (argc > 2 && strcmp(argv[1], "try") == 0)
        return try(argc - 2, argv + 2);
    if (argc > 2)
        return travel(atoi(argv[1]) * (argc - 2), argc - 2, argv + 2, 0, 0);
    return 2;
}
