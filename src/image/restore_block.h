/* SPDX-License-Identifier: BSD-3-Clause */
/* restore_block.h - the block that the kernel put on the restorer's stack: argc, argv, envp,
 * auxiliary vector and their strings. It becomes the block of a program that has not run yet (LD,
 * ENTRY), in place: so the environment is that of the restorer's exec, and random bytes, stack
 * address and features of the CPU are fresh. No libc. */
#ifndef BP_IMAGE_RESTORE_BLOCK_H
#define BP_IMAGE_RESTORE_BLOCK_H

#include <stdint.h>

#include "image/decode.h"

/* The restorer's own arguments, which the program does not see. */
#define BP_BLOCK_OWN_ARGS 2

struct bp_block {
    uint64_t *sp; /* argc; argv, 0; envp, 0; pairs of auxv, AT_NULL; from here on upwards */
    uint64_t argc, envc, auxv_words;
    uint64_t arg_start, arg_end, env_start, env_end; /* the strings, as PR_SET_MM_MAP wants them */
};

/* The block at a first stack pointer. argc is at least BP_BLOCK_OWN_ARGS: else -EINVAL. */
int bp_block_find(uint64_t *sp, struct bp_block *ret_block);

/* Rewrite it for the program: argv without the restorer's own, the program's values in the
 * auxiliary vector, vdso (0: none) as AT_SYSINFO_EHDR. *block then is the new one, which begins
 * lower: nobody may be using the stack. */
void bp_block_build(struct bp_block *block, const struct bp_image_view *view, uint64_t vdso);

/* Another value for an entry of the auxiliary vector, if there is such an entry. */
void bp_block_set(struct bp_block *block, uint64_t type, uint64_t value);

/* The memory with the block and all it points at was moved up by delta bytes. */
void bp_block_move(struct bp_block *block, uint64_t delta);

/* The address that a word of this kind has to hold; 0: one that stays as it is. */
uint64_t bp_block_address(const struct bp_block *block, uint32_t what);

#endif
