/* SPDX-License-Identifier: BSD-3-Clause */
/* image_driver.c - a program that dumps itself and one that restores; run by image.py.
 *
 *   image_driver dump FILE [OPTION...]  sets a state up, captures itself into FILE, exits with 0;
 *                                       restored from it, judges itself and exits with 33
 *   image_driver undump FILE FLAGS RESULT PID [ARG...]
 *                                       a child (of that PID; 0: any) becomes the image; its status
 *   image_driver refuse WHAT            sets up what cannot travel; prints the refusal
 *   image_driver gone                   the frozen process is killed
 *   image_driver loop COUNT             captures itself again and again; nothing may grow */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/image.h"
#include "image_refuse.h"

#define MAPS_BYTES       262144
#define BARRIER          (1 << 3) /* MEMBARRIER_CMD_PRIVATE_EXPEDITED */
#define BARRIER_REGISTER (1 << 4)

static struct {
    bool carry_all, carry_none, is_move, no_scan, show_env, again, maps, threads, pass;
    size_t mib;
} wanted;

static volatile sig_atomic_t seen_value, seen_altstack, alarms;
static __thread int thread_word = 1;
static char before[MAPS_BYTES], after[MAPS_BYTES];

static void need(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "wrong after the hop: %s (%s)\n", what, strerror(errno));
        exit(1);
    }
}

static void maps_read(char *text)
{
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    ssize_t n;

    while ((n = read(fd, text + used, MAPS_BYTES - 1 - used)) > 0)
        used += (size_t)n;
    text[used] = '\0';
    close(fd);
}

static void on_value(int signo, siginfo_t *info, void *context)
{
    char here;

    (void)signo;
    (void)context;
    seen_value = info->si_value.sival_int;
    stack_t stack;
    sigaltstack(NULL, &stack);
    seen_altstack = &here >= (char *)stack.ss_sp && &here < (char *)stack.ss_sp + stack.ss_size;
}

static void on_alarm(int signo)
{
    (void)signo;
    alarms++;
}

static char altstack[65536];

static void state_set(void)
{
    struct sigaction action = {.sa_sigaction = on_value, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t stack = {.ss_sp = altstack, .ss_size = sizeof(altstack)};
    struct itimerval timer = {.it_value = {1000, 0}, .it_interval = {7, 0}};
    sigset_t mask;

    sigaltstack(&stack, NULL);
    sigaction(SIGRTMIN + 3, &action, NULL);
    signal(SIGALRM, on_alarm);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&mask);
    sigaddset(&mask, SIGRTMIN + 3);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (wanted.is_move) {
        sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 4711});
        setitimer(ITIMER_REAL, &timer, NULL);
    }
    prctl(PR_SET_NAME, "im-driver");
    umask(027);
    thread_word = 42;
    syscall(SYS_membarrier, BARRIER_REGISTER, 0, 0);
    prctl(PR_SET_TIMERSLACK, 123456);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    need(chdir("/usr") == 0, "chdir");
}

static void signals_judge(void)
{
    struct sigaction action;
    struct itimerval timer;
    sigset_t mask, pending;

    sigprocmask(SIG_SETMASK, NULL, &mask);
    need(sigismember(&mask, SIGRTMIN + 3) == 1 && sigismember(&mask, SIGUSR1) == 0, "mask");
    sigpending(&pending);
    need(sigismember(&pending, SIGRTMIN + 3) == wanted.is_move, "pending");
    sigaction(SIGUSR2, NULL, &action);
    need(action.sa_handler == SIG_IGN, "ignored signal");
    getitimer(ITIMER_REAL, &timer);
    need(!wanted.is_move || (timer.it_value.tv_sec > 900 && timer.it_interval.tv_sec == 7), "timer");
    need(wanted.is_move || timer.it_value.tv_sec == 0, "a copy has no timer");
    if (!wanted.is_move)
        sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 4711});
    sigemptyset(&mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    need(seen_value == 4711, "value of the pending signal");
    need(seen_altstack == 1, "alternate stack");
}

