/* SPDX-License-Identifier: BSD-3-Clause */
/* elf.c - see elf.h; the forms are those of the System V ABI. */
#include <elf.h>
#include <stdbool.h>

#include "image/elf.h"

#define HEADERS_MAX 64
#define NOTES_MAX   2048
#define BEGIN_BYTES 1024
#define SYMBOLS_MAX 256

static bool is_elf(const Elf64_Ehdr *head)
{
    return head->e_ident[0] == 0x7f && head->e_ident[1] == 'E' && head->e_ident[2] == 'L' &&
           head->e_ident[3] == 'F' && head->e_ident[EI_CLASS] == ELFCLASS64 &&
           head->e_phentsize == sizeof(Elf64_Phdr);
}

/* Look through the notes of one segment for the build id. */
static uint32_t notes_search(const uint8_t *notes, size_t size, uint8_t *id, uint32_t max)
{
    size_t at = 0;

    while (size - at >= sizeof(Elf64_Nhdr)) {
        const Elf64_Nhdr *note = (const void *)(notes + at);
        size_t name = at + sizeof(*note), content = name + ((size_t)note->n_namesz + 3) / 4 * 4;
        size_t next = content + ((size_t)note->n_descsz + 3) / 4 * 4;
        if (next > size)
            return 0;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && notes[name] == 'G' &&
            notes[name + 1] == 'N' && notes[name + 2] == 'U' && notes[name + 3] == 0 &&
            note->n_descsz <= max) {
            for (uint32_t i = 0; i < max; i++)
                id[i] = i < note->n_descsz ? notes[content + i] : 0;
            return note->n_descsz;
        }
        at = next;
    }
    return 0;
}

uint32_t bp_elf_build_id(bp_elf_read *read, void *arg, uint8_t *id, uint32_t max)
{
    union {
        Elf64_Ehdr head;
        char bytes[BEGIN_BYTES]; /* mostly all the headers */
    } begin;
    Elf64_Phdr segment;
    uint32_t notes[NOTES_MAX / sizeof(uint32_t)], found;
    long known = read(arg, &begin, sizeof(begin), 0), n;

    for (uint32_t i = 0; i < max; i++)
        id[i] = 0;
    if (known < (long)sizeof(begin.head) || !is_elf(&begin.head))
        return 0;
    for (uint32_t i = 0; i < begin.head.e_phnum && i < HEADERS_MAX; i++) {
        uint64_t at = begin.head.e_phoff + i * sizeof(segment);
        if (at <= sizeof(begin) && at + sizeof(segment) <= (uint64_t)known)
            __builtin_memcpy(&segment, begin.bytes + at, sizeof(segment));
        else if (read(arg, &segment, sizeof(segment), at) != sizeof(segment))
            return 0;
        if (segment.p_type != PT_NOTE || segment.p_filesz > NOTES_MAX)
            continue;
        n = read(arg, notes, segment.p_filesz, segment.p_offset);
        found = n <= 0 ? 0 : notes_search((const uint8_t *)notes, (size_t)n, id, max);
        if (found > 0)
            return found;
    }
    return 0;
}

/* The tables of a vdso, as far as they lie in it. */
struct symbols {
    const Elf64_Sym *symbols;
    const char *strings;
    uint32_t count;
    uint64_t strings_bytes;
};

/* A table that starts at this address of the vdso's own; NULL when less than bytes of it are in
 * there. Addresses of a vdso are offsets, as its first segment has address 0. */
static const void *table_at(const uint8_t *vdso, size_t size, uint64_t address, uint64_t bytes)
{
    return address <= size && bytes <= size - address && address % 4 == 0 ? vdso + address : NULL;
}

static bool dynamic_read(const uint8_t *vdso, size_t size, const Elf64_Phdr *segment,
                         struct symbols *ret)
{
    uint64_t symbols = 0, strings = 0, bytes = 0;
    const Elf64_Dyn *dynamic = table_at(vdso, size, segment->p_offset, segment->p_memsz);

    for (uint64_t i = 0; dynamic != NULL && i < segment->p_memsz / sizeof(*dynamic); i++) {
        if (dynamic[i].d_tag == DT_SYMTAB)
            symbols = dynamic[i].d_un.d_ptr;
        else if (dynamic[i].d_tag == DT_STRTAB)
            strings = dynamic[i].d_un.d_ptr;
        else if (dynamic[i].d_tag == DT_STRSZ)
            bytes = dynamic[i].d_un.d_val;
    }
    if (symbols == 0 || strings == 0 || strings <= symbols)
        return false;
    /* The strings follow the symbols in every vdso; a bound in any case. */
    ret->count = (uint32_t)((strings - symbols) / sizeof(Elf64_Sym));
    ret->symbols = table_at(vdso, size, symbols, ret->count * sizeof(Elf64_Sym));
    ret->strings = strings <= size && bytes <= size - strings ? (const char *)vdso + strings : NULL;
    ret->strings_bytes = bytes;
    return ret->symbols != NULL && ret->strings != NULL && bytes > 0 &&
           ret->strings[bytes - 1] == 0 && ret->count <= SYMBOLS_MAX;
}

static bool symbols_find(const uint8_t *vdso, size_t size, struct symbols *ret)
{
    const Elf64_Ehdr *head = (const void *)vdso;
    const Elf64_Phdr *segments;

    if (size < sizeof(*head) || !is_elf(head))
        return false;
    segments = table_at(vdso, size, head->e_phoff, head->e_phnum * sizeof(*segments));
    for (uint32_t i = 0; segments != NULL && i < head->e_phnum; i++)
        if (segments[i].p_type == PT_DYNAMIC)
            return dynamic_read(vdso, size, &segments[i], ret);
    return false;
}

const char *bp_elf_symbol(const uint8_t *vdso, size_t size, uint32_t index, uint64_t *ret_offset)
{
    struct symbols table;
    const Elf64_Sym *symbol;

    if (!symbols_find(vdso, size, &table) || index >= table.count)
        return NULL;
    symbol = &table.symbols[index];
    if (symbol->st_name >= table.strings_bytes)
        return NULL;
    *ret_offset = ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_shndx != SHN_UNDEF &&
                          symbol->st_value < size
                      ? symbol->st_value
                      : 0;
    return table.strings + symbol->st_name;
}

static bool is_equal(const char *a, const char *b)
{
    while (*a != 0 && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

uint64_t bp_elf_function(const uint8_t *vdso, size_t size, const char *name)
{
    uint64_t offset;
    const char *found;

    for (uint32_t i = 0; (found = bp_elf_symbol(vdso, size, i, &offset)) != NULL; i++)
        if (offset != 0 && is_equal(found, name))
            return offset;
    return 0;
}
