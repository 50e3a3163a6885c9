// sources: src/placement/words.c src/common/cpuset.c src/common/mem.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_map_words.c - any text as any placement option: a sentence, or numbers within their bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "placement/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bp_place_request r = {0};
    struct bp_place_words words = {0};
    struct bp_error err = {0};
    auto_free char *text = bp_calloc(size + 1, 1);
    if (size == 0)
        return 0;
    memcpy(text, data + 1, size - 1);
    int result = 0;
    switch (data[0] % 6) {
    case 0:
        result = bp_words_map(text, &r, &words, &err);
        break;
    case 1:
        result = bp_words_rank(text, &r, &err);
        break;
    case 2:
        result = bp_words_bind(text, &r, &err);
        break;
    case 3:
        result = bp_words_deal(text, &r, &err);
        break;
    case 4:
        result = bp_words_mem(text, &r, &err);
        break;
    default:
        result = bp_words_gpu(text, &r, &words, &err);
    }
    if ((result < 0) != (err.text[0] != '\0'))
        abort();
    if (result == 0 && (r.map_count > 100000 || r.cpus_per_rank > 100000 || r.plane > 100000 ||
                        r.gpu_share > 100000 || r.pe_list_count > BP_CPUS_MAX ||
                        r.map_by > BP_MAP_PE_LIST || r.bind_to >= BP_OBJECT_NODE))
        abort();
    for (size_t i = 0; result == 0 && i < r.pe_list_count; i++)
        if (r.pe_list[i] >= BP_CPUS_MAX)
            abort();
    bp_words_done(&words);
    return 0;
}
