/* SPDX-License-Identifier: BSD-3-Clause */
/* arch_x86_64.h - what C cannot say: system calls without libc, a call that can be resumed in
 * another process, a clone on a stack of its own, and the restorer's last instructions. */
#ifndef BP_IMAGE_ARCH_X86_64_H
#define BP_IMAGE_ARCH_X86_64_H

#include <stdint.h>
#include <sys/syscall.h>

static inline long bp_arch_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#define BP_SYS(number, a, b, c, d, e, f)                                                           \
    bp_arch_syscall(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#define BP_ARCH_XSTATES 32

/* A place in the program to come back to, once more. Its layout is known to the assembly. */
struct bp_arch_state {
    uint64_t rbx, rbp, r12, r13, r14, r15, rsp;
    void *xsave;
    uint64_t xcr0; /* 0: a CPU without xsave */
    struct {
        uint32_t bytes, offset;
    } xstates[BP_ARCH_XSTATES]; /* where this CPU puts each state in xsave */
};

uint64_t bp_arch_xsave_bytes(void);

/* xsave has bp_arch_xsave_bytes(), is 64-aligned, and zero. */
void bp_arch_state_init(struct bp_arch_state *state, void *xsave);

/* Save the place and all of the floating point, call(state), and return what it returned. A process
 * that is put to bp_arch_resume with `state` in rdi and its rsp returns from here once more, with
 * BP_ARCH_RESUMED. */
#define BP_ARCH_RESUMED 0x7fffffff
int bp_arch_capture(struct bp_arch_state *state, int (*call)(struct bp_arch_state *state));
void bp_arch_resume(void);

/* What the calling process has of this architecture that no image holds; NULL: nothing. */
const char *bp_arch_unfit(void);

/* The raw clone: the child calls call(arg) on the stack that ends at stack_end, and exits with what
 * it returns. Its PID or -errno. */
long bp_arch_clone(unsigned long flags, void *stack_end, int (*call)(void *arg), void *arg);

#endif
