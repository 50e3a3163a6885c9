/* SPDX-License-Identifier: BSD-3-Clause */
/* plugin.c - a library that programs open with dlopen: thread-local data and a constructor. */
#include "plugin.h"

static __thread char local[3000];
static int constructed;

__attribute__((constructor)) static void construct(void)
{
    constructed++;
}

char *plugin_local(void)
{
    return local;
}

int plugin_constructed(void)
{
    return constructed;
}
