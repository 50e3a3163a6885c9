/* SPDX-License-Identifier: BSD-3-Clause */
/* sys.h - the system calls that bpghost makes, typed; each returns -errno on failure. */
#ifndef BP_GHOST_SYS_H
#define BP_GHOST_SYS_H

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

#include "ghost/arch_x86_64.h"

#define BP_SYS_SIGNALS 0xffffffffffffffffUL /* the kernel's signal set: bit signo - 1 */

#define BP_SYSCALL(number, a, b, c, d, e, f)                                                       \
    bp_arch_syscall(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline long bp_sys_read(int fd, void *bytes, size_t size)
{
    return BP_SYSCALL(SYS_read, fd, bytes, size, 0, 0, 0);
}

static inline long bp_sys_write(int fd, const void *bytes, size_t size)
{
    return BP_SYSCALL(SYS_write, fd, bytes, size, 0, 0, 0);
}

static inline long bp_sys_pwrite(int fd, const void *bytes, size_t size, long offset)
{
    return BP_SYSCALL(SYS_pwrite64, fd, bytes, size, offset, 0, 0);
}

static inline long bp_sys_send(int fd, const void *bytes, size_t size, int flags)
{
    return BP_SYSCALL(SYS_sendto, fd, bytes, size, flags, 0, 0);
}

static inline long bp_sys_recv(int fd, void *bytes, size_t size, int flags)
{
    return BP_SYSCALL(SYS_recvfrom, fd, bytes, size, flags, 0, 0);
}

static inline long bp_sys_getsockopt(int fd, int level, int option, int *value)
{
    uint32_t size = sizeof(*value);

    return BP_SYSCALL(SYS_getsockopt, fd, level, option, value, &size, 0);
}

static inline long bp_sys_close_range(unsigned first, unsigned last)
{
    return BP_SYSCALL(SYS_close_range, first, last, 0, 0, 0, 0);
}

static inline long bp_sys_pipe(int fds[2], int flags)
{
    return BP_SYSCALL(SYS_pipe2, fds, flags, 0, 0, 0, 0);
}

static inline long bp_sys_signalfd(uint64_t signals, int flags)
{
    return BP_SYSCALL(SYS_signalfd4, -1, &signals, sizeof(signals), flags, 0, 0);
}

static inline long bp_sys_timerfd(int clock, int flags)
{
    return BP_SYSCALL(SYS_timerfd_create, clock, flags, 0, 0, 0, 0);
}

static inline long bp_sys_timerfd_set(int fd, uint64_t ms)
{
    struct itimerspec when = {
        .it_value = {.tv_sec = (long)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000},
    };

    return BP_SYSCALL(SYS_timerfd_settime, fd, 0, &when, 0, 0, 0);
}

static inline long bp_sys_poll(struct pollfd *fds, unsigned count)
{
    return BP_SYSCALL(SYS_ppoll, fds, count, 0, 0, 0, 0);
}

static inline uint64_t bp_sys_now_ms(void)
{
    struct timespec now;

    BP_SYSCALL(SYS_clock_gettime, CLOCK_BOOTTIME, &now, 0, 0, 0, 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline long bp_sys_sigmask(int how, uint64_t signals)
{
    return BP_SYSCALL(SYS_rt_sigprocmask, how, &signals, 0, sizeof(signals), 0, 0);
}

static inline long bp_sys_sigaction(int signo, void (*handler)(int))
{
    struct {
        void (*handler)(int);
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } action = {.handler = handler};

    return BP_SYSCALL(SYS_rt_sigaction, signo, &action, 0, sizeof(action.mask), 0, 0);
}

static inline long bp_sys_sigdefault(int signo)
{
    return bp_sys_sigaction(signo, SIG_DFL);
}

/* Wait for one of these signals; they must be blocked. Returns its number. Limit NULL: for ever;
 * one of zero: -EAGAIN when none waits. */
static inline long bp_sys_sigwait_of(uint64_t signals, siginfo_t *info,
                                     const struct timespec *limit)
{
    return BP_SYSCALL(SYS_rt_sigtimedwait, &signals, info, limit, sizeof(signals), 0, 0);
}

static inline long bp_sys_sigwait(siginfo_t *info, const struct timespec *limit)
{
    return bp_sys_sigwait_of(BP_SYS_SIGNALS, info, limit);
}

static inline long bp_sys_kill(int pid, int signo)
{
    return BP_SYSCALL(SYS_kill, pid, signo, 0, 0, 0, 0);
}

/* To the thread, not the process: the kernel keeps the two apart, so that a user's SIGCONT which
 * comes while ours waits is not taken for the same one. */
static inline long bp_sys_continue(int pid)
{
    return BP_SYSCALL(SYS_tgkill, pid, pid, SIGCONT, 0, 0, 0);
}

static inline int bp_sys_getpid(void)
{
    return (int)BP_SYSCALL(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static inline uint32_t bp_sys_getuid(void)
{
    return (uint32_t)BP_SYSCALL(SYS_getuid, 0, 0, 0, 0, 0, 0);
}

/* The kernel writes 0 to *word when this process ends. */
static inline long bp_sys_set_tid_address(int32_t *word)
{
    return BP_SYSCALL(SYS_set_tid_address, word, 0, 0, 0, 0, 0);
}

static inline int bp_sys_getppid(void)
{
    return (int)BP_SYSCALL(SYS_getppid, 0, 0, 0, 0, 0, 0);
}

static inline long bp_sys_raise(int signo)
{
    int pid = bp_sys_getpid();

    return BP_SYSCALL(SYS_tgkill, pid, pid, signo, 0, 0, 0);
}

static inline long bp_sys_setsid(void)
{
    return BP_SYSCALL(SYS_setsid, 0, 0, 0, 0, 0, 0);
}

static inline long bp_sys_setpgid(int pid, int group)
{
    return BP_SYSCALL(SYS_setpgid, pid, group, 0, 0, 0, 0);
}

static inline long bp_sys_unshare(unsigned long flags)
{
    return BP_SYSCALL(SYS_unshare, flags, 0, 0, 0, 0, 0);
}

static inline long bp_sys_exec(const char *path, char *const *argv, char *const *envp)
{
    return BP_SYSCALL(SYS_execve, path, argv, envp, 0, 0, 0);
}

static inline long bp_sys_chdir(const char *path)
{
    return BP_SYSCALL(SYS_chdir, path, 0, 0, 0, 0, 0);
}

static inline long bp_sys_prctl(int option, unsigned long value)
{
    return BP_SYSCALL(SYS_prctl, option, value, 0, 0, 0, 0);
}

static inline long bp_sys_wait(int pid, int *status, int flags)
{
    return BP_SYSCALL(SYS_wait4, pid, status, flags, 0, 0, 0);
}

/* waitid: the info's si_pid is 0 when there was nothing. */
static inline long bp_sys_waitid(int which, int pid, siginfo_t *ret_info, int flags)
{
    ret_info->si_pid = 0;
    return BP_SYSCALL(SYS_waitid, which, pid, ret_info, flags, 0, 0);
}

/* Give up every capability. */
static inline long bp_sys_capdrop(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

    return BP_SYSCALL(SYS_capset, &header, none, 0, 0, 0, 0);
}

static inline long bp_sys_ptrace(int request, int pid, unsigned long data)
{
    return BP_SYSCALL(SYS_ptrace, request, pid, 0, data, 0, 0);
}

static inline long bp_sys_ptrace_siginfo(int request, int pid, siginfo_t *info)
{
    return BP_SYSCALL(SYS_ptrace, request, pid, 0, info, 0, 0);
}

static inline long bp_sys_ptrace_peek(int pid, struct __ptrace_peeksiginfo_args *from,
                                      siginfo_t *ret_infos)
{
    return BP_SYSCALL(SYS_ptrace, PTRACE_PEEKSIGINFO, pid, from, ret_infos, 0, 0);
}

static inline _Noreturn void bp_sys_exit(int status)
{
    for (;;)
        BP_SYSCALL(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

#endif
