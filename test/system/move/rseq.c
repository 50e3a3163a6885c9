/* SPDX-License-Identifier: BSD-3-Clause */
/* rseq.c - restartable sequences work after: the kernel writes the number of the CPU. */
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "move_test.h"

static volatile struct rseq *area(void)
{
    return (volatile struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

static void spoil(void)
{
    MUST(syscall(SYS_rseq, area(), 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG));
}

int main(void)
{
    if (__rseq_size == 0)
        move_skip("libc registered no restartable sequences");
    hop(spoil);
    CHECK(syscall(SYS_rseq, area(), 32, 0, RSEQ_SIG) == -1 && errno == EBUSY,
          "not registered: %m");
    cpu_set_t all, one;
    MUST(sched_getaffinity(0, sizeof all, &all));
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        MUST(sched_setaffinity(0, sizeof one, &one));
        CHECK((int)area()->cpu_id == cpu, "on CPU %d, not %d", (int)area()->cpu_id, cpu);
        CHECK(sched_getcpu() == cpu, "on CPU %d, not %d", sched_getcpu(), cpu);
    }
    return 0;
}
