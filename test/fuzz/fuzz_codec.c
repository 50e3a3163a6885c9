// sources: src/pmix/codec.c src/common/mem.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_codec.c - any bytes as a PMIx value: refused, or a value that is written as the same bytes
 * and that libpmix itself can copy and free. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pmix.h>

#include "common/mem.h"
#include "pmix/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pmix_value_t value;
    uint8_t *bytes = NULL;
    size_t length = 0;
    auto_free uint8_t *exact = bp_calloc(1, size);
    memcpy(exact, data, size);
    if (bp_value_decode(exact, size, &value) != PMIX_SUCCESS)
        return 0;
    bp_value_is_true(&value);
    bp_value_number(&value);
    if (bp_value_encode(&value, &bytes, &length) != PMIX_SUCCESS || length != size ||
        memcmp(bytes, data, size) != 0)
        abort();
    free(bytes);
    PMIX_VALUE_DESTRUCT(&value);
    return 0;
}
