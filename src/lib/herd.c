/* SPDX-License-Identifier: BSD-3-Clause */
/* herd.c - making ghosts with bpghost. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/yama.h"
#include "lib/herd.h"
#include "proto/ghost_record.h"

#define PROGRAM BP_LIBEXECDIR "/bpghost"

static int setup_file(uint32_t count, uint32_t lease_ms, const char *command, const int32_t *given)
{
    struct bp_ghost_setup setup = {
        .version = BP_GHOST_VERSION, .count = count, .lease_ms = lease_ms,
        .flags = given != NULL ? BP_GHOST_GIVEN : 0};
    size_t bytes = given != NULL ? count * sizeof *given : 0;
    const char *slash = strrchr(command, '/');
    strncpy(setup.comm, slash != NULL ? slash + 1 : command, sizeof setup.comm - 1);
    auto_close int fd = memfd_create("bpmix-herd", MFD_CLOEXEC);
    if (fd < 0 || write(fd, &setup, sizeof setup) != (ssize_t)sizeof setup ||
        write(fd, given, bytes) != (ssize_t)bytes || lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    return bp_take_fd(fd);
}

/* Start the maker with the two descriptors where it expects them; all signals blocked, so that
 * one to the whole process group cannot end it half way. */
static int spawn_maker(int socket, int setup, char *const argv[], pid_t *ret_pid)
{
    char *no_environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all;
    auto_close int high_socket = fcntl(socket, F_DUPFD_CLOEXEC, 10);
    auto_close int high_setup = fcntl(setup, F_DUPFD_CLOEXEC, 10);
    if (high_socket < 0 || high_setup < 0)
        return errno;
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, high_socket, 3);
    posix_spawn_file_actions_adddup2(&actions, high_setup, 4);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int r = posix_spawn(ret_pid, PROGRAM, &actions, &attributes, argv, no_environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

/* The maker has left its ghosts' PIDs behind the setup; 0 = there is no such ghost. */
static int32_t read_pid(int setup, uint32_t slot)
{
    int32_t pid = 0;
    off_t where = (off_t)(sizeof(struct bp_ghost_setup) + slot * sizeof pid);
    return pread(setup, &pid, sizeof pid, where) == (ssize_t)sizeof pid ? pid : 0;
}

/* Of a maker that failed: dead children of ours. */
static void reap_failed(int setup, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int32_t pid = read_pid(setup, i);
        while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
}

int bp_herd_make(int socket, uint32_t count, uint32_t lease_ms, char *const argv[],
                 const int32_t *given, int32_t *ret_pids, struct bp_error *err)
{
    auto_close int setup = setup_file(count, lease_ms, argv[0], given);
    pid_t maker;
    int status;
    if (setup < 0)
        return bp_error_set(err, setup, "memory file: %s", strerror(-setup));
    int r = spawn_maker(socket, setup, argv, &maker);
    if (r != 0)
        return bp_error_set(err, -r, PROGRAM ": %s", strerror(r));
    while (waitpid(maker, &status, 0) < 0)
        if (errno != EINTR)
            return bp_error_set(err, -errno, "bpghost: %s (is SIGCHLD ignored?)", strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        reap_failed(setup, count);
    if (WIFSIGNALED(status))
        return bp_error_set(err, -EIO, "bpghost was killed by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) == EPERM && given != NULL)
        return bp_error_set(err, -EPERM, "no placeholders could be made: PIDs cannot be chosen "
                            "here (no_new_privs is set, or bpspace could not allow it)");
    if (WEXITSTATUS(status) != 0)
        return bp_error_set(err, -WEXITSTATUS(status), "no ghosts could be made: %s%s",
                            strerror(WEXITSTATUS(status)),
                            WEXITSTATUS(status) == EPERM ? bp_yama_why() : "");
    for (uint32_t i = 0; ret_pids != NULL && i < count; i++)
        ret_pids[i] = read_pid(setup, i);
    return 0;
}
