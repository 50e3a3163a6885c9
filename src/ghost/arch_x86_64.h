/* SPDX-License-Identifier: BSD-3-Clause */
/* arch_x86_64.h - the bare system call of x86_64; the rest of the assembler is in the .c file. */
#ifndef BP_GHOST_ARCH_X86_64_H
#define BP_GHOST_ARCH_X86_64_H

#include <stdint.h>

/* Six arguments for all: the unused ones cost one instruction each. Returns -errno on failure. */
static inline long bp_arch_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* clone(2) with a stack of its own: the child runs entry(argument), which must not return.
 * `stack_top` is 16-byte aligned. Returns the child's PID or -errno. */
long bp_arch_clone(unsigned long flags, void *stack_top, int32_t *parent_tid, int32_t *child_tid,
                   void (*entry)(void *), void *argument);

/* clone3(2): args->stack and stack_size are a whole stack, 16-byte aligned; the rest as above. */
struct clone_args;
long bp_arch_clone3(struct clone_args *args, void (*entry)(void *), void *argument);

#endif
