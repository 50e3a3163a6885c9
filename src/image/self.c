/* SPDX-License-Identifier: BSD-3-Clause */
/* self.c - a process captures itself. Where it stops is a call, so that the registers of an image
 * are those that a call keeps; no signal and no handler is needed to get at them. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "common/cpu.h"
#include "common/mem.h"
#include "image/freeze.h"
#include "image/keep.h"
#include "image/memory.h"
#include "image/process.h"
#include "image/settings.h"
#include "image/source.h"

#define PR_TID_ADDRESS  40     /* PR_GET_TID_ADDRESS */
#define XCOMP_PERM      0x1022 /* ARCH_GET_XCOMP_PERM */
#define XCOMP_ASKED     (1ULL << 18) /* states that need to be asked for: AMX's tiles */
#define FS_GET          0x1003 /* ARCH_GET_FS */
#define GS_GET          0x1004 /* ARCH_GET_GS */
#define ALL_SIGNALS     (~0ULL)
#define INTERRUPT_FLAG  0x202 /* eflags of a program that did nothing to them */

/* The CPU that the process was captured on first, where its libraries chose their instructions: it
 * travels with the process, so that a move to a better CPU does not bar the way home. */
static uint32_t start_cpu[BP_IMAGE_CPU_WORDS];

void bp_image_cpu_own(uint32_t words[BP_IMAGE_CPU_WORDS])
{
    if (start_cpu[0] == 0)
        bp_cpu_read(start_cpu);
    memcpy(words, start_cpu, sizeof(start_cpu));
}

static uint64_t mask_set(uint64_t mask)
{
    uint64_t old = 0;

    BP_SYS(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &old, sizeof(mask), 0, 0);
    return old;
}

static int thread_capture(struct bp_image_thread *thread, const struct bp_freeze *freeze,
                          struct bp_error *err)
{
    stack_t altstack;
    void *robust = NULL;
    size_t robust_bytes = 0;
    struct bp_image_registers *registers = &thread->registers;

    registers->rip = (uint64_t)bp_arch_resume;
    registers->rsp = freeze->state.rsp;
    registers->rdi = (uint64_t)&freeze->state;
    registers->eflags = INTERRUPT_FLAG;
    BP_SYS(SYS_arch_prctl, FS_GET, &registers->fs_base, 0, 0, 0, 0);
    BP_SYS(SYS_arch_prctl, GS_GET, &registers->gs_base, 0, 0, 0, 0);
    thread->signal_mask = ALL_SIGNALS;
    if (prctl(PR_TID_ADDRESS, &thread->tid_address) < 0)
        return bp_error_set(err, -EOPNOTSUPP, "this kernel has no CONFIG_CHECKPOINT_RESTORE");
    sigaltstack(NULL, &altstack);
    thread->altstack = (uint64_t)altstack.ss_sp;
    thread->altstack_bytes = altstack.ss_size;
    thread->altstack_flags = (uint32_t)altstack.ss_flags;
    if (BP_SYS(SYS_get_robust_list, 0, &robust, &robust_bytes, 0, 0, 0) == 0) {
        thread->robust_list = (uint64_t)robust;
        thread->robust_bytes = (uint32_t)robust_bytes;
    }
    if (__rseq_size > 0) { /* registered by libc, in this form whatever part of it is in use */
        thread->rseq = registers->fs_base + (uint64_t)__rseq_offset;
        thread->rseq_bytes = sizeof(struct rseq);
        thread->rseq_signature = RSEQ_SIG;
    }
    prctl(PR_GET_NAME, thread->comm);
    return 0;
}

static void actions_capture(struct bp_image_head *head)
{
    for (int signo = 1; signo <= BP_IMAGE_SIGNALS; signo++)
        BP_SYS(SYS_rt_sigaction, signo, 0, &head->actions[signo - 1], sizeof(uint64_t), 0, 0);
}

static uint64_t microseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

static void timers_capture(struct bp_image_head *head)
{
    static const enum __itimer_which which[] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};

    for (int i = 0; i < BP_IMAGE_TIMERS; i++) {
        struct itimerval timer;
        if (getitimer(which[i], &timer) < 0)
            continue;
        head->timers[i].interval_us = microseconds(timer.it_interval);
        head->timers[i].value_us = microseconds(timer.it_value);
    }
}

/* Take all pending signals out of the kernel's queues and put them back. All are blocked. */
static int pending_capture(struct bp_tables *tables, struct bp_error *err)
{
    uint64_t all = ALL_SIGNALS;
    struct timespec now = {0};
    siginfo_t info = {0};
    int rc = 0;

    while (rc == 0 && BP_SYS(SYS_rt_sigtimedwait, &all, &info, &now, sizeof(all), 0, 0) > 0)
        rc = bp_tables_pending(tables, &info, err);
    if (rc < 0) /* the one that has no room */
        BP_SYS(SYS_rt_sigqueueinfo, getpid(), info.si_signo, &info, 0, 0, 0);
    for (uint32_t i = 0; i < tables->head.pending; i++) {
        memcpy(&info, tables->pending[i].info, sizeof(info));
        BP_SYS(SYS_rt_sigqueueinfo, getpid(), info.si_signo, &info, 0, 0, 0);
    }
    return rc;
}

