/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_version.c - libbproc: about the library itself. */
#include <stdio.h>
#include <string.h>

#include "lib/public.h"

const char *bproc_strerror(int error)
{
    switch (error) {
    case BE_INVALIDNODE:
        return "Invalid node";
    case BE_NODEDOWN:
        return "Node is down";
    case BE_SAMENODE:
        return "The process is on that node already";
    case BE_SLAVEDIED:
        return "The node was lost";
    case BE_INVALIDPROC:
        return "Invalid process";
    default:
        return strerror(error);
    }
}

int bproc_version(struct bproc_version_t *version)
{
    *version = (struct bproc_version_t){.bproc_magic = {'B', 'P', 'r'},
                                        .arch = BPROC_ARCH_X86_64,
                                        .magic = BPROC_API_VERSION};
    snprintf(version->version_string, sizeof version->version_string, "bpmix %.16s", BP_VERSION);
    return 0;
}
