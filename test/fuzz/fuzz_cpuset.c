// sources: src/common/cpuset.c src/common/mem.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_cpuset.c - any text as a list of CPUs, any bytes as a mask: refused, or written and read
 * back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cpuset.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(const uint8_t *mask, size_t bytes)
{
    auto_free char *list = bp_cpuset_format(mask, bytes);
    auto_free uint8_t *again = NULL;
    size_t again_bytes = 0;
    int r = bp_cpuset_parse(list, &again, &again_bytes, NULL);
    if (bp_cpuset_count(mask, bytes) == 0) {
        if (r == 0 || list[0] != '\0')
            abort();
        return;
    }
    if (r < 0 || again_bytes % 8 != 0)
        abort();
    for (unsigned cpu = 0; cpu < BP_CPUS_MAX; cpu++)
        if (bp_cpuset_has(mask, bytes, cpu) != bp_cpuset_has(again, again_bytes, cpu))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = bp_calloc(size + 1, 1);
    auto_free uint8_t *mask = NULL;
    size_t bytes;
    struct bp_error err = {0};
    memcpy(text, data, size);
    if (bp_cpuset_parse(text, &mask, &bytes, &err) == 0)
        there_and_back(mask, bytes);
    else if (err.code >= 0 || err.text[0] == '\0')
        abort();
    if (size <= BP_CPUSET_BYTES_MAX)
        there_and_back((const uint8_t *)text, size);
    return 0;
}