/* All of the image but what the copy tells. */
static int own_capture(struct bp_tables *tables, const struct bp_freeze *freeze,
                       const struct bp_image_options *options, struct bp_error *err)
{
    struct bp_image_head *head = &tables->head;
    uint64_t granted = 0;
    const char *unfit = bp_arch_unfit();
    int rc = thread_capture(&head->thread, freeze, err);

    if (rc < 0)
        return rc;
    if (unfit != NULL)
        return bp_error_set(err, -EOPNOTSUPP, "%s cannot travel", unfit);
    head->mailbox = (uint64_t)&freeze->mailbox;
    head->personality = (uint32_t)personality(0xffffffff);
    if (BP_SYS(SYS_arch_prctl, XCOMP_PERM, &granted, 0, 0, 0, 0) == 0)
        head->xcomp = granted & XCOMP_ASKED;
    memcpy(head->cpu, start_cpu, sizeof(head->cpu));
    actions_capture(head);
    if (!options->is_move)
        return 0;
    timers_capture(head);
    return pending_capture(tables, err);
}

/* The process goes on; its copy stands still. */
static int captured(struct bp_freeze *freeze, const struct bp_image_options *options,
                    const struct bp_keep *keep, struct bp_image **ret_image,
                    struct bp_error *err)
{
    struct bp_tables tables;
    void *prologue;
    size_t bytes;
    auto_close int memory_fd = bp_source_open((pid_t)freeze->source, err);
    int rc;

    if (memory_fd < 0)
        return memory_fd;
    if (options->meanwhile != NULL)
        options->meanwhile(options->meanwhile_arg);
    bp_tables_init(&tables, BP_IMAGE_SELF);
    tables.keep = keep;
    rc = bp_process_check(&tables, getpid(), options, err);
    if (rc == 0)
        rc = own_capture(&tables, freeze, options, err);
    if (rc == 0)
        rc = bp_process_capture(&tables, (pid_t)freeze->source, err);
    tables.head.memory.brk = freeze->brk;
    if (rc == 0)
        rc = bp_memory_capture(&tables, (pid_t)freeze->source, memory_fd, options, err);
    if (rc == 0)
        rc = bp_tables_finish(&tables, &prologue, &bytes, err);
    bp_tables_done(&tables);
    if (rc == 0)
        rc = bp_image_make(prologue, bytes, (pid_t)freeze->source, freeze->hold_fds[1], memory_fd,
                           NULL, ret_image, err);
    if (rc == 0)
        memory_fd = -1; /* the image's now */
    return rc;
}

int bp_image_capture_self(const struct bp_image_options *options, struct bp_image **ret_image,
                          enum bp_image_role *ret_role, struct bp_image_mailbox *ret_mailbox,
                          struct bp_error *err)
{
    auto_keep struct bp_keep keep = {0};
    struct bp_settings settings;
    struct bp_freeze *freeze;
    uint64_t mask;
    int rc = 0;

    if (prctl(PR_GET_DUMPABLE) != 1)
        return bp_error_set(err, -EOPNOTSUPP, "a process that must not be read cannot travel");
    if (options->is_move)
        rc = bp_keep_read(&keep, err);
    if (rc == 0)
        rc = bp_keep_open(&keep, err);
    if (rc < 0)
        return rc;
    freeze = bp_freeze_new();
    if (freeze == NULL) {
        rc = -errno;
        bp_keep_close(&keep);
        return bp_error_set(err, rc, "no memory or descriptors for an image: %s", strerror(-rc));
    }
    if (start_cpu[0] == 0)
        bp_cpu_read(start_cpu);
    bp_settings_read(&settings);
    if (settings.is_reaper) /* or the copy would come to us as a child when its maker ends */
        prctl(PR_SET_CHILD_SUBREAPER, 0UL);
    mask = mask_set(ALL_SIGNALS);
    freeze->brk = (uint64_t)BP_SYS(SYS_brk, 0, 0, 0, 0, 0, 0);
    rc = bp_arch_capture(&freeze->state, bp_freeze_copy);
    if (rc == BP_ARCH_RESUMED) {
        *ret_role = BP_IMAGE_RESTORED;
        *ret_mailbox = freeze->mailbox;
        BP_SYS(SYS_munmap, freeze->mailbox.scrap, freeze->mailbox.scrap_bytes, 0, 0, 0, 0);
        bp_freeze_free(freeze);
        bp_settings_apply(&settings, options->is_move);
        mask_set(mask);
        return 0;
    }
    bp_keep_close(&keep);
    if (settings.is_reaper)
        prctl(PR_SET_CHILD_SUBREAPER, 1UL);
    if (rc < 0)
        bp_error_set(err, rc, "the process cannot be copied: %s", strerror(-rc));
    else
        rc = captured(freeze, options, &keep, ret_image, err);
    *ret_role = BP_IMAGE_CAPTURED;
    close(freeze->hold_fds[0]);
    if (rc < 0)
        close(freeze->hold_fds[1]);
    bp_freeze_free(freeze);
    mask_set(mask);
    return rc;
}
