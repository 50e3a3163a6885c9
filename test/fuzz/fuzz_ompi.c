// sources: src/nodeagent/ompi.c src/common/mem.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_ompi.c - any text as an MCA parameter file: a value found is one line's, without blanks. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "nodeagent/ompi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = bp_calloc(size + 1, 1);
    memcpy(text, data, size);
    auto_free char *value = ompi_parameter(text, "mtl");
    if (value != NULL && (strpbrk(value, " \t\r\n#") != NULL || strstr(text, value) == NULL ||
                          strstr(text, "mtl") == NULL))
        abort();
    return 0;
}
