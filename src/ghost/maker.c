/* SPDX-License-Identifier: BSD-3-Clause */
/* maker.c - reads the setup, starts the herder, makes canary and ghosts, waits for the verdict. */
#include "ghost/maker.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "ghost/ghost.h"
#include "ghost/herd.h"
#include "ghost/herder.h"
#include "ghost/sys.h"

#define GHOST_STACK  1024 /* no handler ever runs on it; the deepest use is below 300 bytes */
#define HERDER_STACK 16384

#define SHARED       (CLONE_VM | CLONE_FS | CLONE_FILES)

struct bp_herd bp_herd;

static char ghost_stacks[BP_HERD_PLACES][GHOST_STACK] __attribute__((aligned(16)));
static char herder_stack[HERDER_STACK] __attribute__((aligned(16)));
static int32_t given[BP_GHOST_MAX]; /* the PIDs that the ghosts are to have */

/* The herd cannot be made, and there is no herder yet to say so. */
static _Noreturn void give_up(long error)
{
    struct bp_ghost_record failed = {.type = BP_GHOST_FAILED, .status = (int32_t)-error};

    bp_sys_send(BP_HERD_LINK, &failed, sizeof(failed), MSG_DONTWAIT | MSG_NOSIGNAL);
    bp_sys_exit((int)-error);
}

static int read_whole(void *bytes, size_t size)
{
    size_t have = 0;

    while (have < size) {
        long n = bp_sys_read(BP_HERD_SETUP, (char *)bytes + have, size - have);

        if (n == -EINTR)
            continue;
        if (n < 0)
            return (int)n;
        if (n == 0)
            return -EPROTO;
        have += (size_t)n;
    }
    return 0;
}

static int setup_read(struct bp_ghost_setup *setup)
{
    int r = read_whole(setup, sizeof(*setup));

    if (r < 0)
        return r;
    setup->comm[sizeof(setup->comm) - 1] = '\0';
    if (setup->version != BP_GHOST_VERSION)
        return -EPROTONOSUPPORT;
    if (setup->count < 1 || setup->count > BP_GHOST_MAX || setup->lease_ms < 1 ||
        setup->flags > BP_GHOST_GIVEN ||
        (setup->flags == BP_GHOST_IN_PLACE && setup->count != 1))
        return -EINVAL;
    if (setup->flags == BP_GHOST_GIVEN)
        return read_whole(given, setup->count * sizeof(given[0]));
    return 0;
}

/* Nothing of the launcher is kept open or in use: a reader of its output must see the end of it. */
static int surroundings_leave(void)
{
    int type = 0;
    long r;

    bp_sys_close_range(0, BP_HERD_LINK - 1);
    bp_sys_close_range(BP_HERD_SETUP + 1, ~0u);
    r = bp_sys_getsockopt(BP_HERD_LINK, SOL_SOCKET, SO_TYPE, &type);
    if (r < 0)
        return (int)r;
    if (type != SOCK_SEQPACKET)
        return -EPROTOTYPE;
    /* Ignored here, SIGCHLD would make the kernel reap the herder's tracees by itself. */
    bp_sys_sigdefault(SIGCHLD);
    return (int)bp_sys_chdir("/");
}

static void report(uint32_t type, int32_t pid, long error)
{
    struct bp_ghost_record record = {.type = type, .pid = pid, .status = (int32_t)-error};

    while (bp_sys_write(bp_herd.report_out, &record, sizeof(record)) == -EINTR)
        continue;
}

/* Block until the herder has set *word. Its death before it traces us is the one end it cannot
 * give us itself: afterwards PTRACE_O_EXITKILL takes us along. */
static int32_t word_await(const int32_t *word, int32_t unset, uint64_t signals)
{
    int32_t value;

    while ((value = __atomic_load_n(word, __ATOMIC_ACQUIRE)) == unset) {
        siginfo_t info;
        int status;

        bp_sys_sigwait_of(signals, &info, NULL);
        if (__atomic_load_n(&bp_herd.stillborn, __ATOMIC_ACQUIRE) ||
            (bp_herd.midwife == 0 &&
             bp_sys_wait(bp_herd.herder, &status, WNOHANG | __WALL) == bp_herd.herder))
            give_up(-EOWNERDEAD);
    }
    return value;
}

long bp_maker_place(uint32_t place, unsigned long flags)
{
    void *top = ghost_stacks[place] + GHOST_STACK;

    flags |= SHARED | CLONE_PTRACE | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;
    bp_herd.alive[place] = 1;
    return bp_arch_clone(flags, top, &bp_herd.pids[place], &bp_herd.alive[place], bp_ghost_run,
                         (void *)(uintptr_t)place);
}

/* With the PID that was given. A sibling's exit signal is ours. */
static long given_make(uint32_t slot)
{
    struct clone_args args = {
        .flags = SHARED | CLONE_PTRACE | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_PARENT,
        .parent_tid = (uintptr_t)&bp_herd.pids[slot],
        .child_tid = (uintptr_t)&bp_herd.alive[slot],
        .stack = (uintptr_t)ghost_stacks[slot],
        .stack_size = GHOST_STACK,
        .set_tid = (uintptr_t)&given[slot],
        .set_tid_size = 1,
    };

    bp_herd.alive[slot] = 1;
    return bp_arch_clone3(&args, bp_ghost_run, (void *)(uintptr_t)slot);
}

