/* SPDX-License-Identifier: BSD-3-Clause */
/* cpu.c - what this node's CPUs can do, for JOIN. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nodeagent/agent.h"

/* One "NODE:FEATURE". */
static int take_away(struct agent *agent, const char *word, size_t length, struct bp_error *err)
{
    char *end;
    long node = strtol(word, &end, 10);
    size_t number = (size_t)(end - word);
    if (number == 0 || number >= length || *end != ':')
        return bp_error_set(err, -EINVAL, CPU_LACKS ": \"%.*s\" is no NODE:FEATURE", (int)length,
                            word);
    if (bp_cpu_take_away(node == agent->node ? agent->cpu : (uint32_t[BP_CPU_WORDS]){0}, end + 1,
                         length - number - 1) < 0)
        return bp_error_set(err, -EINVAL, CPU_LACKS ": no feature of a CPU is called \"%.*s\"",
                            (int)(length - number - 1), end + 1);
    return 0;
}

int cpu_read(struct agent *agent, struct bp_error *err)
{
    const char *lacks = getenv(CPU_LACKS);
    int r = 0;
    bp_cpu_read(agent->cpu);
    while (r == 0 && lacks != NULL && *lacks != '\0') {
        size_t length = strcspn(lacks, ",");
        r = take_away(agent, lacks, length, err);
        lacks += length + (lacks[length] == ',');
    }
    return r;
}
