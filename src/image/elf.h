/* SPDX-License-Identifier: BSD-3-Clause */
/* elf.h - what images need of ELF: a file's build id, a vdso's functions. Pure, no libc. */
#ifndef BP_IMAGE_ELF_H
#define BP_IMAGE_ELF_H

#include <stddef.h>
#include <stdint.h>

/* Reads at a place as pread() does; *arg is the reader's. */
typedef long bp_elf_read(void *arg, void *buffer, size_t size, uint64_t offset);

/* The GNU build id of an ELF file: its bytes in id (zeros after them); 0 = it has none, or one
 * longer than max, or is no ELF file of 64 bits. */
uint32_t bp_elf_build_id(bp_elf_read *read, void *arg, uint8_t *id, uint32_t max);

/* One dynamic symbol of a vdso: its name within the vdso, and its offset; index counts from 0.
 * NULL = there is none of that index; *ret_offset is 0 for one that is no function. */
const char *bp_elf_symbol(const uint8_t *vdso, size_t size, uint32_t index, uint64_t *ret_offset);

/* Offset of the function of that name, or 0. */
uint64_t bp_elf_function(const uint8_t *vdso, size_t size, const char *name);

#endif
