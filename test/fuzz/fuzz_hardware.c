// sources: src/placement/hardware.c src/placement/hardware_text.c
// src/common/cpuset.c src/common/mem.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_hardware.c - any bytes as bptopo's lines: refused, or hardware that passes the check. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "placement/hardware.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bp_hardware hardware, again;
    struct bp_error err = {0};
    if (bp_hardware_parse((const char *)data, size, &hardware, &err) < 0) {
        if (err.code >= 0 || err.text[0] == '\0')
            abort();
        return 0;
    }
    auto_free char *text = bp_hardware_format(&hardware);
    if (bp_hardware_check(&hardware, NULL) < 0 ||
        bp_hardware_parse(text, strlen(text), &again, NULL) < 0)
        abort();
    auto_free char *more = bp_hardware_format(&again);
    if (strcmp(text, more) != 0)
        abort();
    bp_hardware_done(&hardware);
    bp_hardware_done(&again);
    return 0;
}
