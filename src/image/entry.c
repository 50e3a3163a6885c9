/* SPDX-License-Identifier: BSD-3-Clause */
/* entry.c - see entry.h. */
#include "image/entry.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "common/mem.h"
#include "image/symbol.h"

#define MXCSR_FIRST 0x1f80u
#define CHUNK       (256u << 10)
#define STD_FILES   3

static int fail(int code, const char *path, const char *what, struct bp_error *err)
{
    return bp_error_set(err, code, "%s: %s", path, what);
}

/* The addresses of the old block, from argc at its start to the end of the stack. */
struct block {
    uint64_t argc, argv, envp, auxv, end;
};

static const struct bp_image_area *area_of(const struct bp_tables *tables, uint64_t address)
{
    for (uint32_t i = 0; i < tables->head.areas; i++)
        if (tables->areas[i].start <= address && address < tables->areas[i].end)
            return &tables->areas[i];
    return NULL;
}

/* Whether a vector has the strings from start to end, one after the other, as exec left it. `stack`
 * is the memory from argc on. */
static bool is_untouched(const uint64_t *vector, const char *stack, uint64_t argc, uint64_t start,
                         uint64_t end)
{
    for (; *vector != 0; vector++) {
        if (*vector != start || start < argc || start >= end)
            return false;
        start += strnlen(stack + (start - argc), end - start) + 1;
    }
    return start == end;
}

/* The vectors lie between the stack pointer and the top of the stack. -ENOTSUP: the environment is
 * not the one of the exec any more. */
static int block_find(const struct bp_hold *hold, const struct bp_tables *tables,
                      struct block *ret_block)
{
    const struct bp_image_memory *memory = &tables->head.memory;
    uint64_t start = hold->regs.rsp;
    const struct bp_image_area *area = area_of(tables, start);
    if (area == NULL || start % 8 != 0)
        return -EFAULT;
    size_t words = (area->end - start) / 8, i = 1;
    auto_free uint64_t *stack = bp_calloc(words, 8);
    int r = bp_symbol_peek(hold->memory, start, stack, words * 8);
    if (r < 0)
        return r;
    struct block block = {.argc = start, .argv = start + 8, .end = area->end};
    while (i < words && stack[i] != 0)
        i++;
    size_t envp = ++i;
    while (i < words && stack[i] != 0)
        i++;
    block.envp = start + envp * 8;
    block.auxv = start + ++i * 8;
    if (i >= words || memory->env_end > block.end || memory->env_start > memory->env_end)
        return -EFAULT;
    if (!is_untouched(stack + envp, (const char *)stack, start, memory->env_start, memory->env_end))
        return -ENOTSUP;
    *ret_block = block;
    return 0;
}

static int word_look(struct bp_tables *tables, const struct block *block, uint64_t place,
                     uint64_t word, struct bp_error *err)
{
    enum bp_image_patch_what what;
    if (word < block->argc || word >= block->end)
        return 0;
    if (word == block->argc)
        what = BP_PATCH_STACK_END;
    else if (word == block->argv)
        what = BP_PATCH_ARGV;
    else if (word == block->envp)
        what = BP_PATCH_ENVP;
    else if (word == block->auxv)
        what = BP_PATCH_AUXV;
    else
        return 0;
    return bp_tables_patch(tables, place, what, err);
}

static int run_look(const struct bp_hold *hold, struct bp_tables *tables, const struct block *block,
                    const struct bp_image_run *run, uint64_t *buffer, struct bp_error *err)
{
    uint64_t end = run->start + run->pages * BP_IMAGE_PAGE;
    for (uint64_t at = run->start; at < end; at += CHUNK) {
        size_t bytes = end - at < CHUNK ? end - at : CHUNK;
        int r = bp_symbol_peek(hold->memory, at, buffer, bytes);
        if (r < 0)
            return bp_error_set(err, r, "its memory cannot be read: %s", strerror(-r));
        for (size_t i = 0; r == 0 && i < bytes / 8; i++)
            r = word_look(tables, block, at + i * 8, buffer[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Look at every page of data. What points to the block from the old stack was left behind by
 * functions that have returned, or is the block itself. */
static int patches_find(const struct bp_hold *hold, struct bp_tables *tables,
                        const struct block *block, struct bp_error *err)
{
    auto_free uint64_t *buffer = bp_calloc(1, CHUNK);
    const struct bp_image_run *run = tables->runs;
    for (uint32_t i = 0; i < tables->head.areas; i++) {
        const struct bp_image_area *area = &tables->areas[i];
        bool skip = area->end == block->end || (area->prot & PROT_EXEC) != 0;
        for (uint32_t k = 0; k < area->runs; k++, run++) {
            int r = skip ? 0 : run_look(hold, tables, block, run, buffer, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static uint64_t auxv_value(const struct bp_tables *tables, uint64_t type)
{
    for (uint32_t i = 0; i < tables->head.auxv_words; i += 2)
        if (tables->auxv[i] == type)
            return tables->auxv[i + 1];
    return 0;
}

/* The environment of a rank takes the place of the one that the program was executed with; that
 * is right only while nobody has made another one. */
static int environ_check(const struct bp_hold *hold, const char *path,
                         const struct bp_tables *tables, const struct block *block,
                         struct bp_error *err)
{
    uint64_t place = 0, value = 0;
    int r = bp_symbol_find(hold->memory, auxv_value(tables, AT_PHDR), auxv_value(tables, AT_PHNUM),
                           "environ", &place);
    if (r == 0)
        r = bp_symbol_peek(hold->memory, place, &value, sizeof value);
    if (r < 0)
        return fail(-ENOTSUP, path, "it is not known where it keeps its environment", err);
    if (value != block->envp)
        return fail(-ENOTSUP, path, "an initialiser changed its environment", err);
    return 0;
}

/* The standard files are the node's; any other one would be missing there. */
static int files_check(const struct bp_hold *hold, const char *path, struct bp_error *err)
{
    char name[32];
    int open = 0;
    snprintf(name, sizeof name, "/proc/%d/fd", hold->pid);
    DIR *folder = opendir(name);
    if (folder == NULL)
        return bp_error_set(err, -errno, "%s: %s", name, strerror(errno));
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        open += entry->d_name[0] != '.';
    closedir(folder);
    return open <= STD_FILES ? 0 : fail(-ENOTSUP, path, "an initialiser left a file open", err);
}

int bp_entry_finish(const struct bp_hold *hold, const char *path, struct bp_tables *tables,
                    struct bp_error *err)
{
    struct block block;
    int r = block_find(hold, tables, &block);
    if (r == -ENOTSUP)
        return fail(r, path, "an initialiser changed its environment", err);
    if (r < 0)
        return fail(r, path, "its arguments are not where they should be", err);
    if (hold->mxcsr != MXCSR_FIRST)
        return fail(-ENOTSUP, path, "an initialiser changed the floating-point modes", err);
    r = files_check(hold, path, err);
    if (r == 0)
        r = environ_check(hold, path, tables, &block, err);
    return r == 0 ? patches_find(hold, tables, &block, err) : r;
}
