/* SPDX-License-Identifier: BSD-3-Clause */
/* restore_interp.c - the dynamic linker of a program that has not begun (LD), where this node has
 * another one than the image was made with. It has to fit the libraries that it will find here, and
 * nothing of it has run: so the node's own is mapped, as exec does. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>

#include "image/restore.h"

#define HEADERS_MAX 16
#define SEGMENT_MAX (1ULL << 30)

static uint64_t image_value(const struct bp_image_view *view, uint64_t type)
{
    for (uint32_t i = 0; i < view->head->auxv_words; i += 2)
        if (view->auxv[i] == type)
            return view->auxv[i + 1];
    return 0;
}

void bp_restore_interp_find(struct bp_restore *restore)
{
    const struct bp_image_view *view = &restore->view;
    uint64_t base = image_value(view, AT_BASE);
    long fd;

    restore->interp = view->head->files;
    if (view->head->kind != BP_IMAGE_LD || base == 0)
        return;
    for (uint32_t i = 0; i < view->head->areas; i++) {
        const struct bp_image_area *area = &view->areas[i];
        if (area->kind != BP_AREA_FILE || area->start > base || area->end <= base)
            continue;
        fd = bp_restore_file_open(restore, &view->files[area->file]);
        if (bp_is_error(fd))
            restore->interp = area->file;
        else
            BP_SYS(SYS_close, fd, 0, 0, 0, 0, 0);
    }
}

/* The area that has all of these bytes readable; NULL: there is none. */
static const struct bp_image_area *readable(const struct bp_image_view *view, uint64_t start,
                                            uint64_t bytes)
{
    for (uint32_t i = 0; i < view->head->areas; i++) {
        const struct bp_image_area *area = &view->areas[i];
        if (area->start <= start && start < area->end)
            return bytes <= area->end - start && (area->prot & PROT_READ) != 0 ? area : NULL;
    }
    return NULL;
}

/* The program's name for its dynamic linker, from its headers, which are mapped by now. */
static const char *path_find(const struct bp_restore *restore)
{
    const struct bp_image_view *view = &restore->view;
    const Elf64_Phdr *headers = (const void *)image_value(view, AT_PHDR);
    uint64_t count = image_value(view, AT_PHNUM), base = 0;

    if (count > UINT16_MAX || readable(view, (uint64_t)headers, count * sizeof(*headers)) == NULL)
        count = 0;
    for (uint64_t i = 0; i < count; i++) {
        const char *path = (const char *)(base + headers[i].p_vaddr);
        if (headers[i].p_type == PT_PHDR)
            base = (uint64_t)headers - headers[i].p_vaddr;
        if (headers[i].p_type == PT_INTERP && headers[i].p_filesz > 0 &&
            readable(view, (uint64_t)path, headers[i].p_filesz) != NULL &&
            path[headers[i].p_filesz - 1] == 0)
            return path;
    }
    bp_restore_fail(restore, -ENOEXEC, "the program does not name its dynamic linker", NULL);
}

static void check(const struct bp_restore *restore, bool is_right, long rc, const char *path)
{
    if (!is_right)
        bp_restore_fail(restore, bp_is_error(rc) ? rc : -ENOEXEC,
                        "the dynamic linker of this node cannot be mapped", path);
}

/* One part of the file; memory after its end in the file is zero. */
static void segment_map(const struct bp_restore *restore, const Elf64_Phdr *header, uint64_t base,
                        long fd, const char *path)
{
    uint64_t skip = header->p_vaddr % BP_IMAGE_PAGE, start = base + header->p_vaddr - skip;
    uint64_t file_end = base + header->p_vaddr + header->p_filesz;
    uint64_t end = bp_page_up(base + header->p_vaddr + header->p_memsz);
    uint64_t prot = ((header->p_flags & PF_R) != 0 ? PROT_READ : 0) |
                    ((header->p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
                    ((header->p_flags & PF_X) != 0 ? PROT_EXEC : 0);
    long rc = BP_SYS(SYS_mmap, start, file_end - start, prot, MAP_PRIVATE | MAP_FIXED, fd,
                     header->p_offset - skip);

    check(restore, !bp_is_error(rc), rc, path);
    if (header->p_memsz > header->p_filesz && (prot & PROT_WRITE) != 0)
        bp_bytes_zero((void *)file_end, bp_page_up(file_end) - file_end);
    if (end > bp_page_up(file_end)) {
        rc = BP_SYS(SYS_mmap, bp_page_up(file_end), end - bp_page_up(file_end), prot,
                    MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0);
        check(restore, !bp_is_error(rc), rc, path);
    }
}

/* The bytes of memory from address 0 to the end of the last segment; 0: not those of a library. */
static uint64_t span_of(const Elf64_Phdr *headers, unsigned count)
{
    uint64_t span = 0;

    for (unsigned i = 0; i < count; i++) {
        if (headers[i].p_type != PT_LOAD)
            continue;
        if (headers[i].p_filesz > headers[i].p_memsz || headers[i].p_memsz > SEGMENT_MAX ||
            headers[i].p_vaddr > SEGMENT_MAX || headers[i].p_vaddr < span)
            return 0;
        span = bp_page_up(headers[i].p_vaddr + headers[i].p_memsz);
    }
    return span;
}

void bp_restore_interp_load(struct bp_restore *restore)
{
    const char *path = path_find(restore);
    Elf64_Ehdr head;
    Elf64_Phdr headers[HEADERS_MAX];
    long fd = BP_SYS(SYS_open, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, 0, 0, 0);
    long rc = BP_SYS(SYS_pread64, fd, &head, sizeof(head), 0, 0, 0);
    uint64_t base, span;

    check(restore, !bp_is_error(fd), fd, path);
    check(restore, rc == sizeof(head) && head.e_type == ET_DYN && head.e_machine == EM_X86_64 &&
                       head.e_phentsize == sizeof(*headers) && head.e_phnum <= HEADERS_MAX,
          rc, path);
    rc = BP_SYS(SYS_pread64, fd, headers, head.e_phnum * sizeof(*headers), head.e_phoff, 0, 0);
    check(restore, rc == (long)(head.e_phnum * sizeof(*headers)), rc, path);
    span = span_of(headers, head.e_phnum);
    check(restore, span > 0, -ENOEXEC, path);
    rc = BP_SYS(SYS_mmap, 0, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(restore, !bp_is_error(rc), rc, path);
    base = (uint64_t)rc;
    for (unsigned i = 0; i < head.e_phnum; i++)
        if (headers[i].p_type == PT_LOAD)
            segment_map(restore, &headers[i], base, fd, path);
    BP_SYS(SYS_close, fd, 0, 0, 0, 0, 0);
    restore->interp_base = base;
    restore->interp_entry = base + head.e_entry;
}
