/* SPDX-License-Identifier: BSD-3-Clause */
/* arch_x86_64.c - see arch_x86_64.h. At a call the ABI lets a program keep the registers saved here
 * and the control words; the whole floating point is saved as well, so that code which keeps more
 * over a call, as over a system call, finds it again. */
#include <cpuid.h>
#include <stddef.h>

#include "image/arch_x86_64.h"
#include "image/format.h"

_Static_assert(offsetof(struct bp_arch_state, rsp) == 48 &&
                   offsetof(struct bp_arch_state, xsave) == 56 &&
                   offsetof(struct bp_arch_state, xcr0) == 64,
               "as the assembly has it");
_Static_assert(BP_ARCH_RESUMED == 0x7fffffff, "as the assembly has it");

__asm__(".text\n"
        ".globl bp_arch_capture\n"
        ".hidden bp_arch_capture\n"
        ".type bp_arch_capture, @function\n"
        "bp_arch_capture:\n"
        "    mov %rbx, 0(%rdi)\n"
        "    mov %rbp, 8(%rdi)\n"
        "    mov %r12, 16(%rdi)\n"
        "    mov %r13, 24(%rdi)\n"
        "    mov %r14, 32(%rdi)\n"
        "    mov %r15, 40(%rdi)\n"
        "    mov %rsp, 48(%rdi)\n"
        "    mov 56(%rdi), %rcx\n"
        "    cmpq $0, 64(%rdi)\n"
        "    je 1f\n"
        "    mov $-1, %eax\n"
        "    mov $-1, %edx\n"
        "    xsave64 (%rcx)\n"
        "    jmp 2f\n"
        "1:  fxsave64 (%rcx)\n"
        "2:  sub $8, %rsp\n"
        "    call *%rsi\n"
        "    add $8, %rsp\n"
        "    ret\n"
        ".size bp_arch_capture, .-bp_arch_capture\n"
        ".globl bp_arch_resume\n"
        ".hidden bp_arch_resume\n"
        ".type bp_arch_resume, @function\n"
        "bp_arch_resume:\n"
        "    mov %rdi, %rbx\n"
        "    cld\n"
        "    sub $8, %rsp\n"
        "    call bp_arch_resumed\n"
        "    mov 56(%rbx), %rcx\n"
        "    test %rax, %rax\n"
        "    jz 1f\n"
        "    mov %rax, %rdx\n"
        "    shr $32, %rdx\n"
        "    xrstor64 (%rcx)\n"
        "    jmp 2f\n"
        "1:  fxrstor64 (%rcx)\n"
        "2:  mov 48(%rbx), %rsp\n"
        "    mov 40(%rbx), %r15\n"
        "    mov 32(%rbx), %r14\n"
        "    mov 24(%rbx), %r13\n"
        "    mov 16(%rbx), %r12\n"
        "    mov 8(%rbx), %rbp\n"
        "    mov 0(%rbx), %rbx\n"
        "    mov $0x7fffffff, %eax\n"
        "    ret\n"
        ".size bp_arch_resume, .-bp_arch_resume\n"
        ".globl bp_arch_clone\n"
        ".hidden bp_arch_clone\n"
        ".type bp_arch_clone, @function\n"
        "bp_arch_clone:\n"
        "    and $-16, %rsi\n"
        "    sub $16, %rsi\n"
        "    mov %rdx, 0(%rsi)\n"
        "    mov %rcx, 8(%rsi)\n"
        "    xor %edx, %edx\n"
        "    xor %r10d, %r10d\n"
        "    xor %r8d, %r8d\n"
        "    mov $56, %eax\n"
        "    syscall\n"
        "    test %rax, %rax\n"
        "    jz 1f\n"
        "    ret\n"
        "1:  xor %ebp, %ebp\n"
        "    pop %rax\n"
        "    pop %rdi\n"
        "    call *%rax\n"
        "    mov %eax, %edi\n"
        "    mov $60, %eax\n"
        "    syscall\n"
        "    hlt\n"
        ".size bp_arch_clone, .-bp_arch_clone\n");

#define FXSAVE_BYTES 512
#define UNTAG_MASK   0x4001 /* ARCH_GET_UNTAG_MASK, since 6.4 */
#define XSTATE_BV    64 /* word of the xsave area that tells which states are in it */

static uint64_t xcr0_read(void)
{
    uint32_t a, b, c, d, low, high;

    __cpuid(1, a, b, c, d);
    if ((c & bit_OSXSAVE) == 0) /* then there is x87 and SSE only */
        return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static void xstates_read(struct bp_arch_state *state)
{
    state->xcr0 = xcr0_read();
    for (unsigned i = 2; i < BP_ARCH_XSTATES; i++) {
        uint32_t a, b, c, d;
        state->xstates[i].bytes = state->xstates[i].offset = 0;
        if ((state->xcr0 & 1ULL << i) == 0) /* cpuid is slow in a virtual machine */
            continue;
        __cpuid_count(0xd, i, a, b, c, d);
        state->xstates[i].bytes = a;
        state->xstates[i].offset = b;
    }
}

void bp_arch_state_init(struct bp_arch_state *state, void *xsave)
{
    xstates_read(state);
    state->xsave = xsave;
}

uint64_t bp_arch_xsave_bytes(void)
{
    uint32_t a, b, c, d;

    if (xcr0_read() == 0)
        return FXSAVE_BYTES;
    __cpuid_count(0xd, 0, a, b, c, d);
    return b;
}

/* The first thing a restored process does: which states of xsave can be loaded as they lie there; 0
 * when there is no xsave, here or where the process was captured. What this CPU keeps in another
 * place is left as it starts. */
__attribute__((visibility("hidden"), used)) uint64_t bp_arch_resumed(struct bp_arch_state *saved);
uint64_t bp_arch_resumed(struct bp_arch_state *saved)
{
    struct bp_arch_state here;
    uint64_t mask;

    xstates_read(&here);
    mask = saved->xcr0 & here.xcr0;
    for (unsigned i = 2; i < BP_ARCH_XSTATES; i++)
        if (saved->xstates[i].bytes != here.xstates[i].bytes ||
            saved->xstates[i].offset != here.xstates[i].offset)
            mask &= ~(1ULL << i);
    if (mask != 0)
        ((uint64_t *)saved->xsave)[XSTATE_BV] &= mask;
    return mask;
}

const char *bp_arch_unfit(void)
{
    uint64_t entry[2], mask = ~0ULL;

    if (BP_SYS(SYS_modify_ldt, 0, entry, sizeof(entry), 0, 0, 0) > 0)
        return "a process with a local descriptor table";
    if (BP_SYS(SYS_arch_prctl, UNTAG_MASK, &mask, 0, 0, 0, 0) == 0 && mask != ~0ULL)
        return "a process with tags in its addresses";
    return NULL;
}
