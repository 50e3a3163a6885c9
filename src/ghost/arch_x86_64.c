/* SPDX-License-Identifier: BSD-3-Clause */
/* arch_x86_64.c - what C cannot say without a libc: the entry point, clone, and the two memory
 * functions that the compiler may call by itself. */
#include "ghost/arch_x86_64.h"

#include <linux/sched.h>
#include <stddef.h>

#include "ghost/maker.h"

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
void bp_arch_start(void) __attribute__((noreturn, used));
long bp_arch_clone3_raw(struct clone_args *args, size_t size);

__asm__(".globl _start\n"
        ".type _start, @function\n"
        "_start:\n"
        "    xor %ebp, %ebp\n"
        "    and $-16, %rsp\n"
        "    call bp_arch_start\n"
        ".size _start, . - _start\n");

/* The child finds entry and argument on its own stack: rcx does not survive a system call. */
__asm__(".globl bp_arch_clone\n"
        ".type bp_arch_clone, @function\n"
        "bp_arch_clone:\n"
        "    mov %r8, -16(%rsi)\n"
        "    mov %r9, -8(%rsi)\n"
        "    sub $16, %rsi\n"
        "    mov %rcx, %r10\n"
        "    xor %r8d, %r8d\n"
        "    mov $56, %eax\n"
        "    syscall\n"
        "    test %rax, %rax\n"
        "    jnz 1f\n"
        "    xor %ebp, %ebp\n"
        "    pop %rax\n"
        "    pop %rdi\n"
        "    call *%rax\n"
        "    hlt\n"
        "1:  ret\n"
        ".size bp_arch_clone, . - bp_arch_clone\n");

/* The same, with the stack's top in args below which entry and argument stand. */
__asm__(".globl bp_arch_clone3_raw\n"
        ".type bp_arch_clone3_raw, @function\n"
        "bp_arch_clone3_raw:\n"
        "    mov $435, %eax\n"
        "    syscall\n"
        "    test %rax, %rax\n"
        "    jnz 1f\n"
        "    xor %ebp, %ebp\n"
        "    pop %rax\n"
        "    pop %rdi\n"
        "    call *%rax\n"
        "    hlt\n"
        "1:  ret\n"
        ".size bp_arch_clone3_raw, . - bp_arch_clone3_raw\n");

long bp_arch_clone3(struct clone_args *args, void (*entry)(void *), void *argument)
{
    uint64_t *top = (uint64_t *)(uintptr_t)(args->stack + args->stack_size) - 2;

    top[0] = (uint64_t)(uintptr_t)entry;
    top[1] = (uint64_t)(uintptr_t)argument;
    args->stack_size -= 2 * sizeof(*top);
    return bp_arch_clone3_raw(args, sizeof(*args));
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    void *start = to;

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
    return start;
}

void *memset(void *to, int byte, size_t bytes)
{
    void *start = to;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(byte) : "memory");
    return start;
}

void bp_arch_start(void)
{
    bp_maker_run();
}
