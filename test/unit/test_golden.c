/* SPDX-License-Identifier: BSD-3-Clause */
/* test_golden.c - maps on made-up computers, as they are written down in golden/made-up.txt. */
#include <stdlib.h>

#include "common/mem.h"
#include "place_golden.h"
#include "tap.h"

static void made_up(void)
{
    CU_ASSERT_EQUAL(place_golden_check("made-up.txt", "."), 0);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"maps on made-up computers are as written down", made_up}, {NULL, NULL}};
    return bp_tap_run("golden", tests);
}
