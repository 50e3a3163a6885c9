/* SPDX-License-Identifier: BSD-3-Clause */
/* test_restore_block.c - the block of the restorer's exec becomes the block of the program. */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image/restore_block.h"
#include "tap.h"

#define WORDS 256
#define ARGS  4 /* two are the program's */
#define ENVS  2

/* As the kernel lays it out: words from the middle on, strings above them. */
static struct {
    uint64_t words[WORDS];
    char strings[256];
    char random[16];
} stack;

static uint64_t *block_put(uint64_t argc)
{
    static const char strings[] = "bprestore\0"
                                  "3,4,0,0\0"
                                  "name\0"
                                  "-x\0"
                                  "A=1\0"
                                  "RANK=2";
    uint64_t *sp = stack.words + 64, *word = sp;
    const char *string = memcpy(stack.strings, strings, sizeof strings);
    *word++ = argc;
    for (uint64_t i = 0; i < argc + ENVS; i++) {
        if (i == argc)
            *word++ = 0;
        *word++ = (uint64_t)(uintptr_t)string;
        string += strlen(string) + 1;
    }
    *word++ = 0;
    const uint64_t auxv[] = {AT_PHDR,         1,
                             AT_SYSINFO_EHDR, 2,
                             AT_RANDOM,       (uint64_t)(uintptr_t)stack.random,
                             AT_BASE,         3,
                             AT_EXECFN,       (uint64_t)(uintptr_t)stack.strings,
                             AT_UID,          4,
                             AT_NULL,         0};
    memcpy(word, auxv, sizeof auxv);
    return sp;
}

static const char strings_of_image[] = "\0/usr/bin/a-program-with-a-name-longer-than-what-was-free";
static const uint64_t auxv_of_image[] = {AT_PHDR, 0x400040, AT_BASE, 0x7f0000, AT_NULL, 0};

static struct bp_image_view view_of(struct bp_image_head *head)
{
    head->execfn = 1;
    head->auxv_words = 6;
    return (struct bp_image_view){.head = head, .auxv = auxv_of_image, .strings = strings_of_image};
}

static uint64_t auxv_of(const struct bp_block *block, uint64_t type)
{
    const uint64_t *entry = block->sp + 1 + block->argc + 1 + block->envc + 1;
    for (; entry[0] != AT_NULL; entry += 2)
        if (entry[0] == type)
            return entry[1];
    return 0;
}

static const char *text(uint64_t address)
{
    return (const char *)(uintptr_t)address;
}

static void builds(void)
{
    struct bp_image_head head = {0};
    struct bp_image_view view = view_of(&head);
    struct bp_block block;
    CU_ASSERT_EQUAL(bp_block_find(block_put(ARGS), &block), 0);
    bp_block_build(&block, &view, 0x5000);
    CU_ASSERT_EQUAL((uintptr_t)block.sp % 16, 0);
    CU_ASSERT_EQUAL(block.sp[0], 2);
    CU_ASSERT_STRING_EQUAL(text(block.sp[1]), "name");
    CU_ASSERT_STRING_EQUAL(text(block.sp[2]), "-x");
    CU_ASSERT_EQUAL(block.sp[3], 0);
    CU_ASSERT_STRING_EQUAL(text(block.sp[4]), "A=1");
    CU_ASSERT_STRING_EQUAL(text(block.sp[5]), "RANK=2");
    CU_ASSERT_EQUAL(block.sp[6], 0);
    CU_ASSERT_EQUAL(auxv_of(&block, AT_PHDR), 0x400040);
    CU_ASSERT_EQUAL(auxv_of(&block, AT_BASE), 0x7f0000);
    CU_ASSERT_EQUAL(auxv_of(&block, AT_SYSINFO_EHDR), 0x5000);
    CU_ASSERT_EQUAL(auxv_of(&block, AT_UID), 4);
    bp_block_set(&block, AT_UID, 5);
    bp_block_set(&block, AT_GID, 6);
    CU_ASSERT_EQUAL(auxv_of(&block, AT_UID), 5);
    CU_ASSERT_EQUAL(auxv_of(&block, AT_GID), 0);
    CU_ASSERT_STRING_EQUAL(text(auxv_of(&block, AT_EXECFN)), strings_of_image + 1);
    CU_ASSERT_STRING_EQUAL(text(block.arg_start), "name");
    CU_ASSERT_EQUAL(block.arg_end - block.arg_start, sizeof "name" + sizeof "-x");
    CU_ASSERT_EQUAL(block.env_start, block.arg_end);
    CU_ASSERT_EQUAL(block.env_end - block.env_start, sizeof "A=1" + sizeof "RANK=2");
}

