/* SPDX-License-Identifier: BSD-3-Clause */
/* test_proc.c - the life of a process on the master: every state with every event. */
#include "master/master.h"
#include "tap.h"

static void gone_is_final(void)
{
    for (int event = 0; event < PROC_EVENTS; event++) {
        struct proc_step step = proc_step(PROC_GONE, (enum proc_event)event);
        CU_ASSERT_EQUAL(step.next, PROC_GONE);
        CU_ASSERT_EQUAL(step.action, ACT_NONE);
    }
}

/* Every process ends when it ends, whatever it was; its ghost is ended exactly once. */
static void exit_ends_from_everywhere(void)
{
    for (int state = 0; state < PROC_GONE; state++) {
        struct proc_step step = proc_step((enum proc_state)state, PROC_EXIT);
        CU_ASSERT_EQUAL(step.next, PROC_GONE);
        CU_ASSERT_EQUAL(step.action, ACT_END);
    }
}

/* A killed ghost is held until the process is dead, unless there is none yet. */
static void kill_holds(void)
{
    CU_ASSERT_EQUAL(proc_step(PROC_RESERVED, PROC_KILL).next, PROC_GONE);
    CU_ASSERT_EQUAL(proc_step(PROC_RESERVED, PROC_KILL).action, ACT_END);
    for (int state = PROC_STARTING; state <= PROC_STOPPED; state++) {
        struct proc_step step = proc_step((enum proc_state)state, PROC_KILL);
        CU_ASSERT_EQUAL(step.next, PROC_HELD);
        CU_ASSERT_EQUAL(step.action, ACT_KILL);
    }
    CU_ASSERT_EQUAL(proc_step(PROC_HELD, PROC_KILL).action, ACT_NONE);
}

static void stops_are_mirrored(void)
{
    CU_ASSERT_EQUAL(proc_step(PROC_RUNNING, PROC_STOP).action, ACT_MIRROR);
    CU_ASSERT_EQUAL(proc_step(PROC_STOPPED, PROC_STOP).action, ACT_MIRROR); /* CONT, STOP at once */
    CU_ASSERT_EQUAL(proc_step(PROC_STOPPED, PROC_CONT).action, ACT_MIRROR);
    CU_ASSERT_EQUAL(proc_step(PROC_RUNNING, PROC_CONT).action, ACT_NONE);
    CU_ASSERT_EQUAL(proc_step(PROC_HELD, PROC_STOP).next, PROC_HELD);
}

/* What cannot be: a node that lies. The state does not move. */
static void impossible_is_refused(void)
{
    int refused = 0;
    for (int state = 0; state < PROC_STATES; state++)
        for (int event = 0; event < PROC_EVENTS; event++) {
            struct proc_step step = proc_step((enum proc_state)state, (enum proc_event)event);
            CU_ASSERT(step.next < PROC_STATES);
            if (step.action == ACT_REFUSE) {
                CU_ASSERT_EQUAL(step.next, state);
                refused++;
            }
        }
    CU_ASSERT(refused > 0);
    CU_ASSERT_EQUAL(proc_step(PROC_RUNNING, PROC_FAILED).action, ACT_REFUSE);
    CU_ASSERT_EQUAL(proc_step(PROC_RESERVED, PROC_CREATED).action, ACT_REFUSE);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"gone is final", gone_is_final},
        {"an exit ends from every state", exit_ends_from_everywhere},
        {"a killed ghost is held", kill_holds},
        {"stops are mirrored once", stops_are_mirrored},
        {"impossible pairs are refused", impossible_is_refused},
        {NULL, NULL},
    };
    return bp_tap_run("proc", tests);
}
