/* SPDX-License-Identifier: BSD-3-Clause */
/* cluster.c - ways to move that libbproc gives, and a program that runs others by execmove. Built
 * twice: as cluster.so, which libmove loads, and as the program. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/bproc.h>
#include <sys/wait.h>
#include <unistd.h>

#include "move_test.h"

enum { NODES = 2 };

extern char **environ;

/* Wait for children; ends with the first status that is not 0. */
__attribute__((noreturn)) static void wait_for_all(const int *pids, int count)
{
    int status, verdict = 0;
    for (int i = 0; i < count; i++) {
        CHECK(pids[i] > 0, "child %d: %s", i, bproc_strerror(-pids[i]));
        int pid; /* the state may have a handler for the end of a child */
        while ((pid = waitpid(pids[i], &status, 0)) < 0 && errno == EINTR)
            ;
        CHECK(pid == pids[i], "%m");
        if (verdict == 0)
            verdict = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    CHECK(wait(&status) == -1, "one more child");
    _exit(verdict);
}

static enum hop rfork(void)
{
    int pid = bproc_rfork(1);
    CHECK(pid >= 0, "%s", bproc_strerror(errno));
    if (pid > 0)
        wait_for_all(&pid, 1);
    return HOP_COPIED;
}

static enum hop vrfork(void)
{
    int nodes[NODES], pids[NODES];
    for (int i = 0; i < NODES; i++)
        nodes[i] = i;
    if (bproc_currnode() != BPROC_NODE_MASTER)
        return HOP_COPIED; /* of the hops of a program the first is the one */
    int index = bproc_vrfork(NODES, nodes, pids);
    CHECK(index >= 0 && index <= NODES, "%s", bproc_strerror(errno));
    if (index == NODES)
        wait_for_all(pids, NODES);
    return HOP_COPIED;
}

static enum hop move(void)
{
    if (bproc_currnode() != BPROC_NODE_MASTER)
        return HOP_MOVED;
    if (bproc_move(1) == 0)
        return HOP_MOVED;
    CHECK(errno == EOPNOTSUPP, "%s", bproc_strerror(errno));
    return HOP_REFUSED;
}

/* To a node, to another one, and back. */
static enum hop onward(void)
{
    if (bproc_currnode() != BPROC_NODE_MASTER)
        return HOP_MOVED;
    enum hop first = move();
    for (int node = 0; first == HOP_MOVED && node < NODES; node++)
        CHECK(bproc_move(node) == 0, "%s", bproc_strerror(errno));
    return first;
}

/* To a node and home again, twice. */
static enum hop back(void)
{
    enum hop first = HOP_REFUSED;
    for (int node = 0; node < NODES; node++) {
        first = move();
        if (first != HOP_MOVED)
            return first;
        CHECK(bproc_move(BPROC_NODE_MASTER) == 0, "home: %s", bproc_strerror(errno));
        CHECK(bproc_currnode() == BPROC_NODE_MASTER, "at %d", bproc_currnode());
    }
    return first;
}

/* To a node, and from there a child at home. */
static enum hop call(void)
{
    static bool is_done;
    enum hop first = is_done ? HOP_COPIED : move();
    if (first != HOP_MOVED)
        return first; /* of the hops of a program the first is the one */
    is_done = true;
    int pid = bproc_rfork(BPROC_NODE_MASTER);
    CHECK(pid >= 0, "home: %s", bproc_strerror(errno));
    if (pid > 0)
        wait_for_all(&pid, 1);
    CHECK(bproc_currnode() == BPROC_NODE_MASTER, "at %d", bproc_currnode());
    return HOP_COPIED;
}

static enum hop dump(void)
{
    int fd = open(getenv("MOVE_IMAGE"), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(fd >= 0, "%s: %m", getenv("MOVE_IMAGE"));
    int bytes = bproc_dump(fd, 0);
    if (bytes < 0 && errno == EOPNOTSUPP)
        return HOP_REFUSED;
    CHECK(bytes >= 0, "%s", bproc_strerror(errno));
    if (bytes > 0)
        _exit(HOP_DUMPED);
    return HOP_MOVED;
}

enum hop cluster_hop(const char *how);
enum hop cluster_hop(const char *how)
{
    static const struct {
        const char *name;
        enum hop (*hop)(void);
    } ways[] = {{"rfork", rfork}, {"vrfork", vrfork}, {"move", move}, {"onward", onward},
                {"back", back}, {"call", call}, {"bproc_dump", dump}};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(how, ways[i].name) == 0)
            return ways[i].hop();
    }
    CHECK(false, "MOVE_HOP=%s", how);
}

int main(int argc, char **argv)
{
    CHECK(argc > 2, "usage: cluster execmove|vexecmove|undump PROGRAM|IMAGE ARGUMENTS...");
    if (strcmp(argv[1], "execmove") == 0) {
        bproc_execmove(1, argv[2], argv + 2, environ);
    } else if (strcmp(argv[1], "vexecmove") == 0) {
        int nodes[NODES] = {0, 1}, pids[NODES];
        if (bproc_vexecmove(NODES, nodes, pids, argv[2], argv + 2, environ) == NODES)
            wait_for_all(pids, NODES);
    } else {
        bproc_undump(open(argv[2], O_RDONLY | O_CLOEXEC));
    }
    CHECK(false, "%s: %s", argv[1], bproc_strerror(errno));
}
