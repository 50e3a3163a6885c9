/* SPDX-License-Identifier: BSD-3-Clause */
/* floor.c - what any remote start costs here: floor RANKS PID,PID,... PROGRAM [ARGUMENT...] enters the
 * namespaces of each node (PID: its first process) once and spawns that node's share of ranks. */
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int wait_all(void)
{
    int status, bad = 0;
    while (wait(&status) > 0)
        bad |= status != 0;
    return bad;
}

static int run_on(pid_t node, int ranks, char **argv)
{
    int pidfd = (int)syscall(SYS_pidfd_open, node, 0);
    if (pidfd < 0 || setns(pidfd, CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID |
                                      CLONE_NEWNS) < 0) {
        perror("floor");
        return 1;
    }
    for (int i = 0; i < ranks; i++) {
        pid_t pid;
        if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0)
            return 1;
    }
    return wait_all();
}

int main(int argc, char **argv)
{
    pid_t nodes[1024];
    int count = 0;
    if (argc < 4)
        return 2;
    int ranks = atoi(argv[1]);
    for (char *word = strtok(argv[2], ","); word != NULL && count < 1024; word = strtok(NULL, ","))
        nodes[count++] = atoi(word);
    for (int i = 0; i < count; i++)
        if (fork() == 0)
            _exit(run_on(nodes[i], ranks / count + (i < ranks % count), argv + 3));
    return wait_all();
}
