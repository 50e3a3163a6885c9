/* SPDX-License-Identifier: BSD-3-Clause */
/* settings.h - what a process has told the kernel about itself, and exec forgets: only the process
 * can say it again, once it is restored. */
#ifndef BP_IMAGE_SETTINGS_H
#define BP_IMAGE_SETTINGS_H

#include <stdbool.h>

struct bp_settings {
    int barriers;   /* registrations of membarrier(2), bits of its commands */
    int slack_ns;   /* of timers, PR_GET_TIMERSLACK */
    bool is_reaper; /* PR_GET_CHILD_SUBREAPER */
};

void bp_settings_read(struct bp_settings *settings);

/* In the restored process. A copy is no subreaper, as after fork. */
void bp_settings_apply(const struct bp_settings *settings, bool is_move);

#endif
