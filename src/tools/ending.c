/* SPDX-License-Identifier: BSD-3-Clause */
/* ending.c - how a launcher ends its job: politely, then for good; and when, by the clock. */
#include <signal.h>
#include <stdio.h>

#include "tools/ending.h"
#include "tools/run.h"

static void start_timer(struct event *timer, uint64_t ms)
{
    event_add(timer, &(struct timeval){.tv_sec = (time_t)(ms / 1000),
                                       .tv_usec = (long)(ms % 1000) * 1000});
}

void ending_kill(struct ending *ending)
{
    if (ending->signal != 0)
        verdict_end(ending->verdict, 128 + ending->signal, "");
    ending->verdict->teardown = 1;
    ending->state = ENDING_KILLED;
    evtimer_del(ending->kill_timer);
    ranks_kill(ending->ranks, 0);
}

void ending_ask(struct ending *ending, int send_term)
{
    ending->verdict->teardown = 1;
    if (ending->state != ENDING_NOT)
        return;
    ending->state = ENDING_ASKED;
    if (send_term) {
        ranks_kill(ending->ranks, SIGTERM);
        ranks_kill(ending->ranks, SIGCONT); /* for those that are stopped */
    }
    start_timer(ending->kill_timer, ending->policy->kill_wait_ms);
}

void ending_signal(struct ending *ending, int signal)
{
    if (ending->state != ENDING_NOT) {
        ending_kill(ending);
        return;
    }
    ending_ask(ending, 0);
    ending->signal = signal;
    ending->verdict->teardown = 0;
}

void ending_rank_gone(struct ending *ending, uint32_t rank)
{
    if (ending->policy->wait_s == 0 || evtimer_pending(ending->wait_timer, NULL))
        return;
    ending->first = rank;
    start_timer(ending->wait_timer, 1000ull * ending->policy->wait_s);
}

static void on_kill_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    ending_kill(arg);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct ending *ending = arg;
    char text[96];
    snprintf(text, sizeof text, "the time limit of %u s is over", ending->policy->limit_s);
    verdict_end(ending->verdict, 124, text);
    ending_ask(ending, 1);
}

static void on_warn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    const struct ending *ending = arg;
    ranks_kill(ending->ranks, ending->policy->warn_signal);
}

static void on_wait(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct ending *ending = arg;
    char text[128];
    snprintf(text, sizeof text, "rank %u ended %u s ago and others still run (--wait)",
             ending->first, ending->policy->wait_s);
    verdict_end(ending->verdict, 124, text);
    ending_ask(ending, 1);
}

void ending_init(struct ending *ending, struct event_base *base, const struct run_policy *policy,
                 struct verdict *verdict, const struct ranks *ranks)
{
    uint32_t limit_s = policy->limit_s, before_s = policy->warn_s;
    *ending = (struct ending){.policy = policy, .verdict = verdict, .ranks = ranks};
    ending->kill_timer = evtimer_new(base, on_kill_timer, ending);
    ending->limit_timer = evtimer_new(base, on_limit, ending);
    ending->warn_timer = evtimer_new(base, on_warn, ending);
    ending->wait_timer = evtimer_new(base, on_wait, ending);
    if (limit_s > 0)
        start_timer(ending->limit_timer, 1000ull * limit_s);
    if (limit_s > 0 && policy->warn_signal > 0)
        start_timer(ending->warn_timer, limit_s > before_s ? 1000ull * (limit_s - before_s) : 0);
}

void ending_done(struct ending *ending)
{
    struct event *timers[] = {ending->kill_timer, ending->limit_timer, ending->warn_timer,
                              ending->wait_timer};
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
        if (timers[i] != NULL)
            event_free(timers[i]);
}
