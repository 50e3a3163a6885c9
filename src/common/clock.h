/* SPDX-License-Identifier: BSD-3-Clause */
/* clock.h - time in milliseconds or microseconds on CLOCK_BOOTTIME, which also counts suspend. */
#ifndef BP_COMMON_CLOCK_H
#define BP_COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t bp_clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static inline uint64_t bp_clock_ms(void)
{
    return bp_clock_us() / 1000u;
}

#endif
