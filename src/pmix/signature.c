/* SPDX-License-Identifier: BSD-3-Clause */
/* signature.c - participants as bytes that compare equal on every node. */
#include <endian.h>
#include <string.h>

#include "common/mem.h"
#include "pmix/signature.h"

#define HEAD 1u /* the byte of kind */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint32_t get(const uint8_t *bytes, size_t i)
{
    uint32_t rank;
    memcpy(&rank, bytes + HEAD + i * sizeof rank, sizeof rank);
    return le32toh(rank);
}

static struct bp_signature write_bytes(enum bp_collective kind, uint32_t *ranks, size_t count)
{
    struct bp_signature s = {.length = HEAD + count * sizeof *ranks};
    s.bytes = bp_calloc(1, s.length);
    s.bytes[0] = (uint8_t)kind;
    for (size_t i = 0; i < count; i++) {
        uint32_t rank = htole32(ranks[i]);
        memcpy(s.bytes + HEAD + i * sizeof rank, &rank, sizeof rank);
    }
    return s;
}

pmix_status_t bp_signature_make(enum bp_collective kind, const char *nspace, uint32_t rank_count,
                                const pmix_proc_t *procs, size_t count, struct bp_signature *ret)
{
    auto_free uint32_t *ranks = bp_calloc(count, sizeof *ranks);
    size_t unique = 0;
    bool all = count == 0;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(procs[i].nspace, nspace, sizeof procs[i].nspace) != 0)
            return PMIX_ERR_NOT_SUPPORTED;
        if (procs[i].rank == PMIX_RANK_WILDCARD)
            all = true;
        else if (procs[i].rank >= rank_count)
            return PMIX_ERR_BAD_PARAM;
        ranks[i] = procs[i].rank;
    }
    if (!all) {
        qsort(ranks, count, sizeof *ranks, compare);
        for (size_t i = 0; i < count; i++)
            if (unique == 0 || ranks[i] != ranks[unique - 1])
                ranks[unique++] = ranks[i];
    }
    *ret = write_bytes(kind, ranks, unique == rank_count ? 0 : unique);
    return PMIX_SUCCESS;
}

bool bp_signature_check(const uint8_t *bytes, size_t length, uint32_t rank_count)
{
    if (length < HEAD || (length - HEAD) % sizeof(uint32_t) != 0)
        return false;
    if (bytes[0] < BP_FENCE || bytes[0] > BP_DISCONNECT)
        return false;
    size_t count = (length - HEAD) / sizeof(uint32_t);
    if (count >= rank_count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (get(bytes, i) >= rank_count || (i > 0 && get(bytes, i) <= get(bytes, i - 1)))
            return false;
    return true;
}

size_t bp_signature_count(const struct bp_signature *signature, uint32_t rank_count)
{
    size_t named = (signature->length - HEAD) / sizeof(uint32_t);
    return named > 0 ? named : rank_count;
}

uint32_t bp_signature_rank(const struct bp_signature *signature, size_t i)
{
    return signature->length > HEAD ? get(signature->bytes, i) : (uint32_t)i;
}
