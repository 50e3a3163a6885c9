/* SPDX-License-Identifier: BSD-3-Clause */
/* test_clock.c - the clock goes forward, and ticks that come late are seen. */
#include "common/clock.h"
#include "tap.h"

static void forward(void)
{
    uint64_t us = bp_clock_us(), ms = bp_clock_ms();
    CU_ASSERT(us > 0 && ms >= us / 1000 && bp_clock_us() >= us);
}

static void late(void)
{
    struct bp_clock_tick tick = {0};
    CU_ASSERT(!bp_clock_tick_is_late(&tick, 5000, 100)); /* the first one */
    CU_ASSERT(!bp_clock_tick_is_late(&tick, 5100, 100));
    CU_ASSERT(!bp_clock_tick_is_late(&tick, 5250, 100)); /* half a period is borne */
    CU_ASSERT(bp_clock_tick_is_late(&tick, 5401, 100));
    CU_ASSERT(!bp_clock_tick_is_late(&tick, 5501, 100)); /* once is once */
    CU_ASSERT(bp_clock_tick_is_late(&tick, 99999999, 100));
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"forward", forward},
        {"late ticks", late},
        {NULL, NULL},
    };
    return bp_tap_run("clock", tests);
}
