/* SPDX-License-Identifier: BSD-3-Clause */
/* holder.c - brings a program to the point by ptrace, and keeps it there. */
#include "image/holder.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/calls.h"

#define BREAKPOINT   0xccu
#define ABOVE_STD    10 /* descriptors from here on are not the standard ones */
#define AUXV_ENTRIES 64

/* What happened to the program while it was on its way. */
enum step { STEP_ON, STEP_EXEC, STEP_TRAP, STEP_OVER };

static _Noreturn void say(int link, const struct bp_holder_report *report)
{
    send(link, report, sizeof *report, MSG_NOSIGNAL);
    _exit(1);
}

static _Noreturn void fail(int link, enum bp_holder_end end, int code)
{
    struct bp_holder_report report = {.end = end, .code = code};
    say(link, &report);
}

/* The standard descriptors are /dev/null: whoever looks at them early does not see the caller's.
 * Nothing else stays open but the link. Returns its new number. */
static int descriptors_set(int link)
{
    int own = fcntl(link, F_DUPFD_CLOEXEC, ABOVE_STD);
    if (own < 0)
        fail(link, BP_HOLDER_SYSTEM, -errno);
    close_range(0, (unsigned)own - 1, 0);
    close_range((unsigned)own + 1, ~0u, 0);
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (open("/dev/null", O_RDWR) != fd)
            fail(own, BP_HOLDER_SYSTEM, -errno);
    return own;
}

/* The program's side. Its signals stay blocked: nothing of that is part of its image. */
static _Noreturn void program_run(const struct bp_hold_order *order, int link)
{
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
        fail(link, BP_HOLDER_SYSTEM, -errno);
    syscall(SYS_kill, getpid(), SIGSTOP);
    if (order->cwd != NULL && chdir(order->cwd) < 0)
        fail(link, BP_HOLDER_CHDIR, -errno);
    int r = order->to_entry ? bp_calls_watch() : 0;
    if (r < 0)
        fail(link, BP_HOLDER_FILTER, r);
    environ = (char **)order->envp; /* its PATH is the one to look in */
    if (order->search)
        execvpe(order->path, order->argv, order->envp);
    else
        execve(order->path, order->argv, order->envp);
    fail(link, BP_HOLDER_EXEC, -errno);
}

static bool is_fault(int signo)
{
    switch (signo) {
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGABRT:
    case SIGSYS:
    case SIGTRAP:
        return true;
    default:
        return false;
    }
}

/* A stop before a system call that is not harmless; before the exec it is the holder's own. */
static enum step call_step(struct bp_holder_report *report, bool running)
{
    struct bp_hold *hold = &report->hold;
    if (!running)
        return STEP_ON;
    if (ptrace(PTRACE_GETREGS, hold->pid, 0, &hold->regs) < 0) {
        report->code = -errno;
        return STEP_OVER;
    }
    if (bp_calls_judge(hold->pid, &hold->regs, &hold->tid_address, report->text,
                       sizeof report->text))
        return STEP_ON;
    report->end = BP_HOLDER_CALL;
    report->code = (int32_t)hold->regs.orig_rax;
    return STEP_OVER;
}

/* Wait for what the program does next. Signals from outside are the caller's business: they are not
 * delivered to a program that is not to run. */
static enum step next(struct bp_holder_report *report, bool running)
{
    int status;
    if (waitpid(report->hold.pid, &status, __WALL) < 0) {
        report->code = -errno;
        return STEP_OVER;
    }
    if (!WIFSTOPPED(status)) {
        report->end = BP_HOLDER_ENDED;
        report->code = status;
        return STEP_OVER;
    }
    int event = status >> 16, signo = WSTOPSIG(status);
    if (event == PTRACE_EVENT_EXEC)
        return STEP_EXEC;
    if (event == PTRACE_EVENT_SECCOMP)
        return call_step(report, running);
    if (signo == SIGTRAP && running)
        return STEP_TRAP;
    if (!is_fault(signo))
        return STEP_ON;
    report->end = BP_HOLDER_SIGNAL;
    report->code = signo;
    return STEP_OVER;
}

/* Let it run until something but STEP_ON. */
static enum step run(struct bp_holder_report *report, bool running)
{
    for (;;) {
        if (ptrace(PTRACE_CONT, report->hold.pid, 0, 0) < 0) {
            report->code = -errno;
            return STEP_OVER;
        }
        enum step step = next(report, running);
        if (step != STEP_ON)
            return step;
    }
}

