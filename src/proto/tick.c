/* SPDX-License-Identifier: BSD-3-Clause */
/* tick.c - a timer, and turns of the loop between it and its action. */
#include <stdlib.h>

#include <event2/event.h>

#include "common/clock.h"
#include "common/mem.h"
#include "proto/tick.h"

#define TURNS 2 /* one reads what has come, the next hands it out: channels defer that */

struct bp_tick {
    struct event *timer, *turn;
    void (*action)(void *arg, int late);
    void *arg;
    uint32_t period_ms;
    int turns;
    struct bp_clock_tick clock;
};

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct bp_tick *tick = arg;
    tick->turns = TURNS;
    evtimer_add(tick->turn, &(struct timeval){0});
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct bp_tick *tick = arg;
    if (--tick->turns > 0)
        evtimer_add(tick->turn, &(struct timeval){0});
    else
        tick->action(tick->arg,
                     bp_clock_tick_is_late(&tick->clock, bp_clock_ms(), tick->period_ms));
}

struct bp_tick *bp_tick_new(struct event_base *base, void (*action)(void *arg, int late),
                            void *arg)
{
    struct bp_tick *tick = bp_calloc(1, sizeof *tick);
    tick->action = action;
    tick->arg = arg;
    tick->timer = event_new(base, -1, EV_PERSIST, on_timer, tick);
    tick->turn = evtimer_new(base, on_turn, tick);
    return tick;
}

void bp_tick_start(struct bp_tick *tick, uint32_t period_ms)
{
    tick->period_ms = period_ms;
    tick->clock = (struct bp_clock_tick){0};
    event_add(tick->timer, &(struct timeval){.tv_sec = period_ms / 1000,
                                             .tv_usec = (long)(period_ms % 1000) * 1000});
}

void bp_tick_stop(struct bp_tick *tick)
{
    event_del(tick->timer);
    event_del(tick->turn);
}

void bp_tick_free(struct bp_tick *tick)
{
    if (tick == NULL)
        return;
    event_free(tick->timer);
    event_free(tick->turn);
    free(tick);
}
