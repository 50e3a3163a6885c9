/* SPDX-License-Identifier: BSD-3-Clause */
/* imagestart_beside.c - with LIBRARY a library of one function, else a program that calls it; found
 * by $ORIGIN, which the dynamic linker takes from /proc/self/exe. */
#include <stdio.h>

const char *beside(void);

#ifdef LIBRARY
const char *beside(void)
{
    return "beside";
}
#else
int main(void)
{
    return puts(beside()) < 0;
}
#endif
