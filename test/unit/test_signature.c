/* SPDX-License-Identifier: BSD-3-Clause */
/* test_signature.c - participants as bytes, and bytes that are no participants. */
#include <string.h>

#include <pmix.h>

#include "common/mem.h"
#include "pmix/signature.h"
#include "tap.h"

#define NSPACE "bp.test"

static void load(pmix_proc_t *proc, const char *nspace, pmix_rank_t rank)
{
    memset(proc, 0, sizeof *proc);
    strncpy(proc->nspace, nspace, sizeof proc->nspace - 1);
    proc->rank = rank;
}

static void test_order(void)
{
    pmix_proc_t a[3], b[4];
    struct bp_signature x, y;
    load(&a[0], NSPACE, 5), load(&a[1], NSPACE, 1), load(&a[2], NSPACE, 3);
    load(&b[0], NSPACE, 1), load(&b[1], NSPACE, 3), load(&b[2], NSPACE, 3), load(&b[3], NSPACE, 5);
    CU_ASSERT_EQUAL(bp_signature_make(BP_FENCE, NSPACE, 8, a, 3, &x), PMIX_SUCCESS);
    CU_ASSERT_EQUAL(bp_signature_make(BP_FENCE, NSPACE, 8, b, 4, &y), PMIX_SUCCESS);
    CU_ASSERT(x.length == y.length && memcmp(x.bytes, y.bytes, x.length) == 0);
    CU_ASSERT_EQUAL(bp_signature_count(&x, 8), 3);
    CU_ASSERT_EQUAL(bp_signature_rank(&x, 1), 3);
    CU_ASSERT(bp_signature_check(x.bytes, x.length, 8));
    CU_ASSERT(!bp_signature_check(x.bytes, x.length, 5)); /* no rank 5 there */
    free(x.bytes);
    free(y.bytes);
}

static void test_all(void)
{
    pmix_proc_t procs[2];
    struct bp_signature x, y;
    load(&procs[0], NSPACE, PMIX_RANK_WILDCARD);
    CU_ASSERT_EQUAL(bp_signature_make(BP_FENCE, NSPACE, 2, procs, 1, &x), PMIX_SUCCESS);
    load(&procs[0], NSPACE, 0), load(&procs[1], NSPACE, 1);
    CU_ASSERT_EQUAL(bp_signature_make(BP_FENCE, NSPACE, 2, procs, 2, &y), PMIX_SUCCESS);
    CU_ASSERT(x.length == 1 && y.length == 1);
    CU_ASSERT_EQUAL(bp_signature_count(&x, 2), 2);
    CU_ASSERT_EQUAL(bp_signature_rank(&x, 1), 1);
    CU_ASSERT(bp_signature_check(x.bytes, x.length, 2));
    free(x.bytes);
    free(y.bytes);
}

static void test_kind(void)
{
    pmix_proc_t proc;
    struct bp_signature x, y;
    load(&proc, NSPACE, 1);
    bp_signature_make(BP_FENCE, NSPACE, 4, &proc, 1, &x);
    bp_signature_make(BP_CONNECT, NSPACE, 4, &proc, 1, &y);
    CU_ASSERT(memcmp(x.bytes, y.bytes, x.length) != 0);
    free(x.bytes);
    free(y.bytes);
}

static void test_refused(void)
{
    pmix_proc_t proc;
    struct bp_signature x;
    load(&proc, "another", 1);
    CU_ASSERT_EQUAL(bp_signature_make(BP_FENCE, NSPACE, 4, &proc, 1, &x), PMIX_ERR_NOT_SUPPORTED);
    load(&proc, NSPACE, 4);
    CU_ASSERT_EQUAL(bp_signature_make(BP_FENCE, NSPACE, 4, &proc, 1, &x), PMIX_ERR_BAD_PARAM);
    load(&proc, NSPACE, PMIX_RANK_LOCAL_NODE);
    CU_ASSERT_EQUAL(bp_signature_make(BP_FENCE, NSPACE, 4, &proc, 1, &x), PMIX_ERR_BAD_PARAM);
}

static void test_malformed(void)
{
    static const struct {
        const char *bytes;
        size_t length;
    } bad[] = {
        {"", 0},
        {"\0", 1},                             /* no such kind */
        {"\x09", 1},
        {"\1\0\0\0", 4},                       /* a rank cut off */
        {"\1\1\0\0\0\1\0\0\0", 9},             /* twice the same */
        {"\1\2\0\0\0\1\0\0\0", 9},             /* descending */
        {"\1\4\0\0\0", 5},                     /* beyond the end */
        {"\1\xff\xff\xff\xff", 5},
        {"\1\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0", 17}, /* all, but not written as all */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT(!bp_signature_check((const uint8_t *)bad[i].bytes, bad[i].length, 4));
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"order and repetition do not matter", test_order},
        {"all ranks, however named", test_all},
        {"kinds differ", test_kind},
        {"participants that cannot be", test_refused},
        {"malformed bytes", test_malformed},
        {NULL, NULL},
    };
    return bp_tap_run("signature", tests);
}
