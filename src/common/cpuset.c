/* SPDX-License-Identifier: BSD-3-Clause */
/* cpuset.c - sets of CPUs as the bytes sched_setaffinity takes, and as lists such as "0-3,8". */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cpuset.h"
#include "common/mem.h"

size_t bp_cpuset_bytes(unsigned cpus)
{
    return ((size_t)cpus + 63) / 64 * 8;
}

void bp_cpuset_add(uint8_t *mask, size_t bytes, unsigned cpu)
{
    if (cpu / 8 < bytes)
        mask[cpu / 8] |= (uint8_t)(1u << cpu % 8);
}

bool bp_cpuset_has(const uint8_t *mask, size_t bytes, unsigned cpu)
{
    return cpu / 8 < bytes && (mask[cpu / 8] >> cpu % 8 & 1) != 0;
}

unsigned bp_cpuset_count(const uint8_t *mask, size_t bytes)
{
    unsigned count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += (unsigned)__builtin_popcount(mask[i]);
    return count;
}

char *bp_cpuset_format(const uint8_t *mask, size_t bytes)
{
    size_t size = (size_t)bp_cpuset_count(mask, bytes) * 12 + 1;
    char *text = bp_calloc(size, 1);
    size_t used = 0;
    unsigned end = (unsigned)bytes * 8;
    for (unsigned cpu = 0; cpu < end; cpu++) {
        if (!bp_cpuset_has(mask, bytes, cpu))
            continue;
        unsigned last = cpu;
        while (bp_cpuset_has(mask, bytes, last + 1))
            last++;
        used += (size_t)snprintf(text + used, size - used, used > 0 ? ",%u" : "%u", cpu);
        if (last > cpu)
            used += (size_t)snprintf(text + used, size - used, "-%u", last);
        cpu = last;
    }
    return text;
}

/* Read the number at *at; true and *at behind it if there is one below BP_CPUS_MAX. */
static bool read_cpu(const char **at, unsigned *ret_cpu)
{
    const char *digit = *at;
    unsigned cpu = 0;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        cpu = cpu * 10 + (unsigned)(*digit - '0');
        if (cpu >= BP_CPUS_MAX)
            return false;
    }
    if (digit == *at)
        return false;
    *at = digit;
    *ret_cpu = cpu;
    return true;
}

int bp_cpuset_parse(const char *text, uint8_t **ret_mask, size_t *ret_bytes, struct bp_error *err)
{
    uint8_t mask[BP_CPUSET_BYTES_MAX] = {0};
    unsigned highest = 0;
    const char *at = text;
    do {
        unsigned first;
        if (!read_cpu(&at, &first))
            goto fail;
        unsigned last = first;
        if (*at == '-' && (at++, !read_cpu(&at, &last)))
            goto fail;
        if (last < first || (*at != ',' && *at != '\0'))
            goto fail;
        for (unsigned cpu = first; cpu <= last; cpu++)
            bp_cpuset_add(mask, sizeof mask, cpu);
        highest = last > highest ? last : highest;
    } while (*at++ == ',');
    *ret_bytes = bp_cpuset_bytes(highest + 1);
    *ret_mask = bp_calloc(*ret_bytes, 1);
    memcpy(*ret_mask, mask, *ret_bytes);
    return 0;
fail:
    return bp_error_set(err, -EINVAL,
                        "not a list of CPUs at character %zu: wanted is a list such as 0-3,8 with "
                        "numbers below %d",
                        (size_t)(at - text) + 1, BP_CPUS_MAX);
}
