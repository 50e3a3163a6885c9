/* SPDX-License-Identifier: BSD-3-Clause */
/* personality.c - the personality, and how transparent huge pages are switched. */
#include <sys/personality.h>
#include <sys/prctl.h>

#include "move_test.h"

static void spoil(void)
{
    prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
}

int main(void)
{
    int before = personality(0xffffffff);
    CHECK(before != -1, "%m");
    MUST(personality((unsigned long)before | UNAME26 | WHOLE_SECONDS));
    MUST(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    hop(spoil);
    int after = personality(0xffffffff);
    CHECK(after == (before | UNAME26 | WHOLE_SECONDS), "personality %x, was %x", (unsigned)after,
          (unsigned)(before | UNAME26 | WHOLE_SECONDS));
    CHECK(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1, "huge pages are on again");
    return 0;
}
