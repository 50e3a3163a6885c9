/* SPDX-License-Identifier: BSD-3-Clause */
/* restore_state.c - what the kernel keeps of a process beside its memory; then in. Who the process
 * is (user, groups, limits, PID) is not touched: whoever called exec has set it. */
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/time.h>

#include "image/restore.h"

#define XCOMP_REQUEST   0x1023 /* ARCH_REQ_XCOMP_PERM */
#define XCOMP_TILE      18
#define AUTODISARM      (1u << 31) /* SS_AUTODISARM */
#define DOMAIN          0xff /* PER_MASK: another kind of kernel than Linux */
#define CODE_SEGMENT    0x33
#define DATA_SEGMENT    0x2b
#define OPEN_FLAGS      (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) /* it is the image's word */
#define SECOND          1000000 /* microseconds */
#define SIGCONTEXT_SS   6 /* UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS */

/* struct rt_sigframe of the kernel from the ucontext on, where rsp points when rt_sigreturn is
 * called; <asm/ucontext.h>, <asm/sigcontext.h>. */
struct frame {
    uint64_t flags, link;
    uint64_t altstack;
    uint32_t altstack_flags, pad;
    uint64_t altstack_bytes;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
    uint64_t eflags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
    uint64_t mask;
};

/* Read-only at the end, so all is there before: code first, the frame at FRAME. */
#define FRAME 1024

/* Hidden, so that their addresses are taken relative to the code that runs. */
extern const char bp_restore_last[] __attribute__((visibility("hidden")));
extern const char bp_restore_last_end[] __attribute__((visibility("hidden")));
/* rbx, rdi: what to unmap; edx: what to close; rsp: the frame. The kernel keeps rbx and r12. */
__asm__(".text\n"
        ".globl bp_restore_last, bp_restore_last_end\n"
        ".hidden bp_restore_last, bp_restore_last_end\n"
        "bp_restore_last:\n"
        "    mov %edx, %r12d\n"
        "    mov %rdi, %rsi\n"
        "    mov %rbx, %rdi\n"
        "    mov $11, %eax\n" /* munmap */
        "    syscall\n"
        "    mov $3, %eax\n" /* close */
        "    mov %r12d, %edi\n"
        "    syscall\n"
        "    mov $15, %eax\n" /* rt_sigreturn */
        "    syscall\n"
        "    hlt\n"
        "bp_restore_last_end:\n");

static void check(const struct bp_restore *restore, long rc, const char *what)
{
    if (bp_is_error(rc))
        bp_restore_fail(restore, rc, what, NULL);
}

/* What /proc shows of the process, and where its break is. The program's file can be told by root
 * only: else /proc/PID/exe names the restorer. */
static void memory_set(const struct bp_restore *restore)
{
    const struct bp_image_memory *memory = &restore->memory;
    const char *exe = restore->view.strings + restore->view.head->exe;
    struct prctl_mm_map map = {
        .start_code = memory->start_code, .end_code = memory->end_code,
        .start_data = memory->start_data, .end_data = memory->end_data,
        .start_brk = memory->start_brk, .brk = memory->brk, .start_stack = memory->start_stack,
        .arg_start = memory->arg_start, .arg_end = memory->arg_end,
        .env_start = memory->env_start, .env_end = memory->env_end,
        .auxv = (void *)restore->auxv, .auxv_size = (uint32_t)restore->auxv_bytes,
    };
    bool is_known = restore->exe_fd >= 0 || exe[0] != '/';
    long fd = is_known ? -ENOENT : BP_SYS(SYS_open, exe, OPEN_FLAGS, 0, 0, 0, 0);
    long rc = -EPERM;

    map.exe_fd = (uint32_t)fd;
    if (fd >= 0) {
        rc = BP_SYS(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0, 0);
        BP_SYS(SYS_close, fd, 0, 0, 0, 0, 0);
    }
    map.exe_fd = ~0u;
    if (bp_is_error(rc))
        rc = BP_SYS(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0, 0);
    if (rc == -EINVAL) { /* a vector longer than this kernel's */
        map.auxv_size = 0;
        map.auxv = NULL;
        rc = BP_SYS(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0, 0);
    }
    check(restore, rc, "the kernel does not take the layout of the process");
}