static void settings_judge(void)
{
    int is_reaper = -1;

    need(syscall(SYS_membarrier, BARRIER, 0, 0) == 0, "registration of barriers");
    need(prctl(PR_GET_TIMERSLACK) == 123456, "slack of timers");
    prctl(PR_GET_CHILD_SUBREAPER, &is_reaper);
    need(is_reaper == wanted.is_move, "subreaper");
}

static void state_judge(const char *big)
{
    char name[32] = "", cwd[256];
    struct timespec now, later;
    void *block;

    need(thread_word == 42, "thread's own memory");
    prctl(PR_GET_NAME, name);
    need(strcmp(name, "im-driver") == 0, "comm");
    need(umask(027) == 027, "umask");
    need(getcwd(cwd, sizeof(cwd)) != NULL, "cwd");
    signals_judge();
    settings_judge();
    for (size_t i = 0; i < wanted.mib << 20; i += 4096)
        need(big[i] == (char)(i >> 12), "memory");
    clock_gettime(CLOCK_MONOTONIC, &now);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &later);
    need(later.tv_sec - now.tv_sec <= 1 && later.tv_sec >= now.tv_sec, "clock of the vdso");
    need(sched_getcpu() >= 0, "restartable sequences");
    block = sbrk(1 << 20);
    need(block != (void *)-1, "break");
    memset(block, 1, 1 << 20);
    block = malloc(10 << 20);
    memset(block, 1, 10 << 20);
    free(block);
    need(syscall(SYS_gettid) == getpid(), "one thread");
}

static void *other_thread(void *arg)
{
    thread_word = 7;
    return arg;
}

static void *waiting_thread(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void later_judge(void)
{
    pthread_t thread;
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(5);
    need(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 5, "fork");
    need(pthread_create(&thread, NULL, other_thread, NULL) == 0, "thread");
    need(pthread_join(thread, NULL) == 0, "join");
    need(system("true") == 0, "system");
}

static void file_write(struct bp_image *image, const char *path)
{
    struct bp_error err = {0};
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0 || bp_image_write(image, fd, &err) < 0 || bp_image_check(fd, NULL, &err) < 0) {
        fprintf(stderr, "%s: %s\n", path, err.text);
        exit(2);
    }
    close(fd);
}

/* Another process writes the image: this one lets go of it before. */
static void pass_on(struct bp_image *image, const char *path)
{
    struct bp_error err = {0};
    int prologue, hold, status, go[2];
    pid_t source, pid;

    need(pipe(go) == 0, "pipe");
    need(bp_image_pass(image, &prologue, &source, &hold, &err) == 0, err.text);
    pid = fork();
    if (pid == 0) {
        char byte;
        struct bp_image *taken;
        close(go[1]);
        need(read(go[0], &byte, 1) == 0, "end of the pipe");
        need(bp_image_take(prologue, source, hold, &taken, &err) == 0, err.text);
        file_write(taken, path);
        bp_image_free(taken);
        _exit(0);
    }
    bp_image_free(image);
    close(prologue);
    close(go[0]);
    close(go[1]);
    need(waitpid(pid, &status, 0) == pid && status == 0, "the process that took the image");
}

/* The frozen process is killed: no other's pages are taken for its own. */
static int gone(void)
{
    struct bp_image_options options = {.carry = BP_CARRY_DEFAULT};
    struct bp_image *image;
    struct bp_image_mailbox mailbox;
    enum bp_image_role role;
    struct bp_error err = {0};
    int prologue, hold;
    pid_t source;
    char piece[8192];

    need(bp_image_capture_self(&options, &image, &role, &mailbox, &err) == 0, err.text);
    need(bp_image_pass(image, &prologue, &source, &hold, &err) == 0, err.text);
    need(bp_image_read(image, piece, sizeof(piece), bp_image_bytes(image) - 8192, &err) == 8192,
         err.text);
    kill(source, SIGKILL);
    while (kill(source, 0) == 0)
        sched_yield();
    need(bp_image_read(image, piece, sizeof(piece), bp_image_bytes(image) - 8192, &err) == -ESRCH,
         "reading of a killed process");
    printf("%s\n", err.text);
    bp_image_free(image);
    return 0;
}

