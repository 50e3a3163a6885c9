/* SPDX-License-Identifier: BSD-3-Clause */
/* settings.c - see settings.h. What a kernel does not know it has not granted either. */
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image/settings.h"

#define USUAL_SLACK_NS 50000 /* of a process that init started */
#define BARRIER_REGISTRATIONS (1 << 9) /* MEMBARRIER_CMD_GET_REGISTRATIONS, since 6.3 */

/* What each registration grants is refused without it. */
static int barriers_try(void)
{
    static const struct {
        int granted, registration;
    } pairs[] = {{1 << 3, 1 << 4}, {1 << 5, 1 << 6}, {1 << 7, 1 << 8}};
    int barriers = 0;

    for (int i = 0; i < 3; i++)
        if (syscall(SYS_membarrier, pairs[i].granted, 0, 0) == 0)
            barriers |= pairs[i].registration;
    return barriers;
}

void bp_settings_read(struct bp_settings *settings)
{
    int is_reaper = 0;
    long barriers = syscall(SYS_membarrier, BARRIER_REGISTRATIONS, 0, 0);

    settings->barriers = barriers >= 0 ? (int)barriers : barriers_try();
    settings->slack_ns = prctl(PR_GET_TIMERSLACK);
    prctl(PR_GET_CHILD_SUBREAPER, &is_reaper);
    settings->is_reaper = is_reaper != 0;
}

void bp_settings_apply(const struct bp_settings *settings, bool is_move)
{
    for (unsigned bit = 0; bit < 16; bit++)
        if ((settings->barriers & 1 << bit) != 0)
            syscall(SYS_membarrier, 1 << bit, 0, 0);
    /* Where it has set none itself the node's stays: it is longer for many ranks on few cores. */
    if (settings->slack_ns > 0 && settings->slack_ns != USUAL_SLACK_NS)
        prctl(PR_SET_TIMERSLACK, (unsigned long)settings->slack_ns);
    if (is_move && settings->is_reaper)
        prctl(PR_SET_CHILD_SUBREAPER, 1UL);
}
