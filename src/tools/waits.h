/* SPDX-License-Identifier: BSD-3-Clause */
/* waits.h - a job that waits for its turn says why, to who sits before a terminal. */
#ifndef BP_TOOLS_WAITS_H
#define BP_TOOLS_WAITS_H

#include "lib/launch.h"

/* A bp_launch_waits; arg: the struct run_policy. */
void waits_say(void *arg, const Bpmix__JobWait *wait);

#endif