/* Of /proc/PID; without snprintf, which is not async-signal-safe. */
static int proc_open(pid_t pid, const char *name)
{
    char path[32] = "/proc/", digits[12], *end = path + strlen(path);
    int n = 0;
    for (int rest = pid; rest > 0; rest /= 10)
        digits[n++] = (char)('0' + rest % 10);
    while (n > 0)
        *end++ = digits[--n];
    *end++ = '/';
    memcpy(end, name, strlen(name) + 1);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* AT_ENTRY, 0 for a program without a dynamic linker: it is at its entry already. */
static int entry_find(pid_t pid, uint64_t *ret_entry)
{
    Elf64_auxv_t auxv[AUXV_ENTRIES];
    int fd = proc_open(pid, "auxv");
    if (fd < 0)
        return -errno;
    ssize_t got = read(fd, auxv, sizeof auxv);
    close(fd);
    uint64_t entry = 0, base = 0;
    for (ssize_t i = 0; i < got / (ssize_t)sizeof *auxv && auxv[i].a_type != AT_NULL; i++) {
        if (auxv[i].a_type == AT_ENTRY)
            entry = auxv[i].a_un.a_val;
        if (auxv[i].a_type == AT_BASE)
            base = auxv[i].a_un.a_val;
    }
    *ret_entry = base != 0 ? entry : 0;
    return 0;
}

/* Run on to AT_ENTRY. The breakpoint is taken out again. */
static int entry_reach(struct bp_holder_report *report)
{
    struct bp_hold *hold = &report->hold;
    uint64_t entry = 0;
    int r = entry_find(hold->pid, &entry);
    if (r < 0 || entry == 0)
        return r;
    errno = 0;
    long word = ptrace(PTRACE_PEEKTEXT, hold->pid, entry, 0);
    if (errno != 0 ||
        ptrace(PTRACE_POKETEXT, hold->pid, entry, (word & ~0xffL) | (long)BREAKPOINT) < 0)
        return -errno;
    if (run(report, true) != STEP_TRAP)
        return report->code < 0 ? report->code : 1;
    if (ptrace(PTRACE_GETREGS, hold->pid, 0, &hold->regs) < 0)
        return -errno;
    if (hold->regs.rip != entry + 1) {
        report->end = BP_HOLDER_SIGNAL;
        report->code = SIGTRAP;
        return 1;
    }
    if (ptrace(PTRACE_POKETEXT, hold->pid, entry, word) < 0)
        return -errno;
    hold->regs.rip = entry;
    hold->at_entry = true;
    return 0;
}

/* What the initialisers left in the thread. */
static int thread_read(struct bp_hold *hold)
{
    struct user_fpregs_struct fpregs;
    struct __ptrace_rseq_configuration rseq = {0};
    void *head = NULL;
    size_t bytes = 0;
    if (ptrace(PTRACE_GETFPREGS, hold->pid, 0, &fpregs) < 0 ||
        syscall(SYS_get_robust_list, hold->pid, &head, &bytes) < 0 ||
        ptrace(PTRACE_GET_RSEQ_CONFIGURATION, hold->pid, sizeof rseq, &rseq) < 0)
        return -errno;
    hold->mxcsr = fpregs.mxcsr;
    hold->robust_list = (uintptr_t)head;
    hold->robust_bytes = head != NULL ? bytes : 0;
    hold->rseq = rseq.rseq_abi_pointer;
    hold->rseq_bytes = rseq.rseq_abi_size;
    hold->rseq_signature = rseq.signature;
    return 0;
}

/* From the program's first stop to the point; 0, or the report says why not. */
static int reach(const struct bp_hold_order *order, struct bp_holder_report *report)
{
    struct bp_hold *hold = &report->hold;
    int status;
    if (waitpid(hold->pid, &status, __WALL) < 0 || !WIFSTOPPED(status))
        return -ECHILD;
    if (ptrace(PTRACE_SETOPTIONS, hold->pid, 0,
               PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP) < 0)
        return -errno;
    if (run(report, false) != STEP_EXEC)
        return report->code < 0 ? report->code : 1;
    if (order->to_entry) {
        int r = entry_reach(report);
        if (r != 0)
            return r;
    }
    if (!hold->at_entry)
        return ptrace(PTRACE_GETREGS, hold->pid, 0, &hold->regs) < 0 ? -errno : 0;
    return thread_read(hold);
}

/* On the way the holder ends, and with it the program, when the time is over (SIGALRM) or the
 * caller is gone (SIGIO, of the link). At the point it reads the link itself: 0 seconds. */
static void limit_set(int link, unsigned seconds)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGALRM);
    sigaddset(&ends, SIGIO);
    signal(SIGALRM, SIG_DFL);
    signal(SIGIO, SIG_DFL);
    sigprocmask(seconds > 0 ? SIG_UNBLOCK : SIG_BLOCK, &ends, NULL);
    fcntl(link, F_SETOWN, getpid());
    fcntl(link, F_SETFL, seconds > 0 ? O_ASYNC : 0);
    alarm(seconds);
}

/* With the program's memory: only its tracer can be sure to be let open it. */
static void report_send(int link, struct bp_holder_report *report)
{
    struct iovec part = {.iov_base = report, .iov_len = sizeof *report};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr head;
    } control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS}};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int memory = report->end == BP_HOLDER_HELD ? proc_open(report->hold.pid, "mem") : -1;
    if (report->end == BP_HOLDER_HELD && memory < 0) {
        report->end = BP_HOLDER_SYSTEM;
        report->code = -errno;
    }
    memcpy(CMSG_DATA(&control.head), &memory, sizeof memory);
    if (memory >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
    }
    sendmsg(link, &message, MSG_NOSIGNAL);
}

_Noreturn void bp_holder_run(const struct bp_hold_order *order, int link)
{
    struct bp_holder_report report = {.end = BP_HOLDER_SYSTEM};
    char end;
    link = descriptors_set(link);
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        program_run(order, link);
    if (pid < 0)
        fail(link, BP_HOLDER_SYSTEM, -errno);
    report.hold.pid = pid;
    limit_set(link, BP_HOLD_LIMIT_MS / 1000);
    int r = reach(order, &report);
    if (r == 0)
        report.end = BP_HOLDER_HELD;
    else if (r < 0) {
        report.end = BP_HOLDER_SYSTEM;
        report.code = r;
    }
    limit_set(link, 0);
    report_send(link, &report);
    while (r == 0 && read(link, &end, 1) < 0 && errno == EINTR)
        ;
    syscall(SYS_kill, pid, SIGKILL);
    waitpid(pid, NULL, __WALL);
    _exit(0);
}