static void actions_set(const struct bp_restore *restore)
{
    const struct bp_image_head *head = restore->view.head;

    for (int signo = 1; signo <= BP_IMAGE_SIGNALS; signo++) {
        const struct bp_image_action *action = &head->actions[signo - 1];
        if (signo == SIGKILL || signo == SIGSTOP)
            continue;
        /* What was ignored before exec stays so in a program that has not begun. */
        if (head->kind != BP_IMAGE_SELF && action->handler <= (uint64_t)SIG_IGN)
            continue;
        check(restore, BP_SYS(SYS_rt_sigaction, signo, action, 0, sizeof(uint64_t), 0, 0),
              "a signal's action cannot be set");
    }
}

static void pending_set(const struct bp_restore *restore)
{
    long pid = BP_SYS(SYS_getpid, 0, 0, 0, 0, 0, 0);

    for (uint32_t i = 0; i < restore->view.head->pending; i++) {
        const siginfo_t *info = (const void *)restore->view.pending[i].info;
        check(restore, BP_SYS(SYS_rt_sigqueueinfo, pid, info->si_signo, info, 0, 0, 0),
              "a pending signal cannot be queued");
    }
}

static void timers_set(const struct bp_restore *restore)
{
    static const int which[] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};

    for (int i = 0; i < BP_IMAGE_TIMERS; i++) {
        const struct bp_image_timer *timer = &restore->view.head->timers[i];
        long interval = (long)timer->interval_us, left = (long)timer->value_us;
        struct itimerval value = {
            .it_interval = {interval / SECOND, interval % SECOND},
            .it_value = {left / SECOND, left % SECOND},
        };
        if (timer->value_us != 0)
            check(restore, BP_SYS(SYS_setitimer, which[i], &value, 0, 0, 0, 0),
                  "an interval timer cannot be set");
    }
}

static void thread_set(const struct bp_restore *restore)
{
    const struct bp_image_thread *thread = &restore->view.head->thread;
    long tid = BP_SYS(SYS_set_tid_address, thread->tid_address, 0, 0, 0, 0, 0);

    if (thread->tid_address != 0)
        *(uint32_t *)thread->tid_address = (uint32_t)tid;
    if (thread->robust_list != 0)
        check(restore, BP_SYS(SYS_set_robust_list, thread->robust_list, thread->robust_bytes, 0, 0,
                              0, 0), "the list of robust mutexes cannot be set");
    check(restore, BP_SYS(SYS_arch_prctl, ARCH_SET_FS, restore->registers.fs_base, 0, 0, 0, 0),
          "the thread's memory cannot be set");
    check(restore, BP_SYS(SYS_arch_prctl, ARCH_SET_GS, restore->registers.gs_base, 0, 0, 0, 0),
          "the thread's memory cannot be set");
    if (thread->rseq != 0)
        check(restore, BP_SYS(SYS_rseq, thread->rseq, thread->rseq_bytes, 0,
                              thread->rseq_signature, 0, 0),
              "the restartable sequences cannot be registered");
    BP_SYS(SYS_prctl, PR_SET_NAME, thread->comm, 0, 0, 0, 0);
}

/* What only a process that ran has. */
static void self_set(struct bp_restore *restore)
{
    const struct bp_image_head *head = restore->view.head;
    const char *cwd = restore->view.strings + head->cwd;
    long rc = 0;

    if ((restore->flags & BP_RESTORE_CWD) != 0)
        rc = BP_SYS(SYS_chdir, cwd, 0, 0, 0, 0, 0);
    if (bp_is_error(rc))
        bp_restore_fail(restore, rc, "the directory of the process cannot be entered", cwd);
    BP_SYS(SYS_umask, head->umask & 0777, 0, 0, 0, 0, 0);
    BP_SYS(SYS_personality, head->personality & ~(uint32_t)DOMAIN, 0, 0, 0, 0, 0);
    if (head->thp_disable != 0)
        BP_SYS(SYS_prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0, 0);
    if ((head->xcomp & 1ULL << XCOMP_TILE) != 0)
        check(restore, BP_SYS(SYS_arch_prctl, XCOMP_REQUEST, XCOMP_TILE, 0, 0, 0, 0),
              "this CPU or kernel does not grant the tile registers");
}

