/* SPDX-License-Identifier: BSD-3-Clause */
/* error.c - the one error shape: a negative errno, and a sentence where a person will read it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"

int bp_error_set(struct bp_error *err, int code, const char *format, ...)
{
    if (code == 0)
        code = -EINVAL;
    if (err == NULL)
        return code;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    err->code = code;
    return code;
}

int bp_error_prefix(struct bp_error *err, const char *format, ...)
{
    if (err == NULL)
        return -EINVAL;
    char old[sizeof err->text];
    memcpy(old, err->text, sizeof old);
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof err->text)
        snprintf(err->text + used, sizeof err->text - (size_t)used, ": %s", old);
    return err->code;
}