/* CLONE_PTRACE: whoever traces us traces the new process from before its first instruction, with
 * the same options. CLONE_PARENT: a sibling of ours, that is a child of the launcher, and it takes
 * our exit signal, SIGCHLD. The canary comes first: what it was not sent no ghost was. */
static long herd_make(int32_t *ret_made)
{
    long r = bp_maker_place(BP_HERD_CANARY, 0);
    uint32_t slot = 0;

    if (r > 0)
        bp_sys_prctl(PR_SET_NAME, (unsigned long)bp_herd.setup.comm); /* the ghosts inherit it */
    while (r > 0 && slot < bp_herd.setup.count) {
        r = bp_herd.setup.flags == BP_GHOST_GIVEN ? given_make(slot)
                                                   : bp_maker_place(slot, CLONE_PARENT);
        if (r > 0)
            slot++;
    }
    *ret_made = (int32_t)slot;
    /* Where the launcher gave a memory file it learns which children it has got, even when only
     * some could be made: it alone can reap them. A pipe refuses this, and that is no error. */
    bp_sys_pwrite(BP_HERD_SETUP, bp_herd.pids, slot * sizeof(bp_herd.pids[0]),
                  sizeof(bp_herd.setup));
    return r > 0 ? 0 : r;
}

static long herder_clone(void)
{
    return bp_arch_clone(SHARED | CLONE_PARENT_SETTID | SIGCHLD, herder_stack + HERDER_STACK,
                         &bp_herd.herder, NULL, bp_herder_run, NULL);
}

/* Between a maker that will be a ghost and its herder: the herder ends it, and is init's child
 * then. So nothing is left of it where the ghost becomes its process again. */
static void midwife_run(void *unused)
{
    int status;

    (void)unused;
    bp_sys_prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (bp_sys_getppid() == bp_herd.maker && herder_clone() > 0)
        while (bp_sys_wait(bp_herd.herder, &status, __WALL) == -EINTR)
            continue;
    __atomic_store_n(&bp_herd.stillborn, 1, __ATOMIC_RELEASE);
    bp_sys_kill(bp_herd.maker, BP_HERD_KICK);
    bp_sys_exit(0);
}

/* Without an exit signal, which would be told as one of the process's. */
static long midwife_clone(void)
{
    return bp_arch_clone(SHARED | CLONE_PARENT_SETTID, ghost_stacks[BP_HERD_CANARY] + GHOST_STACK,
                         &bp_herd.midwife, NULL, midwife_run, NULL);
}

static int herder_make(void)
{
    int fds[2];
    long r = bp_sys_pipe(fds, 0);

    if (r < 0)
        return (int)r;
    bp_herd.report_in = fds[0];
    bp_herd.report_out = fds[1];
    bp_herd.maker = bp_sys_getpid();
    r = bp_herd.setup.flags & BP_GHOST_IN_PLACE ? midwife_clone() : herder_clone();
    return r < 0 ? (int)r : 0;
}

/* Become the ghost in slot 0. Signals that came before wait for it, but for the two that wake us:
 * a SIGCHLD or 64 of this moment may be lost. */
static _Noreturn void ghost_become(void)
{
    int status;

    while (bp_sys_wait(bp_herd.midwife, &status, __WALL) == -EINTR)
        continue;
    bp_sys_prctl(PR_SET_NAME, (unsigned long)bp_herd.setup.comm);
    bp_herd.alive[0] = 1;
    bp_sys_set_tid_address(&bp_herd.alive[0]);
    __atomic_store_n(&bp_herd.pids[0], bp_herd.maker, __ATOMIC_RELEASE);
    bp_sys_close_range(BP_HERD_SETUP, BP_HERD_SETUP);
    report(BP_REPORT_MADE, 1, 0);
    bp_ghost_run(NULL);
    bp_sys_exit(0);
}

_Noreturn void bp_maker_run(void)
{
    uint64_t wakers = BP_SYS_SIGNALS;
    int32_t made = 0;
    long r;

    bp_sys_sigmask(SIG_BLOCK, BP_SYS_SIGNALS);
    bp_herd.verdict = -1;
    r = surroundings_leave();
    if (r == 0)
        r = setup_read(&bp_herd.setup);
    /* The right to choose PIDs is for those that were given. */
    if (bp_herd.setup.flags != BP_GHOST_GIVEN && bp_sys_getuid() != 0)
        bp_sys_capdrop();
    if (r == 0)
        r = herder_make();
    if (r < 0)
        give_up(r);
    /* A program file that its user may not read starts undumpable and could not be traced. */
    bp_sys_prctl(PR_SET_DUMPABLE, 1);
    bp_sys_prctl(PR_SET_PTRACER, (unsigned long)bp_herd.herder); /* EINVAL without Yama */
    report(BP_REPORT_NAMED, 0, 0);
    if (bp_herd.setup.flags & BP_GHOST_IN_PLACE)
        wakers = 1UL << (BP_HERD_KICK - 1) | 1UL << (SIGCHLD - 1);
    if (word_await(&bp_herd.go, 0, wakers) > 0) {
        /* No core files and no crash reports of ghosts; tracing was granted before. */
        bp_sys_prctl(PR_SET_DUMPABLE, 0);
        if (bp_herd.setup.flags & BP_GHOST_IN_PLACE)
            ghost_become();
        r = herd_make(&made);
        bp_sys_close_range(BP_HERD_SETUP, BP_HERD_SETUP);
        report(BP_REPORT_MADE, made, r);
    }
    bp_sys_exit(word_await(&bp_herd.verdict, -1, BP_SYS_SIGNALS));
}
