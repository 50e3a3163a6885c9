/* SPDX-License-Identifier: BSD-3-Clause */
/* proc.c - the life of a process on the master: state x event -> next state and action. */
#include <signal.h>

#include "master/master.h"

#define S(next, action) {PROC_##next, ACT_##action}

/* A refused pair is counted and logged by the caller: a peer said what cannot be. */
static const struct proc_step table[PROC_STATES][PROC_EVENTS] = {
    [PROC_RESERVED] = {
        [PROC_CREATE] = S(STARTING, CREATE), [PROC_CREATED] = S(RESERVED, REFUSE),
        [PROC_FAILED] = S(RESERVED, REFUSE), [PROC_KILL] = S(GONE, END),
        [PROC_STOP] = S(RESERVED, REFUSE), [PROC_CONT] = S(RESERVED, REFUSE),
        [PROC_EXIT] = S(GONE, END)},
    [PROC_STARTING] = {
        [PROC_CREATE] = S(STARTING, REFUSE), [PROC_CREATED] = S(RUNNING, NONE),
        [PROC_FAILED] = S(GONE, END), [PROC_KILL] = S(HELD, KILL),
        [PROC_STOP] = S(STOPPED, MIRROR), [PROC_CONT] = S(STARTING, NONE),
        [PROC_EXIT] = S(GONE, END)},
    [PROC_RUNNING] = {
        [PROC_CREATE] = S(RUNNING, REFUSE), [PROC_CREATED] = S(RUNNING, REFUSE),
        [PROC_FAILED] = S(RUNNING, REFUSE), [PROC_KILL] = S(HELD, KILL),
        [PROC_STOP] = S(STOPPED, MIRROR), [PROC_CONT] = S(RUNNING, NONE),
        [PROC_EXIT] = S(GONE, END)},
    [PROC_STOPPED] = {
        [PROC_CREATE] = S(STOPPED, REFUSE), [PROC_CREATED] = S(STOPPED, NONE),
        [PROC_FAILED] = S(STOPPED, REFUSE), [PROC_KILL] = S(HELD, KILL),
        [PROC_STOP] = S(STOPPED, MIRROR), [PROC_CONT] = S(RUNNING, MIRROR),
        [PROC_EXIT] = S(GONE, END)},
    [PROC_HELD] = {
        [PROC_CREATE] = S(HELD, REFUSE), [PROC_CREATED] = S(HELD, NONE),
        [PROC_FAILED] = S(GONE, END), [PROC_KILL] = S(HELD, NONE),
        [PROC_STOP] = S(HELD, NONE), [PROC_CONT] = S(HELD, NONE),
        [PROC_EXIT] = S(GONE, END)},
    [PROC_GONE] = {
        [PROC_CREATE] = S(GONE, NONE), [PROC_CREATED] = S(GONE, NONE),
        [PROC_FAILED] = S(GONE, NONE), [PROC_KILL] = S(GONE, NONE),
        [PROC_STOP] = S(GONE, NONE), [PROC_CONT] = S(GONE, NONE),
        [PROC_EXIT] = S(GONE, NONE)},
};

struct proc_step proc_step(enum proc_state state, enum proc_event event)
{
    return table[state][event];
}

int proc_goes_on(const struct proc *proc)
{
    return proc->cont_had != proc->cont_sent ||
           (proc->waiting & UINT64_C(1) << (SIGCONT - 1)) != 0;
}

const char *proc_state_name(enum proc_state state)
{
    static const char *const names[PROC_STATES] = {"reserved", "starting", "running",
                                                   "stopped",  "held",     "gone"};
    return names[state];
}
