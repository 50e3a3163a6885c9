/* SPDX-License-Identifier: BSD-3-Clause */
/* restore_block.c - see restore_block.h. */
#include "image/restore_block.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#define PLACE(block)     ((uint64_t)(uintptr_t)(block)->sp)
#define ARGV(block)      ((block)->sp + 1)
#define ENVP(block)      (ARGV(block) + (block)->argc + 1)
#define AUXV(block)      (ENVP(block) + (block)->envc + 1)
#define WORDS(block)     ((uint64_t)(AUXV(block) - (block)->sp) + (block)->auxv_words)
#define STACK_ALIGNED(a) ((a) & ~(uint64_t)15)

static uint64_t string_bytes(const char *text)
{
    uint64_t bytes = 1;
    while (*text++ != '\0')
        bytes++;
    return bytes;
}

/* The end of the last string of a vector; `start` for an empty one. */
static uint64_t strings_end(const uint64_t *vector, uint64_t count, uint64_t start)
{
    return count == 0
               ? start
               : vector[count - 1] + string_bytes((const char *)(uintptr_t)vector[count - 1]);
}

int bp_block_find(uint64_t *sp, struct bp_block *ret_block)
{
    struct bp_block block = {.sp = sp, .argc = sp[0]};
    if (block.argc < BP_BLOCK_OWN_ARGS)
        return -EINVAL;
    const uint64_t *argv = ARGV(&block), *envp = ENVP(&block);
    while (envp[block.envc] != 0)
        block.envc++;
    const uint64_t *auxv = AUXV(&block);
    while (auxv[block.auxv_words] != AT_NULL)
        block.auxv_words += 2;
    block.auxv_words += 2;
    block.arg_end = strings_end(argv, block.argc, 0);
    block.arg_start = block.argc > BP_BLOCK_OWN_ARGS ? argv[BP_BLOCK_OWN_ARGS] : block.arg_end;
    block.env_start = block.arg_end;
    block.env_end = strings_end(envp, block.envc, block.env_start);
    *ret_block = block;
    return 0;
}

/* The value of an entry of the image's vector; false when it has none. */
static bool image_value(const struct bp_image_view *view, uint64_t type, uint64_t *ret_value)
{
    for (uint32_t i = 0; i < view->head->auxv_words; i += 2) {
        if (view->auxv[i] == type) {
            *ret_value = view->auxv[i + 1];
            return true;
        }
    }
    return false;
}

/* What describes the program comes from the image, what describes this process and machine stays.
 */
static void auxv_build(uint64_t *auxv, const struct bp_image_view *view, uint64_t vdso,
                       uint64_t execfn)
{
    for (; auxv[0] != AT_NULL; auxv += 2) {
        switch (auxv[0]) {
        case AT_PHDR:
        case AT_PHENT:
        case AT_PHNUM:
        case AT_BASE:
        case AT_ENTRY:
            if (!image_value(view, auxv[0], &auxv[1]))
                auxv[1] = 0;
            break;
        case AT_EXECFN:
            auxv[1] = execfn;
            break;
        case AT_SYSINFO_EHDR:
            auxv[0] = vdso != 0 ? AT_SYSINFO_EHDR : AT_IGNORE;
            auxv[1] = vdso;
            break;
        }
    }
}

void bp_block_build(struct bp_block *block, const struct bp_image_view *view, uint64_t vdso)
{
    const char *name = view->strings + view->head->execfn;
    uint64_t name_bytes = string_bytes(name);
    uint64_t top = (uint64_t)(uintptr_t)(block->sp + WORDS(block));
    struct bp_block new = *block;
    new.argc -= BP_BLOCK_OWN_ARGS;
    char *execfn = (char *)(uintptr_t)(top - name_bytes);
    new.sp = (uint64_t *)(uintptr_t)STACK_ALIGNED(top - name_bytes - WORDS(&new) * 8);
    new.sp[0] = new.argc;
    const uint64_t *from = ARGV(block) + BP_BLOCK_OWN_ARGS;
    uint64_t *to = ARGV(&new);
    for (uint64_t left = WORDS(&new) - 1; left > 0; left--)
        *to++ = *from++; /* upwards: the new block begins below what is read */
    for (uint64_t i = 0; i < name_bytes; i++)
        execfn[i] = name[i];
    auxv_build(AUXV(&new), view, vdso, (uint64_t)(uintptr_t)execfn);
    *block = new;
}

void bp_block_set(struct bp_block *block, uint64_t type, uint64_t value)
{
    for (uint64_t *auxv = AUXV(block); auxv[0] != AT_NULL; auxv += 2)
        if (auxv[0] == type)
            auxv[1] = value;
}

void bp_block_move(struct bp_block *block, uint64_t delta)
{
    block->sp = (uint64_t *)(uintptr_t)(PLACE(block) + delta);
    block->arg_start += delta;
    block->arg_end += delta;
    block->env_start += delta;
    block->env_end += delta;
    for (uint64_t i = 0; i < block->argc; i++)
        ARGV(block)[i] += delta;
    for (uint64_t i = 0; i < block->envc; i++)
        ENVP(block)[i] += delta;
    for (uint64_t *auxv = AUXV(block); auxv[0] != AT_NULL; auxv += 2)
        if (auxv[0] == AT_RANDOM || auxv[0] == AT_EXECFN || auxv[0] == AT_PLATFORM ||
            auxv[0] == AT_BASE_PLATFORM)
            auxv[1] += delta;
}

uint64_t bp_block_address(const struct bp_block *block, uint32_t what)
{
    switch (what) {
    case BP_PATCH_ARGV:
        return (uint64_t)(uintptr_t)ARGV(block);
    case BP_PATCH_ENVP:
        return (uint64_t)(uintptr_t)ENVP(block);
    case BP_PATCH_AUXV:
        return (uint64_t)(uintptr_t)AUXV(block);
    case BP_PATCH_STACK_END:
        return PLACE(block);
    default:
        return 0;
    }
}
