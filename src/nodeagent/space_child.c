/* SPDX-License-Identifier: BSD-3-Clause */
/* space_child.c - the birth of one process: clone with its PID, and the way to its exec.
 * The child runs in a copy of a small single-threaded program: anything may be called in it. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/format.h"
#include "nodeagent/space_child.h"
#include "nodeagent/space_exe.h"

enum { ABOVE_TARGETS = 64 }; /* descriptor numbers from here on are in nobody's way */

struct path {   /* a child's descriptors on its way to the exec */
    int mishap; /* a pipe, closed by the exec, or by the restorer */
    int go;     /* a pipe, read before the exec */
    int image;  /* in place_fds; -1 = none */
    int gate;   /* the same: a pipe, read before the image; -1 = that is whole */
};

static _Noreturn void give_up(int pipe, int error, enum bp_space_step step)
{
    struct bp_space_mishap mishap = {.error = error, .step = (int32_t)step};
    ssize_t ignored = write(pipe, &mishap, sizeof mishap);
    (void)ignored;
    _exit(127);
}

/* As after an exec by the launcher: what it ignores is ignored, the rest is as usual. */
static void inherit_signals(uint64_t ignored)
{
    for (int signo = 1; signo < NSIG; signo++) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        if ((ignored >> (signo - 1) & 1) != 0)
            action.sa_handler = SIG_IGN;
        if (signo != SIGKILL && signo != SIGSTOP)
            sigaction(signo, &action, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The order's descriptors at 0, 1, 2, ..., the path's right after them, nothing else. */
static void place_fds(const struct bp_space_order *order, struct path *path)
{
    int from[BP_SPACE_FDS_MAX + 2];
    int count = (int)order->nfds;
    memcpy(from, order->fds, order->nfds * sizeof *from);
    from[count] = path->mishap;
    from[count + 1] = path->go;
    for (int i = 0; i < count + 2; i++)
        if ((from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, ABOVE_TARGETS)) < 0)
            give_up(path->mishap, errno, BP_STEP_LIMITS);
    for (int i = 0; i < count + 2; i++)
        if (dup3(from[i], i, i < count || (i == count && order->image) ? 0 : O_CLOEXEC) < 0)
            give_up(from[count], errno, BP_STEP_LIMITS);
    close_range((unsigned)count + 2, ~0u, 0);
    *path = (struct path){
        .mishap = count, .go = count + 1, .image = order->image ? count - 1 : -1,
        .gate = order->gate ? count - 2 : -1};
}

/* As much of the limit as the kernel allows us to set: a hard limit may be above what it permits
 * (nr_open), or we may lack the right to raise it. */
static int set_limit(int which, struct rlimit limit)
{
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    if (setrlimit((__rlimit_resource_t)which, &limit) == 0)
        return 0;
    struct rlimit now;
    if (errno != EPERM || getrlimit((__rlimit_resource_t)which, &now) < 0)
        return -errno;
    if (limit.rlim_max > now.rlim_max)
        limit.rlim_max = now.rlim_max;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    return setrlimit((__rlimit_resource_t)which, &limit) < 0 ? -errno : 0;
}

static rlim_t limit_value(uint64_t value)
{
    return value == UINT64_MAX ? RLIM_INFINITY : (rlim_t)value;
}

static void set_limits(const struct bp_space_job *job, int pipe)
{
    int r = set_limit(RLIMIT_NOFILE, job->own_nofile);
    for (int i = 0; r == 0 && i < BP_SPACE_LIMITS && !job->setup.no_limits; i++) {
        struct rlimit limit = {
            .rlim_cur = limit_value(job->setup.limits[i].soft),
            .rlim_max = limit_value(job->setup.limits[i].hard),
        };
        r = set_limit(i, limit);
    }
    if (r < 0)
        give_up(pipe, -r, BP_STEP_LIMITS);
}

static void drop_identity(const struct bp_space_job *job, const struct bp_space_order *order,
                          int pipe)
{
    const struct bp_space_setup *setup = &job->setup;
    umask(setup->umask & 0777);
    if (setup->uid != 0 && order->image)
        bp_space_exe_prepare();
    if (setgroups(setup->groups, job->groups) < 0 ||
        setresgid(setup->gid, setup->gid, setup->gid) ||
        setresuid(setup->uid, setup->uid, setup->uid) < 0)
        give_up(pipe, errno, BP_STEP_IDENTITY);
    if (setup->uid == 0)
        return;
    /* setresuid leaves the inheritable set, and all of them under some securebits. */
    int r = bp_space_exe_drop(order->image);
    if (r < 0)
        give_up(pipe, -r, BP_STEP_IDENTITY);
}

/* Nobody of its user can get at it meanwhile, as it has changed its user without an exec. */
static void await_image(int take_gate, int mishap)
{
    char byte;
    ssize_t got = 1;
    if (take_gate < 0)
        return;
    do
        got = read(take_gate, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1)
        give_up(mishap, ECANCELED, BP_STEP_IMAGE);
    close(take_gate);
}

static _Noreturn void run_image(const struct bp_space_order *order,
                                const struct bp_space_job *job, char **argv, char **envp,
                                const struct path *path)
{
    char numbers[64];
    uint32_t count = 0;
    unsigned flags = BP_RESTORE_SHARED | (order->self ? BP_RESTORE_ENV : 0);
    int gate = path->gate, exe = -1;
    if (job->setup.uid != 0) { /* what the image says is needed here */
        await_image(bp_take_fd(gate), path->mishap);
        exe = bp_space_exe_open(path->image);
    }
    if (exe >= 0)
        flags |= BP_RESTORE_DROP;
    snprintf(numbers, sizeof numbers, "%d,%d,%x,%lld,%d,%d", path->image, path->mishap, flags,
             (long long)order->result, exe, gate);
    while (argv[count] != NULL)
        count++;
    auto_free char **words = bp_calloc(count + 3, sizeof *words);
    words[0] = (char *)"bprestore";
    words[1] = numbers;
    memcpy(words + 2, argv, count * sizeof *words);
    execve(BP_LIBEXECDIR "/bprestore", words, envp);
    give_up(path->mishap, errno, BP_STEP_IMAGE);
}

static void say(int pipe, const struct bp_space_cpus *said, size_t mask_bytes)
{
    ssize_t ignored = write(pipe, said, 1 + mask_bytes); /* nobody reads: we are ended soon */
    (void)ignored;
}

/* Some may wait for another process, a FIFO: our birth has been told, and meanwhile signals that
 * end us are not kept for the program. */
static void open_files(const struct bp_space_job *job, const struct bp_space_order *order,
                       struct path *path)
{
    int fd;
    if (job->file_count == 0)
        return;
    int mishap = bp_space_file_step_aside(job->files, job->file_count, path->mishap);
    if (mishap < 0)
        give_up(path->mishap, -mishap, BP_STEP_LIMITS);
    path->mishap = mishap;
    if (order->image)
        path->image = bp_space_file_step_aside(job->files, job->file_count, path->image);
    if (order->image && path->image < 0)
        give_up(mishap, -path->image, BP_STEP_LIMITS);
    if (order->gate)
        path->gate = bp_space_file_step_aside(job->files, job->file_count, path->gate);
    if (order->gate && path->gate < 0)
        give_up(mishap, -path->gate, BP_STEP_LIMITS);
    say(mishap, &(struct bp_space_cpus){.word = BP_WORD_OPENING}, 0);
    int r = bp_space_files_open(job->files, job->file_count, (uint64_t)order->result, &fd);
    if (r < 0)
        give_up(mishap, -r, (enum bp_space_step)(BP_STEP_FILE + fd));
    say(mishap, &(struct bp_space_cpus){.word = BP_WORD_OPENED}, 0);
}

/* Asked here: a program may change them at once, or be gone before somebody else asks. */
static void tell_cpus(int pipe)
{
    struct bp_space_cpus said = {.word = BP_WORD_CPUS};
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof said.mask, said.mask);
    if (bytes > 0)
        say(pipe, &said, (size_t)bytes);
}

