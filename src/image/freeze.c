/* SPDX-License-Identifier: BSD-3-Clause */
/* freeze.c - see freeze.h. The copy is made by a child that shares our memory and is gone before we
 * go on, so that the copy is not our child and no wait() of the program meets it. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/freeze.h"

#define STACK_BYTES 16384
/* On a stack that no sanitizer knows. */
#define STRANGE_STACK __attribute__((no_sanitize("address", "undefined")))

struct bp_freeze *bp_freeze_new(void)
{
    size_t page = BP_IMAGE_PAGE, xsave = (bp_arch_xsave_bytes() + page - 1) / page * page;
    size_t bytes = page + xsave + STACK_BYTES;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct bp_freeze *freeze = (void *)memory;

    _Static_assert(sizeof(*freeze) <= BP_IMAGE_PAGE, "it has a page");
    if (memory == MAP_FAILED)
        return NULL;
    if (pipe2(freeze->hold_fds, O_CLOEXEC) < 0) {
        munmap(memory, bytes);
        return NULL;
    }
    freeze->bytes = bytes;
    freeze->stack_end = memory + bytes;
    bp_arch_state_init(&freeze->state, memory + page);
    return freeze;
}

void bp_freeze_free(struct bp_freeze *freeze)
{
    munmap(freeze, freeze->bytes);
}

/* The copy. No libc from here on: its locks and its thread are another process's. */
static STRANGE_STACK __attribute__((noreturn)) void stay(const struct bp_freeze *freeze)
{
    char byte;
    long n;

    BP_SYS(SYS_dup2, freeze->hold_fds[0], 0, 0, 0, 0, 0);
    BP_SYS(SYS_close_range, 1, ~0u, 0, 0, 0, 0);
    BP_SYS(SYS_setsid, 0, 0, 0, 0, 0, 0); /* out of reach of stops of the caller's group */
    BP_SYS(SYS_prctl, PR_SET_NAME, "bp-image", 0, 0, 0, 0);
    /* Where the Yama module asks for it: to be read by who holds the image. */
    BP_SYS(SYS_prctl, PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0, 0);
    do {
        n = BP_SYS(SYS_read, 0, &byte, 1, 0, 0, 0);
    } while (n == -EINTR);
    for (;;)
        BP_SYS(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

static STRANGE_STACK int copy(void *arg)
{
    struct bp_freeze *freeze = arg;

    /* Before there is a copy: in the caller's group it would hold its PID, which may be wanted here
     * again when the caller has long gone and the copy has not run yet. */
    BP_SYS(SYS_setsid, 0, 0, 0, 0, 0, 0);
    freeze->source = BP_SYS(SYS_clone, 0, 0, 0, 0, 0, 0); /* tells nobody of its end */
    if (freeze->source == 0)
        stay(freeze);
    return 0;
}

int bp_freeze_copy(struct bp_arch_state *state)
{
    struct bp_freeze *freeze = (void *)state;
    long pid = bp_arch_clone(CLONE_VM | CLONE_VFORK, freeze->stack_end, copy, freeze);

    if (pid < 0)
        return (int)pid;
    while (BP_SYS(SYS_wait4, pid, 0, __WALL, 0, 0, 0) == -EINTR)
        continue;
    return freeze->source < 0 ? (int)freeze->source : 0;
}
