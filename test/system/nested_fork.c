/* SPDX-License-Identifier: BSD-3-Clause */
/* nested_fork.c - two copies of a program on a node: the first only stands there, the second runs a
 * command. Arguments: the node, the command. Its status is the command's. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/bproc.h>
#include <sys/wait.h>
#include <unistd.h>

static int copy(int node)
{
    int pid = bproc_rfork(node);
    if (pid < 0) {
        perror("bproc_rfork");
        exit(99);
    }
    return pid;
}

int main(int argc, char **argv)
{
    int first, second, status;
    if (argc != 3)
        return 98;
    first = copy(atoi(argv[1]));
    if (first == 0)
        for (;;)
            pause();
    second = copy(atoi(argv[1]));
    if (second == 0) {
        status = system(argv[2]);
        _exit(WEXITSTATUS(status));
    }
    if (waitpid(second, &status, 0) != second)
        return 97;
    kill(first, SIGTERM);
    if (waitpid(first, NULL, 0) != first)
        return 96;
    return WEXITSTATUS(status);
}