static void without(void)
{
    struct bp_image_head head = {0};
    struct bp_image_view view = view_of(&head);
    struct bp_block block;
    head.execfn = 0;
    head.auxv_words = 0;
    CU_ASSERT_EQUAL(bp_block_find(block_put(1), &block), -EINVAL);
    CU_ASSERT_EQUAL(bp_block_find(block_put(2), &block), 0);
    bp_block_build(&block, &view, 0);
    CU_ASSERT_EQUAL(block.sp[0], 0);
    CU_ASSERT_EQUAL(block.sp[1], 0);
    CU_ASSERT_EQUAL(block.arg_start, block.arg_end);
    CU_ASSERT_EQUAL(auxv_of(&block, AT_BASE), 0);
    CU_ASSERT_EQUAL(auxv_of(&block, AT_SYSINFO_EHDR), 0);
    CU_ASSERT_STRING_EQUAL(text(auxv_of(&block, AT_EXECFN)), "");
}

/* A copy of the memory, as if it had been moved, points into itself. */
static void moves(void)
{
    static __typeof__(stack) copy;
    struct bp_image_head head = {0};
    struct bp_image_view view = view_of(&head);
    struct bp_block block;
    uint64_t delta = (uint64_t)(uintptr_t)&copy - (uint64_t)(uintptr_t)&stack;
    CU_ASSERT_EQUAL(bp_block_find(block_put(ARGS), &block), 0);
    bp_block_build(&block, &view, 0x5000);
    memcpy(&copy, &stack, sizeof copy);
    memset(&stack, 'x', sizeof stack);
    bp_block_move(&block, delta);
    CU_ASSERT((char *)block.sp > (char *)&copy && (char *)block.sp < (char *)(&copy + 1));
    CU_ASSERT_STRING_EQUAL(text(block.sp[1]), "name");
    CU_ASSERT_STRING_EQUAL(text(block.sp[5]), "RANK=2");
    CU_ASSERT_STRING_EQUAL(text(auxv_of(&block, AT_EXECFN)), strings_of_image + 1);
    CU_ASSERT_EQUAL(auxv_of(&block, AT_RANDOM), (uint64_t)(uintptr_t)copy.random);
    CU_ASSERT_EQUAL(auxv_of(&block, AT_BASE), 0x7f0000);
    CU_ASSERT_STRING_EQUAL(text(block.arg_start), "name");
}

static void addresses(void)
{
    struct bp_block block;
    CU_ASSERT_EQUAL(bp_block_find(block_put(ARGS), &block), 0);
    uint64_t argc = (uint64_t)(uintptr_t)block.sp;
    CU_ASSERT_EQUAL(bp_block_address(&block, BP_PATCH_STACK_END), argc);
    CU_ASSERT_EQUAL(bp_block_address(&block, BP_PATCH_ARGV), argc + 8);
    CU_ASSERT_EQUAL(bp_block_address(&block, BP_PATCH_ENVP), argc + 8 * (1 + ARGS + 1));
    CU_ASSERT_EQUAL(bp_block_address(&block, BP_PATCH_AUXV), argc + 8 * (1 + ARGS + 1 + ENVS + 1));
    CU_ASSERT_EQUAL(bp_block_address(&block, BP_PATCH_EXECFN), 0);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"a program's own arguments, auxiliary vector and name", builds},
        {"a program without arguments", without},
        {"a block that was moved", moves},
        {"addresses that words of the program hold", addresses},
        {NULL, NULL},
    };
    return bp_tap_run("restore_block", tests);
}
