/* SPDX-License-Identifier: BSD-3-Clause */
/* imagestart_driver.c - starts a program from an image, count times, one after the other, each with
 * RANK in its environment. Usage: imagestart_driver [OPTION]... exec|ld|entry[+all] COUNT PROGRAM
 * ARGUMENT...
 *   -b FILE    the processes find this as their dynamic linker
 *   -c FOLDER  they see an empty folder there
 *   -e NAME=VALUE  in the program's environment
 *   -f FLAGS   for the restorer, in hexadecimal (default: shared)
 *   -m         the image says that it needs every feature of CPUs
 *   -n TIMES   so many images are made before
 *   -p         who does not trace a process may not read it
 *   -s FILE    save the image
 *   -t         print the time of a start
 *   -u UID     the processes' user
 *   -x EXE     the file to be /proc/self/exe
 * Status: of the first process that failed; 3: no image (the reason is printed); 4: the restorer
 * refused it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "image/image.h"

#define LINKER "/lib64/ld-linux-x86-64.so.2"

static struct {
    uid_t uid;
    unsigned flags;
    int cpu, repeat;
    const char *bind, *cover, *save, *exe;
    int timed;
} options = {.flags = BP_RESTORE_SHARED};

static _Noreturn void die(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    exit(2);
}

/* As if the program had begun on a CPU that has everything. */
static void cpu_add(int image)
{
    uint32_t all[BP_IMAGE_CPU_WORDS];
    memset(all, 0xff, sizeof all);
    if (pwrite(image, all, sizeof all, offsetof(struct bp_image_head, cpu)) != sizeof all)
        die("cpu");
}

/* As Yama's ptrace_scope 1 does. */
static void reading_forbid(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
        die("seccomp");
}

static volatile sig_atomic_t alarms;
static atomic_int is_over;

static void on_alarm(int signo)
{
    (void)signo;
    alarms++;
}

static void *work(void *unused)
{
    while (!is_over)
        free(malloc(1000));
    return unused;
}

static int descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder != NULL && readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

/* Images again and again, in a program with another thread and a timer: nothing is left over. */
static void images_repeat(struct bp_image_options *how, struct bp_image_program *program)
{
    struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    struct bp_error err = {0};
    struct bp_image *image;
    pthread_t thread;
    int before = descriptors();
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &often, NULL);
    if (pthread_create(&thread, NULL, work, NULL) != 0)
        die("pthread_create");
    for (int i = 0; i < options.repeat; i++) {
        if (bp_image_capture_exec(how, program, &image, &err) < 0)
            printf("capture %d: %s\n", i, err.text);
        else
            bp_image_free(image);
    }
    is_over = 1;
    pthread_join(thread, NULL);
    setitimer(ITIMER_REAL, &never, NULL);
    if (descriptors() != before || alarms == 0)
        printf("%d descriptors more, %d alarms\n", descriptors() - before, (int)alarms);
}

/* The image in a sealed memory file, as a node has it, and the arguments for the restorer. */
static int image_make(const char *kind, char **argv, char ***ret_argv)
{
    struct bp_error err = {0};
    struct bp_image *image;
    struct bp_image_options how = {.carry = strstr(kind, "+all") ? BP_CARRY_ALL : BP_CARRY_DEFAULT};
    struct bp_image_program program = {
        .path = argv[0],
        .argv = argv,
        .envp = environ,
        .search = true,
        .kind = strncmp(kind, "entry", 5) == 0 ? BP_IMAGE_ENTRY : BP_IMAGE_LD,
    };
    if (options.repeat > 0)
        images_repeat(&how, &program);
    if (bp_image_capture_exec(&how, &program, &image, &err) < 0) {
        printf("refused: %s\n", err.text);
        exit(3);
    }
    int fd = memfd_create("image", MFD_ALLOW_SEALING);
    if (bp_image_write(image, fd, &err) < 0) {
        printf("not written: %s\n", err.text);
        exit(2);
    }
    if (options.cpu)
        cpu_add(fd);
    *ret_argv = bp_image_arguments(image, argv);
    for (char **arg = *ret_argv; *arg != NULL; arg++)
        *arg = strdup(*arg);
    bp_image_free(image);
    if (waitpid(-1, NULL, __WALL) != -1 || errno != ECHILD)
        die("a child was left");
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) < 0)
        die("seal");
    return fd;
}

static void image_save(int image, const char *path)
{
    off_t from = 0;
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        die(path);
    while (sendfile(fd, image, &from, 1 << 20) > 0)
        ;
}

