/* SPDX-License-Identifier: BSD-3-Clause */
/* topology.c - this node's hardware, as bptopo prints it: hwloc stays out of bpnode. */
#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>

#include "common/mem.h"
#include "nodeagent/agent.h"

extern char **environ;

static int start_bptopo(char *option, int out, pid_t *ret_pid, struct bp_error *err)
{
    char *argv[] = {(char *)BP_LIBEXECDIR "/bptopo", option, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    int r = posix_spawn(ret_pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return r == 0 ? 0 : bp_error_set(err, -r, "%s: %s", argv[0], strerror(r));
}

static int wait_bptopo(pid_t pid, struct bp_error *err)
{
    int status;
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return bp_error_set(err, -EIO, BP_LIBEXECDIR "/bptopo failed");
    return 0;
}

/* Run bptopo and take what it prints, at most size bytes. */
static int run_bptopo(char *text, size_t size, size_t *ret_length, struct bp_error *err)
{
    int ends[2];
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return bp_error_set(err, -errno, "pipe: %s", strerror(errno));
    int r = start_bptopo(NULL, ends[1], &pid, err);
    close(ends[1]);
    auto_close int out = ends[0];
    if (r < 0)
        return r;
    *ret_length = 0;
    for (ssize_t got = 1; got > 0 && *ret_length < size; *ret_length += (size_t)got) {
        got = read(out, text + *ret_length, size - *ret_length);
        if (got < 0)
            got = errno == EINTR ? 0 : -1;
        if (got < 0)
            break;
    }
    return wait_bptopo(pid, err);
}

int topology_export(struct bp_error *err)
{
    auto_close int fd = memfd_create("bpmix-topology", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    pid_t pid;
    if (fd < 0)
        return bp_error_set(err, -errno, "memory file: %s", strerror(errno));
    int r = start_bptopo((char *)"--export", fd, &pid, err);
    if (r == 0)
        r = wait_bptopo(pid, err);
    if (r < 0)
        return r;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) < 0)
        return bp_error_set(err, -errno, "memory file: %s", strerror(errno));
    return bp_take_fd(fd);
}

int topology_read(struct agent *agent, struct bp_error *err)
{
    auto_free char *text = bp_calloc(1, BP_HARDWARE_TEXT_MAX);
    size_t length = 0;
    int r = run_bptopo(text, BP_HARDWARE_TEXT_MAX, &length, err);
    return r == 0 ? bp_hardware_parse(text, length, &agent->hardware, err) : r;
}
