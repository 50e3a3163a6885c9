// sources: src/placement/slots.c src/common/cpuset.c src/common/mem.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_slots.c - any bytes as bptopo's lines: refused, or slots that pass the check. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "placement/placement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free struct bp_slot *slots = NULL;
    auto_free struct bp_slot *again = NULL;
    size_t count, again_count;
    struct bp_error err = {0};
    if (bp_slots_parse((const char *)data, size, &slots, &count, &err) < 0) {
        if (err.code >= 0 || err.text[0] == '\0')
            abort();
        return 0;
    }
    auto_free char *text = bp_slots_format(slots, count);
    if (bp_slots_check(slots, count, NULL) < 0 ||
        bp_slots_parse(text, strlen(text), &again, &again_count, NULL) < 0 ||
        again_count != count || memcmp(slots, again, count * sizeof *slots) != 0)
        abort();
    return 0;
}
