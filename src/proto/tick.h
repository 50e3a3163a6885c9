/* SPDX-License-Identifier: BSD-3-Clause */
/* tick.h - a timer for who judges others by their silence: whatever has come by then is read and
 * handed out before its action, also when this program itself was held up. */
#ifndef BP_PROTO_TICK_H
#define BP_PROTO_TICK_H

#include <stdint.h>

struct bp_tick;
struct event_base;

/* late: this program was held up for so long that silence proves nothing (common/clock.h). The
 * timer stands still until it is started. */
struct bp_tick *bp_tick_new(struct event_base *base, void (*action)(void *arg, int late),
                            void *arg);

void bp_tick_start(struct bp_tick *tick, uint32_t period_ms);
void bp_tick_stop(struct bp_tick *tick);
void bp_tick_free(struct bp_tick *tick);

#endif
