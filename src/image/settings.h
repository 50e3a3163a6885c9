/* SPDX-License-Identifier: BSD-3-Clause */
/* settings.h - what a process has told the kernel about itself, and exec forgets or a new process
 * has not: only the process can say it again, once it is restored. */
#ifndef BP_IMAGE_SETTINGS_H
#define BP_IMAGE_SETTINGS_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

struct bp_settings {
    int barriers;   /* registrations of membarrier(2), bits of its commands */
    int slack_ns;   /* of timers, PR_GET_TIMERSLACK */
    bool is_reaper; /* PR_GET_CHILD_SUBREAPER */
    bool is_capped; /* PR_GET_NO_NEW_PRIVS */
    bool is_merged; /* PR_GET_MEMORY_MERGE */
    int no_new_code; /* PR_GET_MDWE */
    int machine_check; /* PR_MCE_KILL_GET */
    int policy, priority; /* sched_getscheduler(2) */
    int io_priority;      /* ioprio_get(2) */
    char oom[8];          /* /proc/self/oom_score_adj, as text */
    char core[12];        /* /proc/self/coredump_filter */
    struct __user_cap_data_struct rights[_LINUX_CAPABILITY_U32S_3]; /* of root */
};

/* PR_SET_MDWE: nothing that it maps from now on can be executed, in any program it becomes. */
bool bp_settings_no_new_code(void);

void bp_settings_read(struct bp_settings *settings);

/* In the restored process, what it may; it never gets more than it has. A copy is no subreaper, as
 * after fork. */
void bp_settings_apply(const struct bp_settings *settings, bool is_move);

#endif
