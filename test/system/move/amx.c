/* SPDX-License-Identifier: BSD-3-Clause */
/* amx.c - AMX tiles that are live when a signal comes whose handler moves. */
#include <cpuid.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "move_test.h"

enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18, STACK = 256 << 10 };

static struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t columns[16];
    uint8_t rows[16];
} config __attribute__((aligned(64)));

static uint8_t in[1024], out[1024];

static void spoil(void)
{
    in[500] ^= 1;
}

static void on_signal(int signo)
{
    (void)signo;
    hop(spoil);
}

static bool has_amx(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 24 & 1) != 0;
}

int main(void)
{
    if (!has_amx())
        move_skip("this CPU has no AMX");
    MUST(syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA));
    stack_t stack = {.ss_size = STACK};
    stack.ss_sp = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack.ss_sp != MAP_FAILED, "%m");
    MUST(sigaltstack(&stack, NULL));
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    MUST(sigaction(SIGUSR1, &action, NULL));
    config.palette = 1;
    config.columns[2] = 64;
    config.rows[2] = 16;
    move_fill(in, sizeof in, 12);
    long result, process = getpid(), thread = gettid();
    register uint8_t *to __asm__("r10") = out;
    register long stride __asm__("r12") = 64;
    __asm__ volatile("ldtilecfg %[config]\n\t"
                     "tileloadd (%%rbx,%%r12,1), %%tmm2\n\t"
                     "mov $234, %%eax\n\tsyscall\n\t"
                     "tilestored %%tmm2, (%%r10,%%r12,1)\n\t"
                     "tilerelease"
                     : "=&a"(result)
                     : "D"(process), "S"(thread), "d"((long)SIGUSR1), "b"(in),
                       "r"(to), "r"(stride), [config] "m"(config)
                     : "rcx", "r11", "memory");
    CHECK(memcmp(in, out, sizeof in) == 0, "the tile");
    return 0;
}
