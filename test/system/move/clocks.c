/* SPDX-License-Identifier: BSD-3-Clause */
/* clocks.c - the clocks of the vdso go on and agree with those of the kernel. */
#include <sched.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "move_test.h"

static const clockid_t clocks[] = {
    CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
    CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_PROCESS_CPUTIME_ID,
};
enum { CLOCKS = sizeof clocks / sizeof clocks[0] };

static double before[CLOCKS];

static void spoil(void)
{
    before[1] += 3600;
}

static double seconds(struct timespec t)
{
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double read_clock(clockid_t clock)
{
    struct timespec t;
    MUST(clock_gettime(clock, &t));
    return seconds(t);
}

static double ask_kernel(clockid_t clock)
{
    struct timespec t;
    MUST(syscall(SYS_clock_gettime, clock, &t));
    return seconds(t);
}

static void check_clocks(void)
{
    for (int i = 0; i < CLOCKS; i++) {
        double lower = ask_kernel(clocks[i]), now = read_clock(clocks[i]);
        double upper = ask_kernel(clocks[i]);
        CHECK(now >= lower - 1e-6 && now <= upper + 1e-6, "clock %d: %f is not in %f to %f",
              (int)clocks[i], now, lower, upper);
    }
    struct timeval t;
    MUST(gettimeofday(&t, NULL));
    double wanted = ask_kernel(CLOCK_REALTIME), day = (double)t.tv_sec + (double)t.tv_usec * 1e-6;
    CHECK(wanted - day < 600 && day - wanted < 1, "gettimeofday %f, the kernel %f", day, wanted);
    CHECK(time(NULL) >= t.tv_sec - 1, "time()"); /* it goes by ticks */
    unsigned cpu, node;
    MUST(getcpu(&cpu, &node));
    CHECK(cpu < 4096, "getcpu says %u", cpu);
    struct timespec resolution;
    MUST(clock_getres(CLOCK_MONOTONIC, &resolution));
    CHECK(resolution.tv_sec == 0, "clock_getres says %ld s", (long)resolution.tv_sec);
}

int main(void)
{
    for (int i = 0; i < CLOCKS; i++)
        before[i] = read_clock(clocks[i]);
    check_clocks();
    hop(spoil);
    for (int i = 0; i < CLOCKS - 1; i++) { /* CPU time starts anew */
        double now = read_clock(clocks[i]);
        CHECK(now >= before[i] && now < before[i] + 600, "clock %d: %f, was %f", (int)clocks[i],
              now, before[i]);
    }
    check_clocks();
    const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
    CHECK(vdso != NULL && vdso[1] == 'E' && vdso[2] == 'L', "no ELF head at %p", (void *)vdso);
    char line[512];
    move_area(vdso, line, sizeof line);
    CHECK(line[0] != 0, "nothing at AT_SYSINFO_EHDR");
    return 0;
}
