// sources: src/common/pattern.c src/common/mem.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_pattern.c - any text as a name with letters: what is accepted has no % left in the end, and
 * two steps give what one gives. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bp_pattern_value values[] = {{.letter = 'N', .text = "n0"},
                                                     {.letter = 't', .number = 12}};
    auto_free char *text = bp_calloc(size + 1, 1);
    if (size > 0)
        memcpy(text, data, size);
    auto_free char *once = bp_pattern_expand(text, values, 2, 1);
    auto_free char *half = bp_pattern_expand(text, values, 1, 0);
    auto_free char *whole = bp_pattern_expand(half, values + 1, 1, 1);
    if (bp_pattern_check(text, "Nt", NULL) < 0)
        return 0;
    if (strcmp(once, whole) != 0 ||
        (strchr(once, '%') != NULL) != (strstr(text, "%%") != NULL))
        abort();
    return 0;
}
