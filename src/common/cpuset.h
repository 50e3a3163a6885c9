/* SPDX-License-Identifier: BSD-3-Clause */
/* cpuset.h - sets of CPUs as the bytes sched_setaffinity takes, and as lists such as "0-3,8". */
#ifndef BP_COMMON_CPUSET_H
#define BP_COMMON_CPUSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* CPU numbers are 0 to BP_CPUS_MAX - 1 (the kernel's own bound on x86_64). CPU c is bit c % 8 of
 * byte c / 8; a mask's length is a multiple of 8 bytes, so that the kernel takes it as it is. */
#define BP_CPUS_MAX         8192
#define BP_CPUSET_BYTES_MAX (BP_CPUS_MAX / 8)

/* Bytes of a mask that holds CPUs 0 to cpus - 1. */
size_t bp_cpuset_bytes(unsigned cpus);

/* cpu must be inside the mask. */
void bp_cpuset_add(uint8_t *mask, size_t bytes, unsigned cpu);
/* False for a cpu beyond the mask. */
bool bp_cpuset_has(const uint8_t *mask, size_t bytes, unsigned cpu);
unsigned bp_cpuset_count(const uint8_t *mask, size_t bytes);

/* The list, "" for the empty set; the caller frees it. */
char *bp_cpuset_format(const uint8_t *mask, size_t bytes);

/* Read a list such as "0-3,8" (not empty, any order). *ret_mask is the caller's to free. 0 or
 * -EINVAL. */
int bp_cpuset_parse(const char *text, uint8_t **ret_mask, size_t *ret_bytes, struct bp_error *err);

#endif
