/* SPDX-License-Identifier: BSD-3-Clause */
/* restore_args.c - the block of arguments, environment and auxiliary vector that exec made. */
#include <elf.h>
#include <errno.h>
#include <stddef.h>

#include "image/restore.h"

/* A number in the text and what ends it; moves past both. */
static int64_t number_read(const struct bp_restore *restore, const char **text, unsigned base)
{
    bool is_negative = **text == '-';
    const char *start;
    uint64_t value = 0;

    *text += is_negative;
    for (start = *text;; (*text)++) {
        unsigned c = (unsigned char)**text;
        unsigned digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
        if (digit >= base)
            break;
        value = value * base + digit;
    }
    if (*text == start || (**text != ',' && **text != 0))
        bp_restore_fail(restore, -EINVAL, "the restorer was called in a wrong way", NULL);
    *text += **text == ',';
    return is_negative ? -(int64_t)value : (int64_t)value;
}

void bp_restore_args_read(struct bp_restore *restore, uint64_t *block)
{
    struct bp_restore_args *args = &restore->args;
    const char *orders, *last;

    args->argc = block[0];
    args->argv = (char **)(block + 1);
    args->envp = args->argv + args->argc + 1;
    if (args->argc < 2)
        bp_restore_fail(restore, -EINVAL, "the restorer was called in a wrong way", NULL);
    last = args->argv[args->argc - 1];
    while (args->envp[args->envc] != NULL)
        last = args->envp[args->envc++];
    args->auxv = (uint64_t *)(args->envp + args->envc + 1);
    for (uint64_t *pair = args->auxv; pair[0] != AT_NULL; pair += 2)
        if (pair[0] == AT_EXECFN)
            last = (const char *)pair[1]; /* exec puts it on top */
    while (*last != 0)
        last++;
    args->start = (uint64_t)block;
    args->end = (uint64_t)(last + 1);
    orders = args->argv[1];
    restore->image_fd = (int)number_read(restore, &orders, 10);
    restore->report_fd = (int)number_read(restore, &orders, 10);
    restore->flags = (uint32_t)number_read(restore, &orders, 16);
    restore->result = number_read(restore, &orders, 10);
    restore->exe_fd = *orders != 0 ? (int)number_read(restore, &orders, 10) : -1;
    restore->gate_fd = *orders != 0 ? (int)number_read(restore, &orders, 10) : -1;
}

static void *moved(const struct bp_restore_args *args, const void *pointer, uint64_t by)
{
    uint64_t at = (uint64_t)pointer;

    return (void *)(at >= args->start && at < args->end ? at + by : at);
}

void bp_restore_args_copy(struct bp_restore *restore, uint64_t place)
{
    struct bp_restore_args *args = &restore->args;
    uint64_t start = place + args->start % BP_IMAGE_PAGE, by = start - args->start;
    struct bp_restore_args copy = *args;

    bp_bytes_copy((void *)start, (void *)args->start, args->end - args->start);
    copy.argv = moved(args, args->argv, by);
    copy.envp = moved(args, args->envp, by);
    copy.auxv = moved(args, args->auxv, by);
    copy.start = start;
    copy.end = args->end + by;
    for (uint64_t i = 0; i < copy.argc; i++)
        copy.argv[i] = moved(args, copy.argv[i], by);
    for (uint64_t i = 0; i < copy.envc; i++)
        copy.envp[i] = moved(args, copy.envp[i], by);
    for (uint64_t *pair = copy.auxv; pair[0] != AT_NULL; pair += 2)
        if (pair[0] == AT_EXECFN || pair[0] == AT_RANDOM || pair[0] == AT_PLATFORM)
            pair[1] = (uint64_t)moved(args, (void *)pair[1], by);
    *args = copy;
}