/* Without any right but, with -x, the one that the restorer needs and has to drop. */
static void user_become(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = {0};
    uint32_t bit = 1u << (CAP_CHECKPOINT_RESTORE - 32);
    prctl(PR_SET_KEEPCAPS, options.exe != NULL);
    if (setgid(options.uid) < 0 || setuid(options.uid) < 0)
        die("setuid");
    if (options.exe == NULL)
        return;
    caps[1] = (struct __user_cap_data_struct){bit, bit, bit};
    if (syscall(SYS_capset, &head, caps) < 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHECKPOINT_RESTORE, 0, 0) < 0)
        die("capset");
    options.flags |= BP_RESTORE_DROP;
}

/* The rank's side; image -1: plain exec. */
static _Noreturn void rank_run(int image, int report, char **argv)
{
    char order[64];
    char *words[1 << 16] = {(char *)"bprestore", order};
    int n = 2;
    int restorer = open(BP_LIBEXECDIR "/bprestore", O_PATH | O_CLOEXEC);
    if ((options.cover != NULL || options.bind != NULL) &&
        (unshare(CLONE_NEWNS) < 0 || mount("", "/", "", MS_REC | MS_PRIVATE, NULL) < 0))
        die("unshare");
    if (options.cover != NULL && mount("tmpfs", options.cover, "tmpfs", 0, NULL) < 0)
        die("cover");
    if (options.bind != NULL && mount(options.bind, LINKER, "", MS_BIND, NULL) < 0)
        die("bind");
    if (options.uid != 0)
        user_become();
    if (image < 0) {
        execvp(argv[0], argv);
        die(argv[0]);
    }
    int exe = options.exe != NULL ? open(options.exe, O_RDONLY) : -1;
    snprintf(order, sizeof order, "%d,%d,%x,0,%d", image, report, options.flags, exe);
    for (char **arg = argv; *arg != NULL && n + 1 < (int)(sizeof words / sizeof *words); arg++)
        words[n++] = *arg;
    fcntl(report, F_SETFD, 0);
    fexecve(restorer, words, environ);
    die("bprestore");
}

/* Start one and wait for its end. */
static int rank_start(int image, int rank, char **argv)
{
    struct bp_restore_report report = {0};
    char text[16];
    int pair[2], status;
    snprintf(text, sizeof text, "%d", rank);
    setenv("RANK", text, 1);
    fflush(stdout);
    if (pipe2(pair, O_CLOEXEC) < 0)
        die("pipe");
    pid_t pid = fork();
    if (pid == 0)
        rank_run(image, pair[1], argv);
    close(pair[1]);
    ssize_t got = read(pair[0], &report, sizeof report);
    close(pair[0]);
    if (waitpid(pid, &status, 0) != pid)
        die("wait");
    if (got > 0) {
        printf("not restored: %.251s (%d)\n", report.text, report.code);
        return WEXITSTATUS(status) == 127 ? 4 : 2;
    }
    if (WIFSIGNALED(status))
        printf("killed by signal %d\n", WTERMSIG(status));
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    int result = 0;
    for (int option; (option = getopt(argc, argv, "+b:e:f:mn:pu:c:s:tx:")) != -1;) {
        if (option == 'b')
            options.bind = optarg;
        else if (option == 'e')
            putenv(optarg);
        else if (option == 'f')
            options.flags = (unsigned)strtoul(optarg, NULL, 16);
        else if (option == 'm')
            options.cpu = 1;
        else if (option == 'n')
            options.repeat = atoi(optarg);
        else if (option == 'p')
            reading_forbid();
        else if (option == 'u')
            options.uid = (uid_t)atoi(optarg);
        else if (option == 'c')
            options.cover = optarg;
        else if (option == 's')
            options.save = optarg;
        else if (option == 'x')
            options.exe = optarg;
        else if (option == 't')
            options.timed = 1;
        else
            return 2;
    }
    if (argc - optind < 3)
        return 2;
    const char *kind = argv[optind];
    int count = atoi(argv[optind + 1]);
    static char **program; /* reachable to the end */
    program = argv + optind + 2;
    int image = strcmp(kind, "exec") == 0 ? -1 : image_make(kind, program, &program);
    if (options.save != NULL)
        image_save(image, options.save);
    uint64_t start_us = bp_clock_us();
    for (int i = 0; i < count && result == 0; i++)
        result = rank_start(image, i, program);
    if (options.timed)
        printf("%s: %.0f us each\n", kind, (double)(bp_clock_us() - start_us) / count);
    return result;
}
