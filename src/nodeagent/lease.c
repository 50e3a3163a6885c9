/* SPDX-License-Identifier: BSD-3-Clause */
/* lease.c - time given by bpmaster: passed on to every bpspace, and watched here a second time. */
#include "common/clock.h"
#include "common/log.h"
#include "nodeagent/agent.h"
#include "proto/tick.h"

void lease_renew(struct agent *agent, uint64_t number)
{
    agent->lease_end_ms = bp_clock_ms() + agent->lease_ms;
    agent_send(agent, &(struct bp_frame){.type = BP_LEASE_SEEN, .node = agent->node,
                                         .tag = number}, NULL);
    struct space *space, *next;
    HASH_ITER(hh, agent->spaces, space, next)
        space_lease(space);
}

static void on_tick(void *arg, int late)
{
    struct agent *agent = arg;
    uint64_t now = bp_clock_ms();
    struct space *space, *next;
    if (now > agent->lease_end_ms) {
        join_lost(agent, "the lease is over");
        return;
    }
    HASH_ITER(hh, agent->spaces, space, next) {
        if (late)
            space->seen_ms = now;
        if (now - space->seen_ms > agent->lease_ms)
            space_close(space, BPMIX__JOB_EVENT__KIND__SPACE_LOST,
                        "its bpspace did not answer for a whole lease");
        else
            shepherd_ping(space);
    }
}

void lease_start(struct agent *agent, uint32_t lease_ms)
{
    agent->lease_ms = lease_ms;
    agent->lease_end_ms = bp_clock_ms() + lease_ms;
    if (agent->lease_tick == NULL)
        agent->lease_tick = bp_tick_new(agent->base, on_tick, agent);
    bp_tick_start(agent->lease_tick, lease_ms / 4);
}

void lease_stop(struct agent *agent)
{
    bp_tick_stop(agent->lease_tick);
}
