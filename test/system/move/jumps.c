/* SPDX-License-Identifier: BSD-3-Clause */
/* jumps.c - setjmp before and longjmp after, with a signal mask; a coroutine that moves. */
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

#include "move_test.h"

enum { STACK = 256 << 10 };

static sigjmp_buf target;
static ucontext_t caller, coroutine;
static char stack[STACK];
static int steps;

static void spoil(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    steps = 10;
}

__attribute__((noinline)) static void jump(int depth)
{
    volatile char room[1000];
    room[depth % 1000] = 1;
    if (depth > 0)
        jump(depth - 1);
    siglongjmp(target, 5 + room[depth % 1000]);
}

static void body(void)
{
    char kept[500];
    move_fill(kept, sizeof kept, 3);
    steps++;
    swapcontext(&coroutine, &caller);
    hop(spoil);
    CHECK(move_filled(kept, sizeof kept, 3), "the coroutine's locals");
    steps++;
    swapcontext(&coroutine, &caller);
    CHECK(move_filled(kept, sizeof kept, 3), "the coroutine's locals");
    steps++;
}

int main(void)
{
    sigset_t mask, now;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    MUST(sigprocmask(SIG_SETMASK, &mask, NULL));
    int value = sigsetjmp(target, 1);
    if (value == 0) {
        sigaddset(&mask, SIGUSR2);
        MUST(sigprocmask(SIG_SETMASK, &mask, NULL));
        hop(spoil);
        MUST(sigprocmask(SIG_SETMASK, NULL, &now));
        CHECK(sigismember(&now, SIGUSR2), "the mask before the jump");
        jump(100);
    }
    CHECK(value == 6, "longjmp gave %d", value);
    MUST(sigprocmask(SIG_SETMASK, NULL, &now));
    CHECK(sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2), "the mask after the jump");
    MUST(getcontext(&coroutine));
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = sizeof stack;
    coroutine.uc_link = &caller;
    makecontext(&coroutine, body, 0);
    for (int i = 0; i < 3; i++) {
        MUST(swapcontext(&caller, &coroutine));
        CHECK(steps == i + 1, "%d steps", steps);
        if (i == 0)
            hop(spoil);
    }
    return 0;
}
