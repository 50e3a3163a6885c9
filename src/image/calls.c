/* SPDX-License-Identifier: BSD-3-Clause */
/* calls.c - a filter that lets the harmless calls of a starting program pass at full speed, and the
 * judgement of all others. */
#include "image/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define PAGE         4096u

/* What they leave behind is in the image or is the same for the program on every node: memory,
 * files that were opened for their contents, identity, limits, random bytes. */
static const int harmless[] = {
    SYS_read,      SYS_pread64,    SYS_close,      SYS_lseek,
    SYS_access,    SYS_faccessat,  SYS_faccessat2, SYS_mmap,
    SYS_munmap,    SYS_mprotect,   SYS_mremap,     SYS_madvise,
    SYS_brk,       SYS_arch_prctl, SYS_rseq,       SYS_set_robust_list,
    SYS_prlimit64, SYS_getrlimit,  SYS_getrandom,  SYS_futex,
    SYS_getuid,    SYS_geteuid,    SYS_getgid,     SYS_getegid,
    SYS_getcwd,    SYS_execve,     SYS_exit_group,
};

/* Files are looked at by these; descriptors 0 to 2 are others on the node. */
static const int looks[] = {SYS_stat, SYS_lstat, SYS_fstat, SYS_newfstatat};

int bp_calls_watch(void)
{
    enum { HEAD = 3, TAIL = 4, ALL = COUNT(harmless) + COUNT(looks) };
    struct sock_filter code[HEAD + ALL + TAIL];
    struct sock_fprog program = {.filter = code, .len = COUNT(code)};
    size_t n = 0, trace = HEAD + ALL + 2, allow = trace + 1;
    code[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0,
                                           (uint8_t)(trace - n - 1));
    n++;
    code[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < COUNT(harmless); i++, n++)
        code[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)harmless[i],
                                               (uint8_t)(allow - n - 1), 0);
    for (size_t i = 0; i < COUNT(looks); i++, n++)
        code[n] = (struct sock_filter)BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)looks[i], (uint8_t)(HEAD + ALL - n - 1),
            (uint8_t)(i + 1 == COUNT(looks) ? trace - n - 1 : 0));
    code[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args));
    code[n] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 2, (uint8_t)(allow - n - 1), 0);
    n++;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) ==
        0)
        return 0;
    if (errno != EACCES || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) < 0)
        return -errno;
    return 0;
}

/* The start of what stands at an address of pid, cut at size - 1; a transfer does not split a
 * vector, hence one a page. */
static void text_read(pid_t pid, uint64_t address, char *text, size_t size)
{
    size_t first = PAGE - address % PAGE;
    if (first > size - 1)
        first = size - 1;
    struct iovec to = {.iov_base = text, .iov_len = size - 1};
    struct iovec from[] = {
        {.iov_base = (void *)(uintptr_t)address, .iov_len = first},
        {.iov_base = (void *)(uintptr_t)(address + first), .iov_len = size - 1 - first},
    };
    ssize_t got = process_vm_readv(pid, &to, 1, from, first < size - 1 ? 2 : 1, 0);
    text[got > 0 ? got : 0] = '\0';
}

static bool is_library(const char *path)
{
    const char *name = strrchr(path, '/');
    name = name != NULL ? name + 1 : path;
    return strstr(name, ".so") != NULL || strcmp(path, "/etc/ld.so.cache") == 0 ||
           strcmp(path, "/etc/ld.so.preload") == 0;
}

/* An open of a library for reading, or the program's own name. */
static bool may_open(pid_t pid, uint64_t path, uint64_t flags, char *text, size_t size)
{
    text_read(pid, path, text, size);
    return (flags & (O_ACCMODE | O_CREAT)) == O_RDONLY && is_library(text);
}

static bool may_readlink(pid_t pid, uint64_t path, char *text, size_t size)
{
    text_read(pid, path, text, size);
    return strcmp(text, "/proc/self/exe") == 0;
}

