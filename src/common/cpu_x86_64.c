/* SPDX-License-Identifier: BSD-3-Clause */
/* cpu_x86_64.c - the words of cpu.h: 0, 1 leaf 1 ecx, edx; 2, 3, 4 leaf 7.0 ebx, ecx, edx; 5, 10
 * leaf 7.1 eax, edx; 6, 7 leaf 0x80000001 ecx, edx; 8 leaf 0xd.1 eax; 9 the states that the kernel
 * switched on (xcr0). */
#include <cpuid.h>

#include "common/cpu.h"

void bp_cpu_read(uint32_t ret_words[BP_CPU_WORDS])
{
    uint32_t a, b, c, d, top = (uint32_t)__get_cpuid_max(0, NULL);

    for (unsigned i = 0; i < BP_CPU_WORDS; i++)
        ret_words[i] = 0;
    __cpuid(1, a, b, ret_words[0], ret_words[1]);
    if (top >= 7) {
        __cpuid_count(7, 0, a, ret_words[2], ret_words[3], ret_words[4]);
        if (a >= 1)
            __cpuid_count(7, 1, ret_words[5], b, c, ret_words[10]);
    }
    if ((uint32_t)__get_cpuid_max(0x80000000, NULL) >= 0x80000001)
        __cpuid(0x80000001, a, b, ret_words[6], ret_words[7]);
    if ((ret_words[0] & bit_OSXSAVE) != 0 && top >= 0xd) {
        __cpuid_count(0xd, 1, ret_words[8], b, c, d);
        __asm__ volatile("xgetbv" : "=a"(ret_words[9]), "=d"(d) : "c"(0));
    }
}
