/* SPDX-License-Identifier: BSD-3-Clause */
/* space_family.c - the stubs.
 *
 * The kernel calls a process group orphaned when no member has a parent in another group of the
 * same session; then the terminal's stop signals do nothing in it. It must be so here exactly when
 * it is so on the master. PID 1 leads session 1. So: in a session of its own, a group is not
 * orphaned through a stub that is a child of the session's stub S, and orphaned when all stubs are
 * children of PID 1. The group of the leader itself, where it must not be orphaned, gets an anchor:
 * a process in a group of its own whose child is a member. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/mem.h"
#include "nodeagent/space_family.h"
#include "nodeagent/space_maker.h"

typedef void stub_body(struct bp_space_family *family, int settled);

static void failed(struct bp_space_family *family, int error, const char *what)
{
    if (family->error == 0) {
        family->error = error;
        family->what = what;
    }
}

static _Noreturn void stub_idle(void)
{
    signal(SIGCHLD, SIG_IGN); /* children of ours need no reaping */
    close_range(0, ~0u, 0);
    for (;;)
        pause();
}

/* Clone a stub and wait until it has its place. Its body ends by stub_idle() or the maker's loop.
 * Returns its PID, or 0 with family->error. */
static pid_t stub_make(struct bp_space_family *family, pid_t pid, int adopt, stub_body *body)
{
    int pair[2];
    if (family->error != 0)
        return 0;
    if (pipe2(pair, O_CLOEXEC) < 0) {
        failed(family, -errno, "a pipe");
        return 0;
    }
    struct clone_args args = {
        .flags = adopt ? CLONE_PARENT : 0,
        .exit_signal = adopt ? 0 : SIGCHLD,
        .set_tid = pid > 0 ? (uintptr_t)&pid : 0,
        .set_tid_size = pid > 0 ? 1 : 0,
    };
    pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (child == 0) {
        close(pair[0]);
        family->pids[family->count++] = getpid();
        body(family, pair[1]);
        _exit(1);
    }
    if (child < 0)
        failed(family, -errno, "a stub");
    auto_close int wait_here = pair[0];
    close(pair[1]);
    char settled;
    if (child > 0 && read(wait_here, &settled, 1) != 1)
        failed(family, -ECHILD, "a stub, which died");
    return child > 0 ? child : 0;
}

static void tell_settled(int settled)
{
    ssize_t ignored = write(settled, "", 1);
    (void)ignored;
    close(settled);
}

static _Noreturn void become_maker(struct bp_space_family *family, int settled)
{
    family->maker = getpid();
    tell_settled(settled);
    if (dup3(family->maker_socket, 3, O_CLOEXEC) < 0)
        _exit(1);
    close_range(4, ~0u, 0);
    bp_space_maker_run(family->job, 3, family->launcher == 0);
}

static void group_body(struct bp_space_family *family, int settled)
{
    if (setpgid(0, 0) < 0)
        failed(family, -errno, "the process group");
    tell_settled(settled);
    stub_idle();
}

static void launcher_body(struct bp_space_family *family, int settled)
{
    if (family->group != 0 && setpgid(0, family->group) < 0)
        failed(family, -errno, "the launcher's process group");
    become_maker(family, settled);
}

static void member_body(struct bp_space_family *family, int settled)
{
    (void)family;
    tell_settled(settled);
    stub_idle();
}

/* Born in the leader's group, like its child; then leaves it. */
static void anchor_body(struct bp_space_family *family, int settled)
{
    stub_make(family, 0, 0, member_body);
    group_body(family, settled);
}

/* Made by the session's leader, be it S or PID 1. */
static void make_members(struct bp_space_family *family)
{
    if (family->anchor)
        stub_make(family, 0, 0, anchor_body);
    if (family->group != 0 && family->group != family->launcher)
        stub_make(family, family->group, family->adopt, group_body);
    if (family->launcher == 0 || family->launcher != family->session)
        stub_make(family, family->launcher,
                  family->adopt || (family->launcher == 0 && family->session != 0), launcher_body);
}

static void session_body(struct bp_space_family *family, int settled)
{
    if (setsid() < 0)
        failed(family, -errno, "the session");
    make_members(family);
    if (family->launcher != 0 && family->launcher == family->session)
        become_maker(family, settled);
    tell_settled(settled);
    stub_idle();
}

/* From SETUP's numbers to what is to be made. */
static int plan(struct bp_space_family *family, struct bp_error *err)
{
    const struct bp_space_setup *s = &family->job->setup;
    int64_t max = family->job->pid_max;
    if (s->session_pid >= max || s->group_pid >= max || s->launcher_pid >= max)
        return bp_error_set(err, -EOVERFLOW,
                            "a PID of the master is above this node's kernel.pid_max (%lld)",
                            (long long)max);
    int own_group = s->group_pid > 1 && s->group_pid != s->session_pid;
    int own_launcher = s->launcher_pid > 1;
    if (own_launcher && s->launcher_pid == s->session_pid && own_group)
        return bp_error_set(err, -EINVAL, "a session's leader cannot be in another group");
    family->launcher = own_launcher ? s->launcher_pid : 0;
    family->group = own_group ? s->group_pid : 0;
    family->session = s->session_pid > 1 ? s->session_pid : 0;
    if (family->session == 0 && own_group && s->orphaned)
        family->session = -1; /* PID 1's own group is not in the way in another session */
    family->adopt = family->session != 0 && s->orphaned;
    family->anchor = !s->orphaned && !own_group;
    return 0;
}

static void seize(const struct bp_space_family *family)
{
    /* Best effort: where tracing is forbidden, a job of root can stop its own launcher's stub. */
    for (unsigned i = 0; i < family->count; i++)
        ptrace(PTRACE_SEIZE, family->pids[i], 0, 0);
}

int bp_space_family_has(const struct bp_space_family *family, pid_t pid)
{
    for (unsigned i = 0; i < family->count; i++)
        if (family->pids[i] == pid)
            return 1;
    return 0;
}

void bp_space_family_resume(pid_t pid)
{
    ptrace(PTRACE_CONT, pid, 0, 0);
}

int bp_space_family_make(struct bp_space_job *job, int maker_socket,
                         struct bp_space_family *ret_family, struct bp_error *err)
{
    struct bp_space_family planned = {.job = job, .maker_socket = maker_socket};
    int r = plan(&planned, err);
    if (r < 0)
        return r;
    struct bp_space_family *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return bp_error_set(err, -errno, "no memory for the stubs: %s", strerror(errno));
    *shared = planned;
    if (planned.session != 0)
        stub_make(shared, planned.session > 0 ? planned.session : 0, 0, session_body);
    else
        make_members(shared);
    *ret_family = *shared;
    munmap(shared, sizeof *shared);
    if (ret_family->error != 0)
        return bp_error_set(err, ret_family->error, "cannot make %s: %s", ret_family->what,
                            strerror(-ret_family->error));
    seize(ret_family);
    return 0;
}
