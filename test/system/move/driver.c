/* SPDX-License-Identifier: BSD-3-Clause */
/* driver.c - runs a program that dumps itself, and restores it with the same PID, as often as it
 * does that.
 *
 *   driver [-u UID] [-f RESTORE-FLAGS] [-b CLUSTER] IMAGE PROGRAM ARGUMENTS...
 *
 * IMAGE is the path of a file for the dumps, removed at once. Must be root of its PID namespace's
 * user namespace; -u makes the program, and what becomes it, that user. -b
 * lets the program CLUSTER restore it, by bproc_undump. The exit status is the
 * program's; 120 when it was killed; 127 when it could not be restored. */
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/format.h"
#include "move_test.h"

#define RESTORER BP_LIBEXECDIR "/bprestore"
enum { KILLED = 120, NOT_RESTORED = 127, IMAGE_FD = 100, REPORT_FD = 101 };

static uid_t user;
static const char *cluster;
static unsigned flags = BP_RESTORE_CWD;

static void become_user(void)
{
    if (user == 0)
        return;
    MUST(setgroups(0, NULL));
    MUST(setresgid(user, user, user));
    MUST(setresuid(user, user, user));
}

static pid_t start(char **words)
{
    pid_t pid = fork();
    MUST(pid);
    if (pid > 0)
        return pid;
    become_user();
    execvp(words[0], words);
    CHECK(false, "%s: %m", words[0]);
}

/* A sealed memory file of the image, whose file is removed. */
static int take_image(const char *path)
{
    struct stat st;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    int fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(file >= 0 && fd >= 0, "%s: %m", path);
    MUST(fstat(file, &st));
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = sendfile(fd, file, NULL, (size_t)left);
        CHECK(n > 0, "%m");
        left -= n;
    }
    MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL));
    close(file);
    MUST(unlink(path));
    return fd;
}

__attribute__((noreturn)) static void become_image(int image_fd, int report_fd)
{
    extern char **environ;
    char orders[64];
    snprintf(orders, sizeof orders, "%d,%d,%x,17", IMAGE_FD, REPORT_FD, flags);
    char *words[] = {(char *)"bprestore", orders, NULL};
    become_user();
    MUST(dup2(image_fd, IMAGE_FD));
    MUST(dup2(report_fd, REPORT_FD));
    if ((flags & BP_RESTORE_CWD) != 0)
        MUST(chdir("/"));
    umask(0);
    execve(RESTORER, words, environ);
    CHECK(false, "%s: %m", RESTORER);
}

/* Let libbproc read the image. */
__attribute__((noreturn)) static void become_undumped(int image_fd)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", IMAGE_FD);
    MUST(dup2(image_fd, IMAGE_FD));
    become_user();
    execl(cluster, cluster, "undump", path, NULL);
    CHECK(false, "%s: %m", cluster);
}

static void restore(const char *path, pid_t pid)
{
    struct clone_args how = {
        .exit_signal = SIGCHLD,
        .set_tid = (uintptr_t)&pid,
        .set_tid_size = 1,
    };
    struct bp_restore_report report = {0};
    int image = take_image(path), ends[2];
    MUST(pipe2(ends, O_CLOEXEC));
    long child = syscall(SYS_clone3, &how, sizeof how);
    MUST(child);
    if (child == 0 && cluster != NULL)
        become_undumped(image);
    if (child == 0)
        become_image(image, ends[1]);
    close(ends[1]);
    if (read(ends[0], &report, sizeof report) != 0) {
        dprintf(2, "not restored: %d: %s\n", report.code, report.text);
        exit(NOT_RESTORED);
    }
    close(ends[0]);
    close(image);
}

int main(int argc, char **argv)
{
    int option, status;
    while ((option = getopt(argc, argv, "+u:f:b:")) != -1) {
        if (option == 'u')
            user = (uid_t)atoi(optarg);
        else if (option == 'b')
            cluster = optarg;
        else if (option == 'f')
            flags = (unsigned)strtoul(optarg, NULL, 16);
        else
            return 2;
    }
    CHECK(argc - optind >= 2, "usage: driver [-u UID] [-f FLAGS] [-b CLUSTER] IMAGE PROGRAM ARGUMENTS...");
    const char *image = argv[optind];
    pid_t pid = start(argv + optind + 1);
    for (;;) {
        CHECK(waitpid(pid, &status, 0) == pid, "%m");
        if (WIFSIGNALED(status))
            dprintf(2, "killed by signal %d\n", WTERMSIG(status));
        if (!WIFEXITED(status))
            return KILLED;
        if (WEXITSTATUS(status) != HOP_DUMPED)
            return WEXITSTATUS(status);
        restore(image, pid);
    }
}
