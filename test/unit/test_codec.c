/* SPDX-License-Identifier: BSD-3-Clause */
/* test_codec.c - values there and back, and bytes that are no values. */
#include <string.h>

#include <pmix.h>

#include "common/mem.h"
#include "pmix/codec.h"
#include "tap.h"

/* value goes through the codec; 1 = the bytes of the union came back. */
static int round_trip(const pmix_value_t *value, pmix_value_t *ret_back)
{
    uint8_t *bytes;
    size_t length;
    if (bp_value_encode(value, &bytes, &length) != PMIX_SUCCESS)
        return 0;
    pmix_status_t status = bp_value_decode(bytes, length, ret_back);
    free(bytes);
    return status == PMIX_SUCCESS && ret_back->type == value->type;
}

static void test_scalars(void)
{
    static const pmix_data_type_t types[] = {
        PMIX_BOOL,   PMIX_BYTE,   PMIX_INT8,  PMIX_UINT8, PMIX_INT16,  PMIX_UINT16,
        PMIX_INT,    PMIX_UINT,   PMIX_INT32, PMIX_INT64, PMIX_UINT64, PMIX_SIZE,
        PMIX_FLOAT,  PMIX_DOUBLE, PMIX_PID,   PMIX_TIME,  PMIX_STATUS, PMIX_PROC_RANK,
        PMIX_TIMEVAL};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        pmix_value_t value = {.type = types[i]}, back = {0};
        value.data.flag = true; /* the first byte */
        CU_ASSERT(round_trip(&value, &back));
        CU_ASSERT(memcmp(&value.data, &back.data, sizeof value.data) == 0);
    }
}

static void test_string(void)
{
    char text[] = "a port; with, anything\n\xff", empty[] = "";
    pmix_value_t value = {.type = PMIX_STRING}, back;
    value.data.string = text;
    CU_ASSERT(round_trip(&value, &back) && strcmp(back.data.string, text) == 0);
    free(back.data.string);
    value.data.string = empty;
    CU_ASSERT(round_trip(&value, &back) && strcmp(back.data.string, "") == 0);
    free(back.data.string);
    value.data.string = NULL;
    CU_ASSERT(round_trip(&value, &back) && strcmp(back.data.string, "") == 0);
    free(back.data.string);
}

static void test_bytes_and_proc(void)
{
    char bytes[] = {0, 1, 2, 0};
    pmix_value_t value = {.type = PMIX_BYTE_OBJECT}, back;
    value.data.bo = (pmix_byte_object_t){bytes, sizeof bytes};
    CU_ASSERT(round_trip(&value, &back));
    CU_ASSERT(back.data.bo.size == sizeof bytes &&
              memcmp(back.data.bo.bytes, bytes, sizeof bytes) == 0);
    free(back.data.bo.bytes);

    pmix_proc_t proc = {.nspace = "bp.test", .rank = 77};
    value = (pmix_value_t){.type = PMIX_PROC};
    value.data.proc = &proc;
    CU_ASSERT(round_trip(&value, &back));
    CU_ASSERT(strcmp(back.data.proc->nspace, "bp.test") == 0 && back.data.proc->rank == 77);
    free(back.data.proc);
}

static void test_not_supported(void)
{
    pmix_value_t value = {.type = PMIX_DATA_ARRAY};
    uint8_t *bytes;
    size_t length;
    CU_ASSERT_EQUAL(bp_value_encode(&value, &bytes, &length), PMIX_ERR_NOT_SUPPORTED);
    value.type = PMIX_POINTER; /* must never travel */
    CU_ASSERT_EQUAL(bp_value_encode(&value, &bytes, &length), PMIX_ERR_NOT_SUPPORTED);
}

/* Every type with every length up to 40: decoded or refused, never anything else (the suite also
 * runs under the sanitizers). */
static void test_malformed(void)
{
    uint8_t bytes[42];
    unsigned decoded = 0, refused = 0;
    for (unsigned type = 0; type < 600; type++) {
        for (size_t length = 0; length <= sizeof bytes; length++) {
            pmix_value_t value = {0};
            memset(bytes, 0xff, sizeof bytes);
            bytes[0] = (uint8_t)(type & 0xff);
            bytes[1] = (uint8_t)(type >> 8);
            uint8_t *exact = bp_calloc(1, length);
            memcpy(exact, bytes, length);
            if (bp_value_decode(exact, length, &value) == PMIX_SUCCESS) {
                decoded++;
                PMIX_VALUE_DESTRUCT(&value);
            } else {
                refused++;
            }
            free(exact);
        }
    }
    CU_ASSERT(decoded > 0 && refused > 600 * 35);
}

static void test_text_with_nul(void)
{
    pmix_value_t value;
    static const uint8_t bytes[] = {PMIX_STRING, 0, 'a', 0, 'b'};
    CU_ASSERT_EQUAL(bp_value_decode(bytes, sizeof bytes, &value), PMIX_ERR_UNPACK_FAILURE);
    static const uint8_t flag[] = {PMIX_BOOL, 0, 2};
    CU_ASSERT_EQUAL(bp_value_decode(flag, sizeof flag, &value), PMIX_ERR_UNPACK_FAILURE);
}

static void test_numbers(void)
{
    pmix_value_t value = {.type = PMIX_INT};
    value.data.integer = 600;
    CU_ASSERT_EQUAL(bp_value_number(&value), 600);
    value.data.integer = -1;
    CU_ASSERT_EQUAL(bp_value_number(&value), 0);
    value.type = PMIX_UINT64;
    value.data.uint64 = UINT64_MAX;
    CU_ASSERT_EQUAL(bp_value_number(&value), UINT32_MAX);
    value = (pmix_value_t){.type = PMIX_UINT8};
    value.data.uint8 = 4;
    CU_ASSERT_EQUAL(bp_value_number(&value), 4);
    value = (pmix_value_t){.type = PMIX_BOOL};
    CU_ASSERT(!bp_value_is_true(&value));
    value = (pmix_value_t){.type = PMIX_INT}; /* PMIX_WAIT = 0: all of them */
    CU_ASSERT(bp_value_is_true(&value));
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"scalars", test_scalars},
        {"strings", test_string},
        {"byte objects and processes", test_bytes_and_proc},
        {"types that do not travel", test_not_supported},
        {"malformed bytes", test_malformed},
        {"text with a NUL, a boolean of 2", test_text_with_nul},
        {"directives as numbers and booleans", test_numbers},
        {NULL, NULL},
    };
    return bp_tap_run("codec", tests);
}