/* Found as a shell would: by the PATH of the environment that the program itself gets. */
static _Noreturn void run_program(const struct bp_space_order *order,
                                  const struct bp_space_job *job, const struct path *path)
{
    char **argv, **envp, **room; /* until the exec */
    int r = bp_space_order_vectors(order, job, &argv, &envp, &room);
    if (r < 0)
        give_up(path->mishap, -r, BP_STEP_EXEC);
    if (!order->helper)
        tell_cpus(path->mishap);
    if (order->image)
        run_image(order, job, argv, envp, path);
    environ = envp; /* execvpe takes PATH from here */
    execvpe(job->program[0] != '\0' && !order->helper ? job->program : argv[0], argv, envp);
    give_up(path->mishap, errno, BP_STEP_EXEC);
}

/* A kernel without NUMA has but one place for memory. */
static void bind_memory(const struct bp_space_order *order, int pipe)
{
    unsigned long mask[BP_SPACE_CPUS_BYTES / sizeof(unsigned long)] = {0};
    if (order->mem_bytes == 0)
        return;
    if (order->mem_bytes > sizeof mask)
        give_up(pipe, EINVAL, BP_STEP_AFFINITY);
    memcpy(mask, order->mems, order->mem_bytes);
    if (syscall(SYS_set_mempolicy, MPOL_BIND, mask, 8ul * order->mem_bytes + 1) < 0 &&
        errno != ENOSYS)
        give_up(pipe, errno, BP_STEP_AFFINITY);
}