/* Nobody's wait() meets what a capture made. */
static void children_judge(void)
{
    siginfo_t info;

    need(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL) < 0 && errno == ECHILD,
         "no child after a capture");
}

static void env_show(const struct bp_image_mailbox *mailbox)
{
    char **argv, **envp;

    memcpy(&argv, &mailbox->argv, sizeof(argv));
    memcpy(&envp, &mailbox->envp, sizeof(envp));
    for (; argv != NULL && *argv != NULL; argv++)
        printf("arg=%s\n", *argv);
    for (; envp != NULL && *envp != NULL; envp++)
        if (strncmp(*envp, "MARK=", 5) == 0)
            printf("env=%s\n", *envp);
}

static double ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int dump(const char *path)
{
    struct bp_image_options options = {
        .carry = wanted.carry_all ? BP_CARRY_ALL : wanted.carry_none ? BP_CARRY_NONE
                                                                     : BP_CARRY_DEFAULT,
        .is_move = wanted.is_move, .no_pagemap_scan = wanted.no_scan};
    struct bp_image *image;
    struct bp_image_mailbox mailbox;
    enum bp_image_role role;
    struct bp_error err = {0};
    char *big = mmap(NULL, (wanted.mib + 1) << 20, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    double start;

    state_set();
    for (int i = 0; wanted.threads && i < 3; i++)
        need(pthread_create(&(pthread_t){0}, NULL, waiting_thread, NULL) == 0, "thread");
    for (size_t i = 0; i < wanted.mib << 20; i += 4096)
        big[i] = (char)(i >> 12);
    maps_read(before);
again:
    start = ms();
    if (bp_image_capture_self(&options, &image, &role, &mailbox, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    if (role == BP_IMAGE_CAPTURED) {
        double captured = ms();
        children_judge();
        if (wanted.pass) {
            pass_on(image, path);
            return 0;
        }
        file_write(image, path);
        printf("# %u areas, %u runs, %u files, %llu bytes; capture %.2f ms, write %.2f ms\n",
               bp_image_head(image)->areas, bp_image_head(image)->runs,
               bp_image_head(image)->files, (unsigned long long)bp_image_bytes(image),
               captured - start, ms() - captured);
        bp_image_free(image);
        return 0;
    }
    maps_read(after);
    if (wanted.maps && strcmp(before, after) != 0) {
        printf("before:\n%safter:\n%s", before, after);
        return 1;
    }
    if (wanted.again) { /* dump once more from here */
        wanted.again = false;
        goto again;
    }
    state_judge(big);
    later_judge();
    if (wanted.show_env)
        env_show(&mailbox);
    printf("result=%lld pid=%d\n", (long long)mailbox.result, getpid());
    fflush(stdout);
    return 33;
}

/* A child that gets this PID. */
static pid_t clone_as(pid_t pid)
{
    struct clone_args args = {.exit_signal = SIGCHLD, .set_tid = pid != 0 ? (uint64_t)&pid : 0,
                              .set_tid_size = pid != 0};

    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static int undump(char **argv)
{
    struct bp_restore_report report;
    int image = open(argv[0], O_RDONLY), ends[2], status;
    char orders[128];
    double start = ms();
    pid_t pid;

    if (image < 0 || pipe(ends) < 0)
        return 2;
    pid = clone_as(atoi(argv[3]));
    if (pid == 0) {
        char *program = argv[3];
        close(ends[0]);
        snprintf(orders, sizeof(orders), "%d,%d,%s,%s", image, ends[1], argv[1], argv[2]);
        argv[3] = orders;
        argv[2] = (char *)"restored";
        execv(BPRESTORE, argv + 2);
        argv[3] = program;
        _exit(126);
    }
    close(ends[1]);
    if (pid < 0 || read(ends[0], &report, sizeof(report)) == (ssize_t)sizeof(report))
        printf("report=%d %s\n", pid < 0 ? -errno : report.code, pid < 0 ? "clone3" : report.text);
    printf("# restored in %.2f ms\n", ms() - start);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 2;
    if (WIFSIGNALED(status))
        printf("signal=%d\n", WTERMSIG(status));
    return WIFSIGNALED(status) ? 128 : WEXITSTATUS(status);
}

static unsigned entries(const char *path)
{
    DIR *folder = opendir(path);
    unsigned count = 0;

    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        closedir(folder);
    return count;
}

/* Copies end with the last holder of their images: their number is told by /proc. */
static int loop(int count)
{
    struct bp_image_options options = {.carry = BP_CARRY_DEFAULT};
    unsigned fds = entries("/proc/self/fd");

    for (int i = 0; i < count; i++) {
        struct bp_image *image;
        struct bp_image_mailbox mailbox;
        enum bp_image_role role;
        struct bp_error err = {0};
        need(bp_image_capture_self(&options, &image, &role, &mailbox, &err) == 0, err.text);
        bp_image_free(image);
        if (i == 10)
            maps_read(before);
    }
    maps_read(after);
    need(entries("/proc/self/fd") == fds, "descriptors");
    need(strcmp(before, after) == 0, "mappings");
    return 0;
}

static int refuse(const char *what)
{
    struct bp_image_options options = {.carry = BP_CARRY_DEFAULT};
    struct bp_image *image;
    struct bp_image_mailbox mailbox;
    enum bp_image_role role;
    struct bp_error err = {0};
    int rc = refuse_set(what);

    if (rc != 0) {
        printf("skip=%s\n", strerror(rc));
        return 0;
    }
    options.is_move = strncmp(what, "move-", 5) == 0;
    rc = bp_image_capture_self(&options, &image, &role, &mailbox, &err);
    printf("%s\n", rc == 0 ? "not refused" : err.text);
    if (rc == 0)
        bp_image_free(image);
    if (strcmp(what, "traced") != 0) /* its tracer is a child */
        children_judge();
    need(entries("/proc/self/fd") < 20, "descriptors");
    fflush(stdout);
    _exit(rc == -EOPNOTSUPP || rc == -ENOMEM ? 0 : 1);
}

static const struct {
    const char *name;
    bool *flag;
} flags[] = {
    {"carry-all", &wanted.carry_all}, {"carry-none", &wanted.carry_none},
    {"move", &wanted.is_move},        {"no-scan", &wanted.no_scan},
    {"env", &wanted.show_env},        {"again", &wanted.again},
    {"maps", &wanted.maps},           {"threads", &wanted.threads},
    {"pass", &wanted.pass},
};

static void options_read(char **words)
{
    for (; *words != NULL; words++) {
        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
            if (strcmp(*words, flags[i].name) == 0)
                *flags[i].flag = true;
        if (strncmp(*words, "mib=", 4) == 0)
            wanted.mib = strtoul(*words + 4, NULL, 10);
    }
}

int main(int argc, char **argv)
{
    wanted.mib = 1;
    if (argc >= 3 && strcmp(argv[1], "dump") == 0) {
        options_read(argv + 3);
        return dump(argv[2]);
    }
    if (argc >= 6 && strcmp(argv[1], "undump") == 0)
        return undump(argv + 2);
    if (argc == 3 && strcmp(argv[1], "refuse") == 0)
        return refuse(argv[2]);
    if (argc == 2 && strcmp(argv[1], "gone") == 0)
        return gone();
    if (argc == 3 && strcmp(argv[1], "loop") == 0)
        return loop(atoi(argv[2]));
    return 2;
}
