/* SPDX-License-Identifier: BSD-3-Clause */
/* herd.c - making ghosts with bpghost. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/yama.h"
#include "image/arch_x86_64.h"
#include "lib/herd.h"
#include "proto/ghost_record.h"

#define PROGRAM     BP_LIBEXECDIR "/bpghost"
#define HIGH        10    /* descriptors from here on are in nobody's way */
#define BIRTH_BYTES 16384 /* struct bp_herd_birth, and above it the stack of who becomes bpghost */
/* On a stack that no sanitizer knows. */
#define STRANGE_STACK __attribute__((no_sanitize("address", "undefined")))

struct bp_herd_birth { /* in memory that caller and maker share until its exec */
    int socket, setup;
    char *const *argv;
    int error; /* why there is no exec */
};

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

/* Executes the maker while the caller goes on in the same memory: system calls and nothing else.
 * All signals are blocked, and stay so: one to the whole process group cannot end it half way. */
static STRANGE_STACK int become_maker(void *arg)
{
    static char *const no_environment[] = {NULL};
    struct bp_herd_birth *birth = arg;
    long r = BP_SYS(SYS_dup2, birth->socket, 3, 0, 0, 0, 0);
    if (r >= 0)
        r = BP_SYS(SYS_dup2, birth->setup, 4, 0, 0, 0, 0);
    if (r >= 0)
        r = BP_SYS(SYS_execve, PROGRAM, birth->argv, no_environment, 0, 0, 0);
    birth->error = (int)-r;
    return 127;
}

/* Start the maker with the two descriptors where it expects them. */
static int spawn_maker(int socket, int setup, char *const argv[], struct bp_herd_making *ret_making)
{
    sigset_t all, old;
    auto_close int high_socket = fcntl(socket, F_DUPFD_CLOEXEC, HIGH);
    auto_close int high_setup = fcntl(setup, F_DUPFD_CLOEXEC, HIGH);
    if (high_socket < 0 || high_setup < 0)
        return -errno;
    struct bp_herd_birth *birth = mmap(NULL, BIRTH_BYTES, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (birth == MAP_FAILED)
        return -errno;
    *birth = (struct bp_herd_birth){.socket = high_socket, .setup = high_setup, .argv = argv};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    long pid = bp_arch_clone(CLONE_VM | SIGCHLD, (char *)birth + BIRTH_BYTES, become_maker, birth);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (pid < 0)
        munmap(birth, BIRTH_BYTES);
    ret_making->maker = (pid_t)pid;
    ret_making->birth = birth;
    return pid < 0 ? (int)pid : 0;
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

int bp_herd_begin(int socket, uint32_t count, uint32_t lease_ms, char *const argv[],
                  const int32_t *given, struct bp_herd_making *ret_making, struct bp_error *err)
{
    auto_close int setup = setup_file(count, lease_ms, argv[0], given);
    if (setup < 0)
        return bp_error_set(err, setup, "memory file: %s", strerror(-setup));
    int r = spawn_maker(socket, setup, argv, ret_making);
    if (r < 0)
        return bp_error_set(err, r, PROGRAM ": %s", strerror(-r));
    ret_making->setup = bp_take_fd(setup);
    ret_making->count = count;
    ret_making->is_given = given != NULL;
    return 0;
}

int bp_herd_end(struct bp_herd_making *take_making, int32_t *ret_pids, struct bp_error *err)
{
    auto_close int setup = bp_take_fd(take_making->setup);
    uint32_t count = take_making->count;
    int status;
    while (waitpid(take_making->maker, &status, 0) < 0)
        if (errno != EINTR)
            return bp_error_set(err, -errno, "bpghost: %s (is SIGCHLD ignored?)", strerror(errno));
    int error = take_making->birth->error;
    munmap(take_making->birth, BIRTH_BYTES);
    if (error != 0)
        return bp_error_set(err, -error, PROGRAM ": %s", strerror(error));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        reap_failed(setup, count);
    if (WIFSIGNALED(status))
        return bp_error_set(err, -EIO, "bpghost was killed by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) == EPERM && take_making->is_given)
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
