/* SPDX-License-Identifier: BSD-3-Clause */
/* cpu.h - what a CPU can do, as words of bits, and their names. Also for code without libc. */
#ifndef BP_COMMON_CPU_H
#define BP_COMMON_CPU_H

#include <stddef.h>
#include <stdint.h>

#define BP_CPU_WORDS 16

/* What the CPU here can do. */
void bp_cpu_read(uint32_t ret_words[BP_CPU_WORDS]);

/* The name of the first feature that `wanted` has and `have` has not; NULL: there is none. Words of
 * zeros want nothing. */
const char *bp_cpu_missing(const uint32_t wanted[BP_CPU_WORDS], const uint32_t have[BP_CPU_WORDS]);

/* Words as they came in a message; what is not said is not there. 0, or -1: they are too many. */
int bp_cpu_take(const uint32_t *words, size_t count, uint32_t ret_words[BP_CPU_WORDS]);

/* The names of what the words have, one at a call: *at is 0 before the first. NULL: no more. */
const char *bp_cpu_feature(const uint32_t words[BP_CPU_WORDS], size_t *at);

/* Take a feature, named by `length` bytes, out of the words. 0, or -1: there is no such name. */
int bp_cpu_take_away(uint32_t words[BP_CPU_WORDS], const char *name, size_t length);

#endif
