/* SPDX-License-Identifier: BSD-3-Clause */
/* waits.c - a job that waits for its turn says why, to who sits before a terminal. */
#include <stdio.h>
#include <unistd.h>

#include "common/mem.h"
#include "tools/run.h"
#include "tools/text.h"
#include "tools/waits.h"

void waits_say(void *arg, const Bpmix__JobWait *wait)
{
    static const char *const endings[] = {"th", "st", "nd", "rd"};
    const struct run_policy *policy = arg;
    const char *tool = policy->tool;
    uint32_t last = wait->position % 10, tens = wait->position / 10 % 10;
    if (policy->quiet || (!policy->verbose && !isatty(STDERR_FILENO)))
        return;
    auto_free char *text = text_plain(wait->text);
    if (wait->position == 1)
        fprintf(stderr, "%s: waiting: %s; next in line\n", tool, text);
    else
        fprintf(stderr, "%s: waiting: %s; %u%s in line\n", tool, text, wait->position,
                endings[last < 4 && tens != 1 ? last : 0]);
}
