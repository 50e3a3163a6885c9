/* SPDX-License-Identifier: BSD-3-Clause */
/* homes.h - children that a process on a node has at home, on the master. */
#ifndef BP_LIB_HOMES_H
#define BP_LIB_HOMES_H

#include <signal.h>

#include "image/image.h"

struct bp_homes {
    int count;
    struct bp_image_options options; /* of the image */
    /* In each child, on the caller's node, all signals blocked: goes home. -errno, or never
     * returns, or 0: it has come. blocked: what the caller had. */
    int (*go)(void *arg, const sigset_t *blocked);
    void *arg;
};

/* Children of the caller's, made beside it, that go home before the call returns: ret_codes[i] is
 * a PID or a negative errno, and then nothing is left of it. Returns 0; or in child i, at home,
 * i + 1; or -errno: there are none. */
int bp_homes_make(const struct bp_homes *homes, int *ret_codes);

#endif