/* The message itself, on one line. */
static void message_read(pid_t pid, const struct user_regs_struct *regs, char *text, size_t size)
{
    struct iovec parts[8] = {{.iov_base = (void *)(uintptr_t)regs->rsi, .iov_len = regs->rdx}};
    size_t count = 1, done = 0;
    if (regs->orig_rax == SYS_writev) {
        struct iovec to = {.iov_base = parts, .iov_len = sizeof parts};
        count = regs->rdx < COUNT(parts) ? regs->rdx : COUNT(parts);
        to.iov_len = count * sizeof *parts;
        struct iovec from = {.iov_base = (void *)(uintptr_t)regs->rsi, .iov_len = to.iov_len};
        if (process_vm_readv(pid, &to, 1, &from, 1, 0) < 0)
            count = 0;
    }
    for (size_t i = 0; i < count && done < size - 1; i++) {
        size_t room = size - done;
        if (parts[i].iov_len < room - 1)
            room = parts[i].iov_len + 1;
        text_read(pid, (uintptr_t)parts[i].iov_base, text + done, room);
        done += strlen(text + done);
    }
    text[strcspn(text, "\n")] = '\0';
}

int bp_calls_judge(pid_t pid, const struct user_regs_struct *regs, uint64_t *tid_address,
                   char *text, size_t size)
{
    text[0] = '\0';
    switch (regs->orig_rax) {
    case SYS_set_tid_address:
        *tid_address = regs->rdi;
        return 1;
    case SYS_open:
        return may_open(pid, regs->rdi, regs->rsi, text, size);
    case SYS_openat:
        return may_open(pid, regs->rsi, regs->rdx, text, size);
    case SYS_readlink:
        return may_readlink(pid, regs->rdi, text, size);
    case SYS_readlinkat:
        return may_readlink(pid, regs->rsi, text, size);
    case SYS_write:
    case SYS_writev:
        message_read(pid, regs, text, size);
        return 0;
    default:
        return 0;
    }
}

const char *bp_calls_name(long number, char *buffer, size_t size)
{
    static const struct {
        long number;
        const char *name;
    } names[] = {
        {SYS_open, "open"},
        {SYS_openat, "openat"},
        {SYS_stat, "stat"},
        {SYS_fstat, "fstat"},
        {SYS_newfstatat, "newfstatat"},
        {SYS_readlink, "readlink"},
        {SYS_readlinkat, "readlinkat"},
        {SYS_write, "write"},
        {SYS_writev, "writev"},
        {SYS_ioctl, "ioctl"},
        {SYS_uname, "uname"},
        {SYS_sysinfo, "sysinfo"},
        {SYS_statfs, "statfs"},
        {SYS_getpid, "getpid"},
        {SYS_gettid, "gettid"},
        {SYS_getppid, "getppid"},
        {SYS_sched_getaffinity, "sched_getaffinity"},
        {SYS_sched_setaffinity, "sched_setaffinity"},
        {SYS_rt_sigaction, "rt_sigaction"},
        {SYS_rt_sigprocmask, "rt_sigprocmask"},
        {SYS_sigaltstack, "sigaltstack"},
        {SYS_clone, "clone"},
        {SYS_clone3, "clone3"},
        {SYS_fork, "fork"},
        {SYS_vfork, "vfork"},
        {SYS_socket, "socket"},
        {SYS_pipe2, "pipe2"},
        {SYS_eventfd2, "eventfd2"},
        {SYS_shmget, "shmget"},
        {SYS_nanosleep, "nanosleep"},
        {SYS_clock_nanosleep, "clock_nanosleep"},
        {SYS_prctl, "prctl"},
        {SYS_chdir, "chdir"},
        {SYS_umask, "umask"},
        {SYS_getdents64, "getdents64"},
    };
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].number == number)
            return names[i].name;
    snprintf(buffer, size, "system call %ld", number);
    return buffer;
}
