// sources: src/common/nodeset.c src/common/mem.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_nodeset.c - any text as a node specification: refused, or written and read back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/nodeset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bp_nodeset_node table[] = {
        {-1, "up", NULL}, {0, "up", "host.a"}, {1, "down", "n1x"}, {2, "boot", "allhost"}};
    auto_free char *text = bp_calloc(size + 1, 1);
    if (size > 0)
        memcpy(text, data, size);
    struct bp_nodeset set, again;
    struct bp_error err = {0};
    if (bp_nodeset_parse(text, table, 4, &set, &err) < 0) {
        if (err.code >= 0 || err.text[0] == '\0')
            abort();
        return 0;
    }
    auto_free char *list = bp_nodeset_format(set.numbers, set.count, "n");
    if (set.count > 0) {
        if (bp_nodeset_parse(list, NULL, 0, &again, &err) < 0 || again.count != set.count ||
            memcmp(again.numbers, set.numbers, set.count * sizeof *set.numbers) != 0)
            abort();
        bp_nodeset_done(&again);
    }
    bp_nodeset_done(&set);
    return 0;
}