/* The restorer's arguments and environment, for the program to take. */
static void vectors_place(struct bp_restore *restore, struct bp_image_mailbox *mailbox)
{
    uint64_t bytes = bp_page_up(restore->args.end - restore->args.start + BP_IMAGE_PAGE);
    long place = BP_SYS(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                        -1, 0);

    check(restore, place, "there is no memory for the environment");
    bp_restore_args_copy(restore, (uint64_t)place);
    mailbox->argv = (uint64_t)(restore->args.argv + 2);
    mailbox->envp = (uint64_t)restore->args.envp;
    mailbox->strings = (uint64_t)place;
    mailbox->strings_bytes = bytes;
}

static void mailbox_fill(struct bp_restore *restore)
{
    struct bp_image_mailbox *mailbox = (void *)restore->view.head->mailbox;

    bp_bytes_zero(mailbox, sizeof(*mailbox));
    mailbox->result = restore->result;
    mailbox->scrap = restore->last;
    mailbox->scrap_bytes = BP_IMAGE_PAGE;
    if ((restore->flags & BP_RESTORE_ENV) != 0)
        vectors_place(restore, mailbox);
}

void bp_restore_state(struct bp_restore *restore)
{
    const struct bp_image_head *head = restore->view.head;

    if (head->kind == BP_IMAGE_SELF) {
        restore->memory = head->memory;
        restore->registers = head->thread.registers;
        restore->auxv = (uint64_t)restore->view.auxv;
        restore->auxv_bytes = head->auxv_words * sizeof(uint64_t);
        restore->start_mask = head->thread.signal_mask;
    }
    memory_set(restore);
    actions_set(restore);
    thread_set(restore);
    if (head->kind == BP_IMAGE_SELF)
        self_set(restore);
    while ((restore->flags & BP_RESTORE_TRY) != 0) /* nothing that comes can fail */
        BP_SYS(SYS_exit_group, 0, 0, 0, 0, 0, 0);
    if (head->kind != BP_IMAGE_SELF)
        return;
    if ((restore->flags & BP_RESTORE_QUEUED) == 0)
        pending_set(restore);
    timers_set(restore);
    mailbox_fill(restore);
}

static void frame_fill(const struct bp_restore *restore, struct frame *frame)
{
    const struct bp_image_registers *from = &restore->registers;
    const struct bp_image_thread *thread = &restore->view.head->thread;

    *frame = (struct frame){
        .flags = SIGCONTEXT_SS, .altstack = thread->altstack,
        .altstack_flags = thread->altstack_bytes == 0 ? SS_DISABLE
                                                      : thread->altstack_flags &
                                                            (AUTODISARM | SS_DISABLE),
        .altstack_bytes = thread->altstack_bytes,
        .r8 = from->r8, .r9 = from->r9, .r10 = from->r10, .r11 = from->r11, .r12 = from->r12,
        .r13 = from->r13, .r14 = from->r14, .r15 = from->r15, .rdi = from->rdi, .rsi = from->rsi,
        .rbp = from->rbp, .rbx = from->rbx, .rdx = from->rdx, .rax = from->rax, .rcx = from->rcx,
        .rsp = from->rsp, .rip = from->rip, .eflags = from->eflags, .cs = CODE_SEGMENT,
        .ss = DATA_SEGMENT, .mask = restore->start_mask,
    };
}

void bp_restore_enter(struct bp_restore *restore)
{
    struct frame *frame = (void *)(restore->last + FRAME);

    _Static_assert(FRAME + sizeof(*frame) <= BP_IMAGE_PAGE, "one page");
    bp_bytes_copy((void *)restore->last, bp_restore_last,
                  (uint64_t)(bp_restore_last_end - bp_restore_last));
    frame_fill(restore, frame);
    check(restore,
          BP_SYS(SYS_mprotect, restore->last, BP_IMAGE_PAGE, PROT_READ | PROT_EXEC, 0, 0, 0),
          "the last page cannot be made executable");
    BP_SYS(SYS_close, restore->image_fd, 0, 0, 0, 0, 0);
    __asm__ volatile("mov %0, %%rsp\n"
                     "    jmp *%1"
                     :
                     : "S"(frame), "a"(restore->last), "b"(restore->hole), "d"(restore->report_fd),
                       "D"(restore->hole_bytes - BP_IMAGE_PAGE)
                     : "memory");
    __builtin_unreachable();
}
