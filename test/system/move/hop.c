/* SPDX-License-Identifier: BSD-3-Clause */
/* hop.c - what MOVE_HOP says, at the place where a program calls hop(). */
#include <stdlib.h>
#include <string.h>

#include "move_test.h"

enum hop hop(void (*spoil)(void))
{
    const char *how = getenv("MOVE_HOP");
    CHECK(how != NULL, "MOVE_HOP is not set");
    if (strcmp(how, "stay") == 0)
        return HOP_STAYED;
    if (strcmp(how, "spoil") == 0) {
        spoil();
        return HOP_STAYED;
    }
    CHECK(false, "MOVE_HOP=%s", how);
}

int hop_here(void *unused)
{
    (void)unused;
    hop(NULL);
    return 0;
}
