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

/* Tells when a timer of this period came so late that this program itself was held up: then the
 * silence of others proves nothing, and begins anew: an answer may need the time that a tick came
 * late. Call it at each tick. */
struct bp_clock_tick {
    uint64_t last_ms;
};
static inline int bp_clock_tick_is_late(struct bp_clock_tick *tick, uint64_t now_ms,
                                        uint64_t period_ms)
{
    uint64_t before_ms = tick->last_ms;
    tick->last_ms = now_ms;
    return before_ms != 0 && now_ms - before_ms > period_ms + period_ms / 2;
}

#endif
