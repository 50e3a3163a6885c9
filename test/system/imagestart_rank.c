/* SPDX-License-Identifier: BSD-3-Clause */
/* imagestart_rank.c - a program that looks at itself as it was started: prints what it found wrong,
 * else "ok", RANK of its environment, its random bytes in hexadecimal. Usage: imagestart_rank [end
 * | sum WORD...]. Built as every kind of executable. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char etext, edata, end;
static int failures;
static _Thread_local int per_thread = 7;
static volatile sig_atomic_t got;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            failures++;                                                                            \
            printf("wrong, line %d: %s\n", __LINE__, #condition);                                  \
        }                                                                                          \
    } while (0)

static char *file_read(const char *path, size_t *ret_bytes)
{
    size_t room = 8u << 20, bytes = 0;
    char *text = malloc(room);
    int fd = open(path, O_RDONLY);
    ssize_t n;
    CHECK(fd >= 0);
    while ((n = read(fd, text + bytes, room - bytes - 1)) > 0)
        bytes += (size_t)n;
    close(fd);
    text[bytes] = '\0';
    *ret_bytes = bytes;
    return text;
}

/* The strings of a vector are what the kernel shows of it. */
static void vector_check(const char *path, char **vector)
{
    size_t bytes, at = 0;
    char *text = file_read(path, &bytes);
    for (; *vector != NULL; vector++) {
        CHECK(at < bytes && strcmp(text + at, *vector) == 0);
        at += strlen(*vector) + 1;
    }
    CHECK(at == bytes);
    free(text);
}

static void auxv_check(void)
{
    size_t bytes;
    char *file = file_read("/proc/self/auxv", &bytes);
    const ElfW(auxv_t) *entry = (const void *)file;
    for (size_t i = 0; i < bytes / sizeof *entry && entry[i].a_type != AT_NULL; i++)
        if (entry[i].a_type != AT_IGNORE && entry[i].a_type != AT_HWCAP) /* libc has its own */
            CHECK(getauxval(entry[i].a_type) == entry[i].a_un.a_val);
    free(file);
    const ElfW(Phdr) *headers = (const void *)getauxval(AT_PHDR);
    CHECK(headers != NULL && headers[0].p_type <= PT_PHDR);
    CHECK(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_UID) == getuid());
    CHECK(getauxval(AT_SECURE) == 0);
}

/* No mapping is writable and executable, none is the restorer's, and there is one stack. */
static void maps_check(void)
{
    size_t bytes, stacks = 0;
    char *text = file_read("/proc/self/maps", &bytes);
    uintptr_t here = (uintptr_t)&bytes;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        unsigned long start = 0, stop = 0;
        char prot[8] = "";
        sscanf(line, "%lx-%lx %7s", &start, &stop, prot);
        CHECK(strstr(prot, "wx") == NULL);
        CHECK(strstr(line, "bprestore") == NULL);
        if (strstr(line, "[stack]") != NULL) {
            stacks++;
            CHECK(start <= here && here < stop);
        }
    }
    CHECK(stacks == 1);
    free(text);
}

static void take(int signo)
{
    got = signo;
}

static void signals_check(void)
{
    struct sigaction action = {.sa_handler = take};
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    CHECK(sigismember(&mask, SIGUSR1) == 0);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    CHECK(got == SIGUSR1);
}

static int deep(int level)
{
    volatile char space[65536];
    space[0] = (char)level;
    return level == 0 ? space[0] : deep(level - 1) + (space[0] != (char)level);
}

static void *in_thread(void *arg)
{
    per_thread++;
    return memcpy(malloc(100000), arg, 2);
}

static void threads_check(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *low = NULL, *result = NULL;
    size_t bytes = 0;
    CHECK(pthread_create(&thread, NULL, in_thread, "x") == 0);
    CHECK(pthread_join(thread, &result) == 0 && strcmp(result, "x") == 0);
    free(result);
    CHECK(per_thread == 7);
    CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
    CHECK(pthread_attr_getstack(&attributes, &low, &bytes) == 0);
    CHECK((char *)low < (char *)&attributes && (char *)&attributes < (char *)low + bytes);
    pthread_attr_destroy(&attributes);
}

static void memory_check(void)
{
    char *before = sbrk(0);
    CHECK(sbrk(1 << 20) == before);
    memset(before, 1, 1 << 20);
    char *big = malloc(40u << 20);
    memset(big, 2, 40u << 20);
    free(big);
    CHECK(deep(100) == 0); /* 6 MiB of stack */
}

static void children_check(void)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(getpid() == (pid_t)syscall(SYS_getpid) && getppid() > 0 ? 5 : 6);
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 5);
    CHECK(system("exit 3") == 3 << 8 || access("/bin/sh", X_OK) != 0);
}

static void clocks_check(void)
{
    struct timespec fast, slow;
    clock_gettime(CLOCK_MONOTONIC, &fast);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &slow);
    CHECK(slow.tv_sec - fast.tv_sec <= 1 && slow.tv_sec >= fast.tv_sec);
}

static void names_check(char **argv)
{
    char comm[16] = "";
    const char *execfn = (const char *)getauxval(AT_EXECFN), *base = strrchr(execfn, '/');
    prctl(PR_GET_NAME, comm);
    CHECK(strncmp(comm, base != NULL ? base + 1 : execfn, 15) == 0);
    CHECK(strcmp(program_invocation_name, argv[0]) == 0);
}

static int sum(int argc, char **argv, char **envp)
{
    unsigned long bytes = 0;
    for (int i = 0; i < argc; i++)
        bytes += strlen(argv[i]) + 1;
    for (; *envp != NULL; envp++)
        bytes += strlen(*envp) + 1;
    printf("%d %lu\n", argc, bytes);
    return 0;
}

int main(int argc, char **argv, char **envp)
{
    if (argc > 1 && strcmp(argv[1], "end") == 0)
        return 0;
    if (argc > 1 && strcmp(argv[1], "sum") == 0)
        return sum(argc, argv, envp);
    CHECK(envp == environ);
    vector_check("/proc/self/cmdline", argv);
    vector_check("/proc/self/environ", envp);
    auxv_check();
    maps_check();
    names_check(argv);
    signals_check();
    threads_check();
    memory_check();
    children_check();
    clocks_check();
    CHECK(setenv("IMAGESTART", "1", 1) == 0 && strcmp(getenv("IMAGESTART"), "1") == 0);
    CHECK(sqrt((double)argc + 15.0 - argc + 1.0) == 4.0);
    const unsigned char *random = (const unsigned char *)getauxval(AT_RANDOM);
    printf("%s %s ", failures == 0 ? "ok" : "failed", getenv("RANK"));
    for (int i = 0; i < 16; i++)
        printf("%02x", random[i]);
    printf("\n");
    return failures;
}
