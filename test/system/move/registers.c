/* SPDX-License-Identifier: BSD-3-Clause */
/* registers.c - registers that are live when a signal comes whose handler moves: integer, SSE, AVX, AVX-512. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "move_test.h"

enum { BYTES = 32 * 64 };

static unsigned char in[BYTES] __attribute__((aligned(64))), out[BYTES] __attribute__((aligned(64)));
static unsigned char masks_in[64], masks_out[64];

/* The first 16 of the registers lie in the frame's legacy part, the rest in its extension. */
static void spoil_frame(void *context)
{
    ucontext_t *frame = context;
    frame->uc_mcontext.fpregs->_xmm[3].element[1] ^= 1;
}

static void *frame;
static long process, thread;

static void spoil(void)
{
    spoil_frame(frame);
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)info;
    frame = context;
    hop(spoil);
}

#define ALL_8 "0,1,2,3,4,5,6,7"
#define ALL_16 ALL_8 ",8,9,10,11,12,13,14,15"
#define ALL_32 ALL_16 ",16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31"
#define EACH(list, text) ".irp i," list "\n\t" text "\n\t.endr\n\t"
/* tgkill(rdi, rsi, rdx); the signal comes before its next instruction */
#define RAISE "mov $234, %%eax\n\tsyscall\n\t"

#define OPERANDS                                                                      \
    : "=&a"(wrong)                                                                    \
    : "D"(process), "S"(thread), "d"((long)SIGUSR1), "b"(in), "r"(to) \
    : "rcx", "r11", "memory"

static void sse(void)
{
    long wrong;
    register unsigned char *to __asm__("r10") = out;
    __asm__ volatile(EACH(ALL_16, "movdqa \\i*64(%%rbx), %%xmm\\i") RAISE
                     EACH(ALL_16, "movdqa %%xmm\\i, \\i*64(%%r10)") OPERANDS);
}

__attribute__((target("avx"))) static void avx(void)
{
    long wrong;
    register unsigned char *to __asm__("r10") = out;
    __asm__ volatile(EACH(ALL_16, "vmovdqa \\i*64(%%rbx), %%ymm\\i") RAISE
                     EACH(ALL_16, "vmovdqa %%ymm\\i, \\i*64(%%r10)") OPERANDS);
}

__attribute__((target("avx512f,avx512bw"))) static void avx512(void)
{
    long wrong;
    register unsigned char *to __asm__("r10") = out;
    register unsigned char *masks __asm__("r12") = masks_in, *masks_to __asm__("r13") = masks_out;
    __asm__ volatile(EACH(ALL_32, "vmovdqa64 \\i*64(%%rbx), %%zmm\\i")
                     EACH(ALL_8, "kmovq \\i*8(%%r12), %%k\\i") RAISE
                     EACH(ALL_8, "kmovq %%k\\i, \\i*8(%%r13)")
                     EACH(ALL_32, "vmovdqa64 %%zmm\\i, \\i*64(%%r10)")
                     : "=&a"(wrong)
                     : "D"(process), "S"(thread), "d"((long)SIGUSR1), "b"(in),
                       "r"(to), "r"(masks), "r"(masks_to)
                     : "rcx", "r11", "memory");
    CHECK(memcmp(masks_in, masks_out, sizeof masks_in) == 0, "a mask register");
}

/* Each register gets a number of its own; how many have changed. */
static long integers(void)
{
    long wrong;
    __asm__ volatile(EACH("8,9,10,12,13,14,15", "mov $(0x1234567 + \\i), %%r\\i")
                     "mov $0xabcdef, %%ebx\n\t" RAISE
                     "xor %%eax, %%eax\n\t"
                     EACH("8,9,10,12,13,14,15", "cmp $(0x1234567 + \\i), %%r\\i\n\t"
                                                "setne %%cl\n\tmovzbl %%cl, %%ecx\n\t"
                                                "add %%rcx, %%rax")
                     "cmp $0xabcdef, %%ebx\n\tsetne %%cl\n\tmovzbl %%cl, %%ecx\n\t"
                     "add %%rcx, %%rax"
                     : "=&a"(wrong)
                     : "D"(process), "S"(thread), "d"((long)SIGUSR1)
                     : "rcx", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc",
                       "memory");
    return wrong;
}

static long double x87(void)
{
    long double a, b;
    long wrong;
    __asm__ volatile("fldpi\n\tfldl2e\n\t" RAISE
                     : "=&t"(a), "=&u"(b), "=&a"(wrong)
                     : "D"(process), "S"(thread), "d"((long)SIGUSR1)
                     : "rcx", "r11", "memory");
    return a * 1000 + b;
}

static void check(const char *what, void (*run)(void), int registers, int bytes)
{
    move_fill(in, sizeof in, (uint64_t)registers * 1000 + (uint64_t)bytes);
    memset(out, 0, sizeof out);
    run();
    for (int i = 0; i < registers; i++)
        CHECK(memcmp(in + 64 * i, out + 64 * i, (size_t)bytes) == 0, "%s register %d", what, i);
}

int main(void)
{
    process = getpid(), thread = gettid();
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    MUST(sigaction(SIGUSR1, &action, NULL));
    move_fill(masks_in, sizeof masks_in, 4);
    CHECK(integers() == 0, "an integer register");
    long double wanted = 1.44269504088896340736L * 1000 + 3.14159265358979323851L;
    CHECK(x87() == wanted, "the stack of the x87");
    check("xmm", sse, 16, 16);
    if (__builtin_cpu_supports("avx"))
        check("ymm", avx, 16, 32);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
        check("zmm", avx512, 32, 64);
    return 0;
}
