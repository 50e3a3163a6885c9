/* SPDX-License-Identifier: BSD-3-Clause */
/* altstack.c - a handler on an alternate stack, after the move; and the move inside of such a handler. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "move_test.h"

enum { BYTES = 256 << 10 };

static char *stack;
static volatile sig_atomic_t ran;
static bool inside;

static void spoil(void)
{
    stack_t none = {.ss_flags = SS_DISABLE};
    if (!inside)
        sigaltstack(&none, NULL);
    else
        inside = false;
}

static bool is_on(const void *address)
{
    return (const char *)address >= stack && (const char *)address < stack + BYTES;
}

static void on_signal(int signo)
{
    char here = 1;
    ran++;
    CHECK(is_on(&here), "signal %d is not on the alternate stack", signo);
    stack_t now;
    MUST(sigaltstack(NULL, &now));
    CHECK(now.ss_flags == SS_ONSTACK, "flags %d", now.ss_flags);
    if (signo == SIGUSR2) {
        char kept[1000];
        move_fill(kept, sizeof kept, 3);
        inside = true;
        hop(spoil);
        CHECK(inside && move_filled(kept, sizeof kept, 3), "locals on the alternate stack");
        MUST(sigaltstack(NULL, &now));
        CHECK(now.ss_flags == SS_ONSTACK && now.ss_sp == stack, "flags %d", now.ss_flags);
    }
}

int main(void)
{
    stack = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED, "%m");
    stack_t wanted = {.ss_sp = stack, .ss_size = BYTES}, now;
    MUST(sigaltstack(&wanted, NULL));
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    MUST(sigaction(SIGUSR1, &action, NULL));
    MUST(sigaction(SIGUSR2, &action, NULL));
    hop(spoil);
    MUST(sigaltstack(NULL, &now));
    CHECK(now.ss_sp == stack && now.ss_size == BYTES && now.ss_flags == 0, "%p, %zu bytes, %d",
          now.ss_sp, now.ss_size, now.ss_flags);
    MUST(raise(SIGUSR1));
    MUST(raise(SIGUSR2));
    MUST(raise(SIGUSR1));
    CHECK(ran == 3, "%d handlers ran", ran);
    return 0;
}
