/* SPDX-License-Identifier: BSD-3-Clause */
/* symbol.h - the address of a variable of a stopped process, as its dynamic linker resolved it. */
#ifndef BP_IMAGE_SYMBOL_H
#define BP_IMAGE_SYMBOL_H

#include <stddef.h>
#include <stdint.h>

/* Read exactly size bytes at an address; memory is /proc/PID/mem of the process. 0 or -errno. */
int bp_symbol_peek(int memory, uint64_t address, void *buffer, size_t size);

/* The first definition of name in the order of the loaded objects. phdr and phnum are the
 * program's, as in its auxiliary vector. -ENOENT: none, or no list of objects. The process is not
 * trusted. */
int bp_symbol_find(int memory, uint64_t phdr, uint64_t phnum, const char *name,
                   uint64_t *ret_address);

#endif