static _Noreturn void child_run(const struct bp_space_job *job, const struct bp_space_order *order,
                                struct path path)
{
    char go;
    if (order->helper || order->terminal || job->setup.leads == BP_LEADS_SESSION)
        setsid();
    else if (job->setup.leads == BP_LEADS_GROUP)
        setpgid(0, 0);
    setpriority(PRIO_PROCESS, 0, job->setup.nice); /* not the agent's own */
    if (job->setup.timer_slack_us > 0 && !order->helper)
        prctl(PR_SET_TIMERSLACK, job->setup.timer_slack_us * 1000UL);
    if (order->cpu_bytes > 0 &&
        syscall(SYS_sched_setaffinity, 0, order->cpu_bytes, order->cpus) < 0)
        give_up(path.mishap, errno, BP_STEP_AFFINITY);
    bind_memory(order, path.mishap);
    place_fds(order, &path);
    if (order->terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
        give_up(path.mishap, errno, BP_STEP_LIMITS);
    inherit_signals(job->setup.ignored);
    set_limits(job, path.mishap);
    drop_identity(job, order, path.mishap);
    const char *cwd = order->helper ? "/" : bp_space_order_cwd(order, job);
    if (cwd[0] != '\0' && chdir(cwd) < 0)
        give_up(path.mishap, errno, BP_STEP_CHDIR);
    if (read(path.go, &go, 1) != 1) /* our parent is dead */
        give_up(path.mishap, ESRCH, BP_STEP_CLONE);
    if (!order->helper)
        open_files(job, order, &path);
    run_program(order, job, &path);
}

static pid_t clone_child(const struct bp_space_order *order, int as_sibling, int *ret_pidfd)
{
    pid_t pid = order->pid;
    struct clone_args args = {
        .flags = CLONE_PIDFD | (as_sibling ? CLONE_PARENT : 0),
        .pidfd = (uintptr_t)ret_pidfd,
        .exit_signal = as_sibling ? 0 : SIGCHLD, /* a sibling's is the caller's own: SIGCHLD */
        .set_tid = pid > 0 ? (uintptr_t)&pid : 0,
        .set_tid_size = pid > 0 ? 1 : 0,
    };
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

int bp_space_child_create(const struct bp_space_job *job, const struct bp_space_order *order,
                          int as_sibling, struct bp_space_birth *ret_birth, int *ret_go)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC | O_DIRECT) < 0)
        return -errno;
    auto_close int our_mishap = pair[0];
    auto_close int its_mishap = pair[1];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return -errno;
    auto_close int its_go = pair[0];
    auto_close int our_go = pair[1];
    int pidfd = -1;
    fcntl(our_mishap, F_SETFL, O_NONBLOCK);
    pid_t child = clone_child(order, as_sibling, &pidfd);
    if (child == 0)
        child_run(job, order, (struct path){.mishap = its_mishap, .go = its_go});
    if (child < 0)
        return -errno;
    *ret_birth =
        (struct bp_space_birth){.pid = child, .pidfd = pidfd, .pipe = bp_take_fd(our_mishap)};
    *ret_go = bp_take_fd(our_go);
    return 0;
}

void bp_space_child_go(int take_go)
{
    ssize_t ignored = write(take_go, "", 1); /* its reader may be dead already */
    (void)ignored;
    close(take_go);
}
