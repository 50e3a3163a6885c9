/* SPDX-License-Identifier: BSD-3-Clause */
/* image_refuse.c - see image_refuse.h. */
#include <asm/ldt.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "image_refuse.h"

static int map_result(const void *place)
{
    return place == MAP_FAILED ? errno : 0;
}

static int sysv(void)
{
    int id = shmget(IPC_PRIVATE, 8192, 0600);
    void *place = id < 0 ? MAP_FAILED : shmat(id, NULL, 0);
    int rc = map_result(place);

    if (id >= 0)
        shmctl(id, IPC_RMID, NULL);
    return rc;
}

static int uring(void)
{
    struct io_uring_params params = {0};
    int fd = (int)syscall(SYS_io_uring_setup, 4, &params);

    if (fd < 0)
        return errno;
    return map_result(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                           (off_t)IORING_OFF_SQES));
}

static int hugetlb(void)
{
    return map_result(mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0));
}

static int userfault(void)
{
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    struct uffdio_api api = {.api = UFFD_API};
    void *place = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register range = {.range = {(uint64_t)place, 8192},
                                    .mode = UFFDIO_REGISTER_MODE_MISSING};

    return fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &range) < 0
               ? errno
               : 0;
}

static int shared_file(void)
{
    int fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, 4096) < 0)
        return errno;
    return map_result(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
}

static int filter(void)
{
    struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
    struct sock_fprog program = {.len = 1, .filter = &allow};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return errno;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? errno : 0;
}

static int key(void)
{
    int number = (int)syscall(SYS_pkey_alloc, 0, 0);
    void *place = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (number < 0)
        return errno;
    return syscall(SYS_pkey_mprotect, place, 4096, PROT_READ | PROT_WRITE, number) < 0 ? errno : 0;
}

/* The tracer is a child. */
static int traced(void)
{
    int ends[2], status;
    char byte;
    pid_t pid;

    if (pipe(ends) < 0 || prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY) < -1)
        return errno;
    pid = fork();
    if (pid == 0) {
        byte = ptrace(PTRACE_SEIZE, getppid(), 0, 0) == 0 ? 0 : (char)errno;
        if (write(ends[1], &byte, 1) < 0)
            _exit(1);
        while (waitpid(getppid(), &status, __WALL) > 0 && !WIFEXITED(status))
            ptrace(PTRACE_CONT, getppid(), 0, 0);
        _exit(0);
    }
    return read(ends[0], &byte, 1) == 1 ? byte : EIO;
}

static void *wait_for_ever(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static int threads(void)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, wait_for_ever, NULL);
}

static int timer(void)
{
    timer_t id;

    return timer_create(CLOCK_MONOTONIC, NULL, &id) < 0 ? errno : 0;
}

/* Room for a copy, none for tables. */
static int memory(void)
{
    struct rlimit limit = {.rlim_max = RLIM_INFINITY};
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    void *place;

    if (file == NULL || fscanf(file, "%lu", &pages) != 1)
        return EIO;
    fclose(file);
    limit.rlim_cur = pages * 4096;
    if (setrlimit(RLIMIT_AS, &limit) < 0)
        return errno;
    for (size_t size = 65536; size > 16; size /= 2)
        while ((place = malloc(size)) != NULL)
            *(volatile char *)place = 1;
    limit.rlim_cur += 49152;
    return setrlimit(RLIMIT_AS, &limit) < 0 ? errno : 0;
}

static int not_dumpable(void)
{
    return prctl(PR_SET_DUMPABLE, 0) < 0 ? errno : 0;
}

static int segments(void)
{
    struct user_desc entry = {.entry_number = 3, .base_addr = 4096, .limit = 1, .seg_32bit = 1};

    return syscall(SYS_modify_ldt, 1, &entry, sizeof(entry)) < 0 ? errno : 0;
}

static const struct {
    const char *name;
    int (*set)(void);
} states[] = {
    {"sysv", sysv},       {"io-uring", uring},       {"hugetlb", hugetlb},
    {"move-userfault", userfault}, {"shared-file", shared_file}, {"seccomp", filter},
    {"key", key},         {"traced", traced},        {"move-threads", threads},
    {"move-timer", timer}, {"not-dumpable", not_dumpable}, {"memory", memory},
    {"segments", segments},
};

int refuse_set(const char *what)
{
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(what, states[i].name) == 0)
            return states[i].set();
    return EINVAL;
}
