/* SPDX-License-Identifier: BSD-3-Clause */
/* cpu.c - see cpu.h; what cpuid says else does not matter to a program that runs already. */
#include "common/cpu.h"

#include <stdbool.h>
#include <stddef.h>

/* Their places in the words are cpu_x86_64.c's. */
static const struct {
    uint8_t word, bit;
    char name[14];
} features[] = {
    {0, 0, "sse3"},      {0, 1, "pclmulqdq"},   {0, 9, "ssse3"},        {0, 12, "fma"},
    {0, 13, "cx16"},     {0, 19, "sse4_1"},     {0, 20, "sse4_2"},      {0, 22, "movbe"},
    {0, 23, "popcnt"},   {0, 25, "aes"},        {0, 26, "xsave"},       {0, 27, "osxsave"},
    {0, 28, "avx"},      {0, 29, "f16c"},       {0, 30, "rdrand"},      {1, 8, "cx8"},
    {1, 15, "cmov"},     {1, 19, "clflush"},    {1, 23, "mmx"},         {1, 24, "fxsr"},
    {1, 25, "sse"},      {1, 26, "sse2"},       {2, 0, "fsgsbase"},     {2, 3, "bmi1"},
    {2, 5, "avx2"},      {2, 8, "bmi2"},        {2, 9, "erms"},         {2, 11, "rtm"},
    {2, 16, "avx512f"},  {2, 17, "avx512dq"},   {2, 18, "rdseed"},      {2, 19, "adx"},
    {2, 21, "avx512ifma"}, {2, 23, "clflushopt"}, {2, 24, "clwb"},      {2, 28, "avx512cd"},
    {2, 29, "sha_ni"},   {2, 30, "avx512bw"},   {2, 31, "avx512vl"},    {3, 1, "avx512vbmi"},
    {3, 5, "waitpkg"},   {3, 6, "avx512_vbmi2"}, {3, 8, "gfni"},        {3, 9, "vaes"},
    {3, 10, "vpclmulqdq"}, {3, 11, "avx512_vnni"}, {3, 12, "avx512_bitalg"},
    {3, 14, "avx512_vpop"}, {3, 22, "rdpid"},   {3, 27, "movdiri"},     {3, 28, "movdir64b"},
    {4, 4, "fsrm"},      {4, 8, "avx512_vp2i"}, {4, 14, "serialize"},   {4, 22, "amx_bf16"},
    {4, 23, "avx512_fp16"}, {4, 24, "amx_tile"}, {4, 25, "amx_int8"},   {5, 4, "avx_vnni"},
    {5, 5, "avx512_bf16"}, {5, 7, "cmpccxadd"}, {5, 21, "amx_fp16"},    {5, 23, "avx_ifma"},
    {6, 0, "lahf_lm"},   {6, 5, "lzcnt"},       {6, 6, "sse4a"},        {6, 8, "prefetchw"},
    {6, 11, "xop"},      {6, 16, "fma4"},       {6, 21, "tbm"},         {7, 27, "rdtscp"},
    {8, 0, "xsaveopt"},  {8, 1, "xsavec"},      {8, 2, "xgetbv1"},      {9, 2, "avx state"},
    {9, 5, "opmask state"}, {9, 6, "zmm state"}, {9, 7, "zmm16 state"}, {9, 17, "tile config"},
    {9, 18, "tile state"}, {10, 4, "avx_vnni8"}, {10, 5, "avx_ne_conv"}, {10, 10, "avx_vnni16"},
};

const char *bp_cpu_missing(const uint32_t wanted[BP_CPU_WORDS], const uint32_t have[BP_CPU_WORDS])
{
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        if ((wanted[features[i].word] & ~have[features[i].word] & 1u << features[i].bit) != 0)
            return features[i].name;
    return NULL;
}

int bp_cpu_take(const uint32_t *words, size_t count, uint32_t ret_words[BP_CPU_WORDS])
{
    if (count > BP_CPU_WORDS)
        return -1;
    for (size_t i = 0; i < BP_CPU_WORDS; i++)
        ret_words[i] = i < count ? words[i] : 0;
    return 0;
}

const char *bp_cpu_feature(const uint32_t words[BP_CPU_WORDS], size_t *at)
{
    while (*at < sizeof(features) / sizeof(features[0])) {
        size_t i = (*at)++;
        if ((words[features[i].word] & 1u << features[i].bit) != 0)
            return features[i].name;
    }
    return NULL;
}

static bool is_name(const char *name, const char *text, size_t length)
{
    size_t i = 0;

    while (i < length && name[i] != 0 && name[i] == text[i])
        i++;
    return i == length && name[i] == 0;
}

int bp_cpu_take_away(uint32_t words[BP_CPU_WORDS], const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        if (is_name(features[i].name, name, length)) {
            words[features[i].word] &= ~(1u << features[i].bit);
            return 0;
        }
    return -1;
}
