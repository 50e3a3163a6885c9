/* SPDX-License-Identifier: BSD-3-Clause */
/* test_slots.c - bptopo's lines: written, read back, and everything else refused. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "placement/placement.h"
#include "tap.h"

static void there_and_back(void)
{
    static const struct bp_slot slots[] = {{0, 0, 0, 0, 0, 1}, {8191, 7, 6, 5, 4, 3}};
    auto_free char *text = bp_slots_format(slots, 2);
    CU_ASSERT_STRING_EQUAL(text, "bpslots 1 2\nslot 0 0 0 0 0 1\nslot 8191 7 6 5 4 3\n");
    auto_free struct bp_slot *read = NULL;
    size_t count = 0;
    CU_ASSERT_EQUAL(bp_slots_parse(text, strlen(text), &read, &count, NULL), 0);
    CU_ASSERT_EQUAL(count, 2);
    CU_ASSERT(read != NULL && memcmp(read, slots, sizeof slots) == 0);
}

static void none(void)
{
    auto_free struct bp_slot *read = NULL;
    size_t count = 9;
    CU_ASSERT_EQUAL(bp_slots_parse("bpslots 1 0\n", 12, &read, &count, NULL), 0);
    CU_ASSERT_EQUAL(count, 0);
}

static void most(void)
{
    auto_free struct bp_slot *slots = bp_calloc(BP_SLOTS_MAX + 1, sizeof *slots);
    for (uint32_t i = 0; i <= BP_SLOTS_MAX; i++)
        slots[i] = (struct bp_slot){.pu = i, .core = BP_CPUS_MAX - 1};
    auto_free char *text = bp_slots_format(slots, BP_SLOTS_MAX);
    CU_ASSERT(strlen(text) <= BP_SLOTS_TEXT_MAX);
    auto_free struct bp_slot *read = NULL;
    size_t count = 0;
    CU_ASSERT_EQUAL(bp_slots_parse(text, strlen(text), &read, &count, NULL), 0);
    CU_ASSERT_EQUAL(count, BP_SLOTS_MAX);
    CU_ASSERT_EQUAL(bp_slots_check(slots, BP_SLOTS_MAX + 1, NULL), -EINVAL);
}

static void refuse(const char *text, size_t length)
{
    struct bp_slot *read = NULL;
    size_t count = 9;
    struct bp_error err = {0};
    int r = bp_slots_parse(text, length, &read, &count, &err);
    if (r != -EINVAL)
        printf("# not refused: %.*s\n", (int)length, text);
    CU_ASSERT_EQUAL(r, -EINVAL);
    CU_ASSERT(read == NULL && count == 9);
    CU_ASSERT(err.text[0] != '\0');
}

static void garbage(void)
{
    static const char *const texts[] = {
        "",
        "\n",
        "bpslots",
        "bpslots 1 ",
        "bpslots 1 1",
        "bpslots 1 \n",
        "bpslots 2 0\n",
        "bpslots 1 -1\n",
        "bpslots 1 99999\n",
        "bpslots 1 9999\n",
        "bpslots 1 0\n\n",
        "bpslots 1 0\nslot 0 0 0 0 0 0\n",
        "bpslots 1 1\n",
        "bpslots 1 1\nslot 0 0 0 0 0 0",
        "bpslots 1 1\nslot 0 0 0 0 0\n",
        "bpslots 1 1\nslot 0 0 0 0 0 0 0\n",
        "bpslots 1 1\nslot 0 0 0 0 0 -1\n",
        "bpslots 1 1\nslot  0 0 0 0 0 0\n",
        "bpslots 1 1\nslot 8192 0 0 0 0 0\n",
        "bpslots 1 1\nslot 0 8192 0 0 0 0\n",
        "bpslots 1 1\nslot 0 0 0 0 0 99999999999\n",
        "bpslots 1 1\nSLOT 0 0 0 0 0 0\n",
        "bpslots 1 2\nslot 3 0 0 0 0 0\nslot 3 1 0 0 0 0\n",
        "bpslots 1 1\r\nslot 0 0 0 0 0 0\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        refuse(texts[i], strlen(texts[i]));
    refuse("bpslots 1 1\nslot 0 0 0 0 0 0\n\0", 30);
}

/* Every beginning of a good text is refused, and nothing behind its end is read. */
static void cut(void)
{
    static const char text[] = "bpslots 1 2\nslot 0 1 2 3 4 5\nslot 10 11 12 13 14 15\n";
    for (size_t length = 0; length < sizeof text - 1; length++) {
        auto_free char *part = bp_calloc(length, 1);
        memcpy(part, text, length);
        refuse(part, length);
    }
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"written and read back", there_and_back},
        {"no slot at all", none},
        {"the most slots, and one more", most},
        {"garbage is refused", garbage},
        {"a cut text is refused", cut},
        {NULL, NULL},
    };
    return bp_tap_run("slots", tests);
}
