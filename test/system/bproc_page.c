/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_page.c - each call of BProc's interface that makes or moves a process, once:
 * "bproc_page CALL NODE [FILE]". What runs on the node tells the call and its node on standard output
 * (of the _io forms: FILE there) and ends with status 7; so does this program. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sys/bproc.h>

#define STATUS 7

static char *self, *name;
static int node;
static struct bproc_io_t io[1];
static int *nodes = &node;
extern char **environ;

static void tell(void)
{
    printf("%s %d\n", name, bproc_currnode());
    fflush(stdout);
    _exit(STATUS);
}

/* The status of the one child, which was made with this PID. */
static int await(int pid)
{
    int status = 0;
    if (pid <= 0 || waitpid(pid, &status, 0) != pid || waitpid(-1, NULL, WNOHANG) != -1)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int failed(void)
{
    fprintf(stderr, "%s: %s\n", name, bproc_strerror(errno));
    return 1;
}

static int after_rfork(int r)
{
    if (r == 0)
        tell();
    return r < 0 ? failed() : await(r);
}

/* The one child is number 0, the caller is told 1. */
static int after_vrfork(int r, int pid)
{
    if (r == 0)
        tell();
    if (r != 1)
        return failed();
    errno = -pid;
    return pid < 0 ? failed() : await(pid);
}

static int after_move(int r)
{
    if (r == 0)
        tell();
    return failed();
}

static int run(void)
{
    char *argv[] = {self, (char *)"tell", name, NULL};
    int pid = 0, r;
    if (strcmp(name, "rfork") == 0)
        return after_rfork(bproc_rfork(node));
    if (strcmp(name, "rfork_io") == 0)
        return after_rfork(bproc_rfork_io(node, io, 1));
    if (strcmp(name, "_rfork") == 0)
        return after_rfork(_bproc_rfork(node, BPROC_DUMP_OTHER));
    if (strcmp(name, "_rfork_io") == 0)
        return after_rfork(_bproc_rfork_io(node, io, 1, BPROC_DUMP_ALL));
    r = strcmp(name, "vrfork") == 0        ? bproc_vrfork(1, nodes, &pid)
        : strcmp(name, "vrfork_io") == 0   ? bproc_vrfork_io(1, nodes, &pid, io, 1)
        : strcmp(name, "_vrfork") == 0     ? _bproc_vrfork(1, nodes, &pid, BPROC_DUMP_OTHER)
        : strcmp(name, "_vrfork_io") == 0  ? _bproc_vrfork_io(1, nodes, &pid, io, 1, BPROC_DUMP_ALL)
        : strcmp(name, "vexecmove") == 0   ? bproc_vexecmove(1, nodes, &pid, self, argv, environ)
        : strcmp(name, "vexecmove_io") == 0
            ? bproc_vexecmove_io(1, nodes, &pid, io, 1, self, argv, environ)
            : -2;
    if (r != -2)
        return after_vrfork(r, pid);
    r = strcmp(name, "move") == 0        ? bproc_move(node)
        : strcmp(name, "move_io") == 0   ? bproc_move_io(node, io, 1)
        : strcmp(name, "_move") == 0     ? _bproc_move(node, BPROC_DUMP_OTHER)
        : strcmp(name, "_move_io") == 0  ? _bproc_move_io(node, io, 1, BPROC_DUMP_ALL)
                                         : -2;
    if (r != -2)
        return after_move(r);
    if (strcmp(name, "rexec") == 0)
        bproc_rexec(node, self, argv, environ);
    else if (strcmp(name, "rexec_io") == 0)
        bproc_rexec_io(node, io, 1, self, argv, environ);
    else if (strcmp(name, "execmove") == 0)
        bproc_execmove(node, self, argv, environ);
    else if (strcmp(name, "execmove_io") == 0)
        bproc_execmove_io(node, io, 1, self, argv, environ);
    else if (strcmp(name, "execve") == 0)
        bproc_execve(self, argv, environ);
    else
        return 2;
    return failed();
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc == 3 && strcmp(argv[1], "tell") == 0) {
        name = argv[2];
        tell();
    }
    if (argc < 3)
        return 2;
    name = argv[1];
    node = atoi(argv[2]);
    io[0].fd = STDOUT_FILENO;
    io[0].type = BPROC_IO_FILE;
    io[0].d.file.flags = O_WRONLY | O_CREAT | O_TRUNC;
    io[0].d.file.mode = 0644;
    snprintf(io[0].d.file.name, sizeof io[0].d.file.name, "%s", argc > 3 ? argv[3] : "");
    return run();
}
