/* SPDX-License-Identifier: BSD-3-Clause */
/* mem.c - allocation that ends the program when memory is out. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"

static _Noreturn void out_of_memory(void)
{
    static const char text[] = "bpmix: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    _exit(1);
}

void *bp_calloc(size_t count, size_t size)
{
    void *p = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
    if (p == NULL)
        out_of_memory();
    return p;
}

void *bp_realloc(void *p, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        out_of_memory();
    p = realloc(p, total > 0 ? total : 1);
    if (p == NULL)
        out_of_memory();
    return p;
}

void *bp_memdup(const void *bytes, size_t length)
{
    void *copy = bp_calloc(1, length);
    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

char *bp_strdup(const char *s)
{
    char *copy = strdup(s);
    if (copy == NULL)
        out_of_memory();
    return copy;
}

char *bp_format(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0)
        out_of_memory();
    return text;
}
