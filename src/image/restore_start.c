/* SPDX-License-Identifier: BSD-3-Clause */
/* restore_start.c - a program that has not run begins (LD, ENTRY). It keeps the stack that the
 * kernel made for the restorer's exec; all else of the restorer goes. */
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "image/restore.h"

#define REACH_MAX (64ULL << 20) /* as far as this below it the stack may grow into nothing */
#define REACH_MIN (1ULL << 20)

void bp_restore_start_find(struct bp_restore *restore, uint64_t *block)
{
    if (bp_block_find(block, &restore->block) < 0)
        bp_restore_fail(restore, -EINVAL, "the restorer was called in a wrong way", NULL);
    restore->stack = restore->args.start & ~(uint64_t)(BP_IMAGE_PAGE - 1);
    restore->stack_bytes = bp_page_up(restore->args.end) - restore->stack;
}

/* How far down the stack is let grow: what the limit says, within reason. */
static uint64_t reach_of_stack(void)
{
    struct rlimit limit = {.rlim_cur = REACH_MAX};
    BP_SYS(SYS_prlimit64, 0, RLIMIT_STACK, 0, &limit, 0, 0);
    if (limit.rlim_cur > REACH_MAX)
        return REACH_MAX;
    return limit.rlim_cur < REACH_MIN ? REACH_MIN : bp_page_up(limit.rlim_cur);
}

/* The image's addresses are those of another exec, so its old stack may be in the way, and is for
 * sure where addresses are not random. */
void bp_restore_start_clear(struct bp_restore *restore)
{
    uint64_t reach = reach_of_stack(), bytes = restore->stack_bytes;
    uint64_t old = restore->stack, new;
    if (bp_restore_is_free(restore, old - reach, old + bytes))
        return;
    uint64_t hole = bp_restore_hole(restore, reach + bytes);
    new = hole + reach;
    long rc = BP_SYS(SYS_mremap, old, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, new, 0);
    if (!bp_is_error(rc))
        rc = BP_SYS(SYS_munmap, hole, reach, 0, 0, 0, 0);
    if (bp_is_error(rc))
        bp_restore_fail(restore, rc, "the stack cannot be moved", NULL);
    restore->stack = new;
    bp_block_move(&restore->block, new - old);
}

/* The area of an address; there is one, the decoder has seen to that. */
static const struct bp_image_area *area_of(const struct bp_image_view *view, uint64_t address)
{
    uint32_t low = 0, high = view->head->areas;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (view->areas[middle].start <= address)
            low = middle;
        else
            high = middle;
    }
    return &view->areas[low];
}

/* A word of the program gets the new address; its page may be one that is only read by now. */
static void patch(const struct bp_restore *restore, const struct bp_image_patch *patch)
{
    const struct bp_image_area *area = area_of(&restore->view, patch->address);
    uint64_t page = patch->address & ~(uint64_t)(BP_IMAGE_PAGE - 1);
    uint64_t value = bp_block_address(&restore->block, patch->what);
    bool is_closed = (area->prot & PROT_WRITE) == 0;
    if (value == 0)
        return;
    if (is_closed)
        bp_restore_protect(restore, page, BP_IMAGE_PAGE, PROT_READ | PROT_WRITE);
    *(uint64_t *)patch->address = value;
    if (is_closed)
        bp_restore_protect(restore, page, BP_IMAGE_PAGE, area->prot);
}

void bp_restore_start(struct bp_restore *restore)
{
    const struct bp_image_view *view = &restore->view;
    struct bp_block *block = &restore->block;
    uint64_t vdso = 0;
    if (restore->vdso < restore->piece_count)
        vdso = restore->pieces[restore->vdso].parked;
    bp_block_build(block, view, vdso);
    if (restore->interp_base != 0)
        bp_block_set(block, AT_BASE, restore->interp_base);
    for (uint32_t i = 0; i < view->head->patches; i++)
        patch(restore, &view->patches[i]);
    restore->registers = view->head->thread.registers;
    restore->registers.rsp = (uint64_t)block->sp;
    if (restore->interp_base != 0)
        restore->registers.rip = restore->interp_entry;
    restore->start_mask = restore->signal_mask;
    restore->memory = view->head->memory;
    restore->memory.start_stack = (uint64_t)block->sp;
    restore->memory.arg_start = block->arg_start;
    restore->memory.arg_end = block->arg_end;
    restore->memory.env_start = block->env_start;
    restore->memory.env_end = block->env_end;
    restore->auxv = bp_block_address(block, BP_PATCH_AUXV);
    restore->auxv_bytes = block->auxv_words * 8;
}
