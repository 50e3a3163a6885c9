/* SPDX-License-Identifier: BSD-3-Clause */
/* symbol.c - walks the list of loaded objects that a dynamic linker keeps for debuggers, and looks
 * the name up in each one's GNU hash table. */
#include "image/symbol.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#define HEADERS_MAX 64
#define ENTRIES_MAX 256 /* of a dynamic section */
#define OBJECTS_MAX 4096
#define CHAIN_MAX   4096

/* What a dynamic section names; addresses. */
struct dynamic {
    uint64_t debug, hash, symbols, strings;
};

int bp_symbol_peek(int memory, uint64_t address, void *buffer, size_t size)
{
    ssize_t got = pread(memory, buffer, size, (off_t)address);
    if (got < 0)
        return -errno;
    return got == (ssize_t)size ? 0 : -EFAULT;
}

/* glibc has put the address into the section, others leave the distance to the object's start. */
static uint64_t address_of(uint64_t value, uint64_t base)
{
    return value < base ? base + value : value;
}

static int dynamic_read(int memory, uint64_t place, uint64_t base, struct dynamic *ret_dynamic)
{
    struct dynamic dynamic = {0};
    for (int i = 0; i < ENTRIES_MAX; i++) {
        Elf64_Dyn entry;
        int r = bp_symbol_peek(memory, place + (uint64_t)i * sizeof entry, &entry, sizeof entry);
        if (r < 0)
            return r;
        switch (entry.d_tag) {
        case DT_DEBUG:
            dynamic.debug = entry.d_un.d_ptr;
            break;
        case DT_GNU_HASH:
            dynamic.hash = address_of(entry.d_un.d_ptr, base);
            break;
        case DT_SYMTAB:
            dynamic.symbols = address_of(entry.d_un.d_ptr, base);
            break;
        case DT_STRTAB:
            dynamic.strings = address_of(entry.d_un.d_ptr, base);
            break;
        case DT_NULL:
            *ret_dynamic = dynamic;
            return 0;
        }
    }
    return -ENOENT;
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (const unsigned char *c = (const unsigned char *)name; *c != '\0'; c++)
        hash = hash * 33 + *c;
    return hash;
}

/* Whether symbol number index defines name; *ret_value is where. */
static int symbol_read(int memory, const struct dynamic *dynamic, uint32_t index, const char *name,
                       uint64_t *ret_value)
{
    Elf64_Sym symbol;
    char text[64];
    size_t bytes = strlen(name) + 1;
    int r = bp_symbol_peek(memory, dynamic->symbols + (uint64_t)index * sizeof symbol, &symbol,
                           sizeof symbol);
    if (r < 0 || symbol.st_shndx == SHN_UNDEF)
        return r < 0 ? r : -ENOENT;
    r = bp_symbol_peek(memory, dynamic->strings + symbol.st_name, text, bytes);
    if (r < 0 || memcmp(text, name, bytes) != 0)
        return r < 0 ? r : -ENOENT;
    *ret_value = symbol.st_value;
    return 0;
}

static int object_find(int memory, const struct dynamic *dynamic, const char *name,
                       uint64_t *ret_value)
{
    struct {
        uint32_t buckets, first, words, shift;
    } head;
    uint32_t index, hash = hash_of(name);
    int r = bp_symbol_peek(memory, dynamic->hash, &head, sizeof head);
    if (r < 0 || head.buckets == 0)
        return r < 0 ? r : -ENOENT;
    uint64_t buckets = dynamic->hash + sizeof head + (uint64_t)head.words * 8;
    r = bp_symbol_peek(memory, buckets + (uint64_t)(hash % head.buckets) * 4, &index, sizeof index);
    if (r < 0 || index < head.first)
        return r < 0 ? r : -ENOENT;
    uint64_t chain = buckets + (uint64_t)head.buckets * 4;
    for (int i = 0; i < CHAIN_MAX; i++, index++) {
        uint32_t entry;
        r = bp_symbol_peek(memory, chain + (uint64_t)(index - head.first) * 4, &entry,
                           sizeof entry);
        if (r < 0)
            return r;
        if ((entry | 1) == (hash | 1) && symbol_read(memory, dynamic, index, name, ret_value) == 0)
            return 0;
        if (entry & 1) /* the last of its bucket */
            break;
    }
    return -ENOENT;
}

/* The program's own dynamic section; its headers tell how far it was moved. */
static int program_dynamic(int memory, uint64_t phdr, uint64_t phnum, struct dynamic *ret_dynamic)
{
    Elf64_Phdr headers[HEADERS_MAX];
    uint64_t base = 0, place = 0;
    if (phnum > HEADERS_MAX)
        return -ENOENT;
    int r = bp_symbol_peek(memory, phdr, headers, phnum * sizeof *headers);
    if (r < 0)
        return r;
    for (uint64_t i = 0; i < phnum; i++)
        if (headers[i].p_type == PT_PHDR)
            base = phdr - headers[i].p_vaddr;
    for (uint64_t i = 0; i < phnum; i++)
        if (headers[i].p_type == PT_DYNAMIC)
            place = base + headers[i].p_vaddr;
    return place != 0 ? dynamic_read(memory, place, base, ret_dynamic) : -ENOENT;
}

int bp_symbol_find(int memory, uint64_t phdr, uint64_t phnum, const char *name,
                   uint64_t *ret_address)
{
    struct dynamic dynamic = {0};
    struct r_debug list;
    int r = program_dynamic(memory, phdr, phnum, &dynamic);
    if (r == 0)
        r = dynamic.debug != 0 ? bp_symbol_peek(memory, dynamic.debug, &list, sizeof list)
                               : -ENOENT;
    if (r < 0)
        return r;
    uint64_t place = (uintptr_t)list.r_map;
    for (int i = 0; place != 0 && i < OBJECTS_MAX; i++) {
        struct link_map object;
        uint64_t value;
        r = bp_symbol_peek(memory, place, &object, sizeof object);
        if (r < 0)
            return r;
        r = dynamic_read(memory, (uintptr_t)object.l_ld, object.l_addr, &dynamic);
        if (r == 0 && dynamic.hash != 0 && object_find(memory, &dynamic, name, &value) == 0) {
            *ret_address = object.l_addr + value;
            return 0;
        }
        place = (uintptr_t)object.l_next;
    }
    return -ENOENT;
}
