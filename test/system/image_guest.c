/* SPDX-License-Identifier: BSD-3-Clause */
/* image_guest.c - init of a guest that image_guests.py boots, and the program that moves from one
 * kernel to the next. Static, for an initial file system that holds nothing else.
 *
 *   image_guest         PID 1: restores /image, or starts the program if there is none; sends the
 *                       image of its next step through the debug port; powers off
 *   image_guest run     the program: tells its step, judges the clock, dumps itself into "image"
 *   image_guest yama N [TEST]  PID 1: with kernel.yama.ptrace_scope N, as a user, the program and an
 *                       image of one that has not run, then TEST
 *   image_guest exec    the image of "image_guest said", which has not run, into "image" */
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "image/image.h"

#define MEMORY     (256 << 10)
#define USER       1000
#define DEBUG_PORT 0xe9 /* QEMU's -debugcon */

static void image_send(void)
{
    static char piece[1 << 16];
    int fd = open("image", O_RDONLY);
    ssize_t n;

    if (fd < 0 || ioperm(DEBUG_PORT, 1, 1) < 0) {
        printf("guest: no image to send\n");
        return;
    }
    while ((n = read(fd, piece, sizeof(piece))) > 0)
        outsb(DEBUG_PORT, piece, (unsigned long)n);
}

static void clock_judge(void)
{
    struct timespec vdso, call;

    clock_gettime(CLOCK_MONOTONIC, &vdso);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &call);
    if (call.tv_sec < vdso.tv_sec || call.tv_sec - vdso.tv_sec > 1)
        printf("guest: wrong clock\n");
}

/* Each round is on another kernel. */
static int program(void)
{
    struct bp_image_options options = {.carry = BP_CARRY_ALL, .is_move = true};
    char *memory = malloc(MEMORY);
    char *shared = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    memset(memory, 'm', MEMORY);
    shared[MEMORY - 1] = 's';
    for (int step = 1;; step++) {
        struct bp_image *image;
        struct bp_image_mailbox mailbox;
        enum bp_image_role role;
        struct bp_error err = {0};
        struct utsname kernel;
        pid_t pid;

        uname(&kernel);
        clock_judge();
        pid = fork();
        if (pid == 0)
            _exit(memory[step << 12] == 'm' && shared[MEMORY - 1] == 's' ? 9 : 1);
        int status = 0;
        waitpid(pid, &status, 0);
        printf("guest: step %d on %.4s, child %d\n", step, kernel.release, WEXITSTATUS(status));
        fflush(stdout);
        if (bp_image_capture_self(&options, &image, &role, &mailbox, &err) < 0) {
            printf("guest: %s\n", err.text);
            return 1;
        }
        if (role == BP_IMAGE_RESTORED)
            continue;
        int fd = open("image", O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (bp_image_write(image, fd, &err) < 0)
            printf("guest: %s\n", err.text);
        bp_image_free(image);
        return 0;
    }
}

static int exec_dump(void)
{
    static char *argv[] = {"guest", "said", NULL}, *envp[] = {NULL};
    struct bp_image_options options = {.carry = BP_CARRY_ALL};
    struct bp_image_program program = {
        .path = "/init", .argv = argv, .envp = envp, .kind = BP_IMAGE_LD};
    struct bp_image *image;
    struct bp_error err = {0};

    int rc = bp_image_capture_exec(&options, &program, &image, &err);
    if (rc == 0)
        rc = bp_image_write(image, open("image", O_RDWR | O_CREAT | O_TRUNC, 0600), &err);
    if (rc < 0)
        printf("guest: %s\n", err.text);
    return rc < 0;
}

/* A child, as a user: a program, or the restorer with "image"; its wait status. */
static int as_user(char *const *words, const char *argument)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        char orders[64];
        if (setgroups(0, NULL) < 0 || setgid(USER) < 0 || setuid(USER) < 0 || chdir("/user") < 0)
            _exit(125);
        if (words != NULL)
            execv(words[0], words);
        snprintf(orders, sizeof(orders), "%d,2,0,0", open("image", O_RDONLY));
        execl("/bprestore", "guest", orders, "guest", argument, NULL);
        _exit(126);
    }
    waitpid(pid, &status, 0);
    return status;
}

static void yama(const char *scope, char *const *test)
{
    static char *run[] = {"/init", "run", NULL}, *exec[] = {"/init", "exec", NULL};
    int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_WRONLY);

    if (write(fd, scope, 1) != 1)
        perror("guest: /proc/sys/kernel/yama/ptrace_scope");
    printf("guest: dumps itself %x\n", (unsigned)as_user(run, NULL));
    fflush(stdout);
    if (access("/user/image", F_OK) == 0)
        printf("guest: goes on %x\n", (unsigned)as_user(NULL, NULL));
    unlink("/user/image");
    printf("guest: dumps another %x\n", (unsigned)as_user(exec, NULL));
    fflush(stdout);
    if (access("/user/image", F_OK) == 0)
        printf("guest: begins %x\n", (unsigned)as_user(NULL, "said"));
    fflush(stdout);
    if (test[0] == NULL)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        execv(test[0], test);
        _exit(126);
    }
    waitpid(pid, NULL, 0);
}

static void step(void)
{
    struct bp_restore_report report = {0};
    int ends[2], status = -1;
    pid_t pid;

    if (pipe(ends) < 0)
        return;
    pid = fork();
    if (pid == 0) {
        char orders[64];
        int image = open("/image", O_RDONLY);
        close(ends[0]);
        if (image < 0)
            execl("/init", "guest", "run", NULL);
        snprintf(orders, sizeof(orders), "%d,%d,0,0", image, ends[1]);
        execl("/bprestore", "guest", orders, NULL);
        _exit(126);
    }
    close(ends[1]);
    if (read(ends[0], &report, sizeof(report)) == (ssize_t)sizeof(report))
        printf("guest: refused: %s\n", report.text);
    waitpid(pid, &status, 0);
    printf("guest: status %x\n", (unsigned)status);
    if (status == 0)
        image_send();
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "run") == 0)
        return program();
    if (argc == 2 && strcmp(argv[1], "exec") == 0)
        return exec_dump();
    if (argc == 2 && strcmp(argv[1], "said") == 0)
        return printf("guest: said\n") < 0;
    if (mount("proc", "/proc", "proc", 0, "") < 0)
        perror("guest: /proc");
    if (argc > 2 && strcmp(argv[1], "yama") == 0)
        yama(argv[2], argv + 3);
    else
        step();
    fflush(stdout);
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}
