/* SPDX-License-Identifier: BSD-3-Clause */
/* restore_vdso.c - the kernel's code in the process. Addresses in it are all over a process that
 * ran: it goes where it was when it is the same, and else the old copy stays there with jumps to
 * this kernel's functions at the begin of each of its own. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>

#include "image/elf.h"
#include "image/restore.h"

#define SPAN_MAX (1ULL << 20)

/* "START-END PERM OFFSET DEV INODE  PATH"; returns the path, or NULL. */
static const char *line_read(const char *line, uint64_t *ret_start, uint64_t *ret_end)
{
    uint64_t numbers[2] = {0, 0};

    for (int i = 0; i < 2; i++, line++)
        for (; *line != '-' && *line != ' '; line++) {
            if (*line == 0)
                return NULL;
            numbers[i] = numbers[i] * 16 + (uint64_t)(*line - (*line <= '9' ? '0' : 'a' - 10));
        }
    *ret_start = numbers[0];
    *ret_end = numbers[1];
    while (*line != 0 && *line != '[' && *line != '/')
        line++;
    return line;
}

static void piece_add(struct bp_restore *restore, uint64_t start, uint64_t end, bool is_vdso)
{
    if (restore->piece_count == BP_RESTORE_VVARS)
        bp_restore_fail(restore, -EOVERFLOW, "this kernel's vdso has too many parts", NULL);
    restore->pieces[restore->piece_count].start = start;
    restore->pieces[restore->piece_count].bytes = end - start;
    if (is_vdso)
        restore->vdso = restore->piece_count;
    restore->piece_count++;
    if (end - restore->pieces[0].start > SPAN_MAX)
        bp_restore_fail(restore, -EOVERFLOW, "this kernel's vdso lies in too distant parts", NULL);
}

void bp_restore_vdso_find(struct bp_restore *restore)
{
    char *text = (char *)restore->vectors, *line = text; /* not in use yet */
    uint64_t size = sizeof(restore->vectors) - 1, used = 0, start, end;
    long fd = BP_SYS(SYS_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0, 0, 0, 0), n = 1;

    while (fd >= 0 && n > 0 && used < size) {
        n = BP_SYS(SYS_read, fd, text + used, size - used, 0, 0, 0);
        used += n > 0 ? (uint64_t)n : 0;
    }
    if (fd < 0 || n < 0)
        bp_restore_fail(restore, fd < 0 ? fd : n, "/proc/self/maps cannot be read", NULL);
    BP_SYS(SYS_close, fd, 0, 0, 0, 0, 0);
    text[used] = 0;
    restore->vdso = BP_RESTORE_VVARS;
    while (*line != 0) {
        char *next = line;
        const char *path;
        while (*next != 0 && *next != '\n')
            next++;
        if (*next != 0)
            *next++ = 0;
        path = line_read(line, &start, &end);
        if (path != NULL && (bp_text_begins(path, "[vvar") || bp_text_begins(path, "[vdso]")))
            piece_add(restore, start, end, path[2] == 'd');
        line = next;
    }
    if (restore->vdso == BP_RESTORE_VVARS)
        restore->vdso = restore->piece_count;
}

uint64_t bp_restore_vdso_bytes(const struct bp_restore *restore)
{
    const struct bp_restore_piece *last = &restore->pieces[restore->piece_count - 1];

    return restore->piece_count == 0 ? 0 : last->start + last->bytes - restore->pieces[0].start;
}

/* Move all pieces so that the first comes to this place. */
static void pieces_move(struct bp_restore *restore, uint64_t place)
{
    for (uint32_t i = 0; i < restore->piece_count; i++) {
        struct bp_restore_piece *piece = &restore->pieces[i];
        uint64_t from = piece->parked != 0 ? piece->parked : piece->start;
        uint64_t to = place + (piece->start - restore->pieces[0].start);
        long rc = BP_SYS(SYS_mremap, from, piece->bytes, piece->bytes,
                         MREMAP_MAYMOVE | MREMAP_FIXED, to, 0);
        if (bp_is_error(rc))
            bp_restore_fail(restore, rc, "this kernel does not let its vdso be moved", NULL);
        piece->parked = to;
    }
}

/* Nothing of a program that has not begun points into it: it can stay, where the image lets it, and
 * where the kernel does not let it be moved. */
void bp_restore_vdso_park(struct bp_restore *restore)
{
    uint64_t start = restore->pieces[0].start, bytes = bp_restore_vdso_bytes(restore);

    restore->vdso_stays = bytes > 0 && restore->view.head->kind == BP_IMAGE_LD &&
                          (restore->flags & BP_RESTORE_VDSO) == 0 &&
                          bp_restore_is_free(restore, start, start + bytes);
    for (uint32_t i = 0; restore->vdso_stays && i < restore->piece_count; i++)
        restore->pieces[i].parked = restore->pieces[i].start;
    if (restore->vdso_stays)
        return;
    pieces_move(restore, restore->parking);
}

/* The image's areas of this kind: index of the first of them; *ret_count of them, the last of which
 * is [vdso]. 0 of them when it has none. */
static const struct bp_image_area *image_areas(const struct bp_image_view *view,
                                               uint32_t *ret_count, uint64_t *ret_offset)
{
    uint64_t run = 0;

    *ret_count = 0;
    *ret_offset = view->layout.data;
    for (uint32_t i = 0; i < view->head->areas; i++) {
        if (view->areas[i].kind == BP_AREA_VVAR || view->areas[i].kind == BP_AREA_VDSO)
            ++*ret_count;
        if (view->areas[i].kind == BP_AREA_VDSO)
            return &view->areas[i + 1 - *ret_count];
        for (uint32_t k = 0; k < view->areas[i].runs; k++)
            *ret_offset += view->runs[run++].pages * BP_IMAGE_PAGE;
    }
    *ret_count = 0;
    return NULL;
}

static bool is_same(struct bp_restore *restore, const struct bp_image_area *areas, uint32_t count,
                    uint64_t offset)
{
    const struct bp_restore_piece *pieces = restore->pieces;
    uint8_t *buffer = (uint8_t *)restore->vectors;

    if ((restore->flags & BP_RESTORE_VDSO) != 0 || count != restore->piece_count ||
        restore->vdso != count - 1)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (areas[i].end - areas[i].start != pieces[i].bytes ||
            areas[i].start - areas[0].start != pieces[i].start - pieces[0].start)
            return false;
    for (uint64_t at = 0; at < pieces[restore->vdso].bytes; at += BP_IMAGE_PAGE) {
        const uint8_t *own = (const uint8_t *)pieces[restore->vdso].parked + at;
        long n = BP_SYS(SYS_pread64, restore->image_fd, buffer, BP_IMAGE_PAGE, offset + at, 0, 0);
        if (n != (long)BP_IMAGE_PAGE)
            return false;
        for (uint32_t i = 0; i < BP_IMAGE_PAGE; i++)
            if (buffer[i] != own[i])
                return false;
    }
    return true;
}

static const struct {
    char name[16];
    uint32_t number;
} calls[] = { /* for functions that this kernel's vdso has not */
    {"clock_gettime", SYS_clock_gettime}, {"gettimeofday", SYS_gettimeofday},
    {"time", SYS_time},                   {"getcpu", SYS_getcpu},
    {"clock_getres", SYS_clock_getres},   {"getrandom", SYS_getrandom},
};

static bool is_call(const char *name, const char *call)
{
    while (*call != 0 && *name == *call) {
        name++;
        call++;
    }
    return *call == 0 && *name == 0;
}

/* At the begin of a function of the old vdso: go on in the new one's, or make the system call. */
static void function_patch(uint8_t *function, const char *name, uint64_t target)
{
    if (target != 0) { /* movabs $target, %rax; jmp *%rax */
        function[0] = 0x48;
        function[1] = 0xb8;
        bp_bytes_copy(function + 2, &target, 8);
        function[10] = 0xff;
        function[11] = 0xe0;
        return;
    }
    name += bp_text_begins(name, "__vdso_") ? 7 : 0;
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (is_call(name, calls[i].name)) { /* mov $number, %eax; syscall; ret */
            function[0] = 0xb8;
            bp_bytes_copy(function + 1, &calls[i].number, 4);
            function[5] = 0x0f;
            function[6] = 0x05;
            function[7] = 0xc3;
        }
}

/* Lead the functions of the old vdso, which is writable, to the new one, which is at home. */
static void old_patch(struct bp_restore *restore, const struct bp_image_area *area)
{
    uint64_t bytes = area->end - area->start, home = 0, size = 0, at;
    uint8_t *old = (uint8_t *)area->start;
    const char *name;
    long rc;

    if (restore->vdso < restore->piece_count) {
        home = restore->pieces[restore->vdso].parked;
        size = restore->pieces[restore->vdso].bytes;
    }
    for (uint32_t i = 0; (name = bp_elf_symbol(old, bytes, i, &at)) != NULL; i++) {
        uint64_t function = at == 0 || home == 0 ? 0 : bp_elf_function((void *)home, size, name);
        if (at != 0 && at + 12 <= bytes)
            function_patch(old + at, name, function != 0 ? home + function : 0);
    }
    rc = BP_SYS(SYS_mprotect, area->start, bytes, PROT_READ | PROT_EXEC, 0, 0, 0);
    if (bp_is_error(rc))
        bp_restore_fail(restore, rc, "the old vdso cannot be protected", NULL);
}

/* Put the old vdso where it was. */
static void old_place(struct bp_restore *restore, const struct bp_image_area *area, uint64_t offset)
{
    uint64_t bytes = area->end - area->start;
    long rc = BP_SYS(SYS_mmap, area->start, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    if (!bp_is_error(rc))
        rc = BP_SYS(SYS_pread64, restore->image_fd, area->start, bytes, offset, 0, 0);
    if (rc != (long)bytes)
        bp_restore_fail(restore, bp_is_error(rc) ? rc : -EBADMSG, "the old vdso cannot be mapped",
                        NULL);
    old_patch(restore, area);
}

/* A process that came here from another kernel calls an old vdso, mapped again as memory of its
 * own: that area; NULL when it calls its kernel's. */
static const struct bp_image_area *old_find(const struct bp_image_view *view)
{
    uint64_t vdso = 0;

    for (uint32_t i = 0; i + 1 < view->head->auxv_words; i += 2)
        if (view->auxv[i] == AT_SYSINFO_EHDR)
            vdso = view->auxv[i + 1];
    for (uint32_t i = 0; vdso != 0 && i < view->head->areas; i++)
        if (view->areas[i].start == vdso && view->areas[i].kind == BP_AREA_ANON &&
            view->areas[i].runs > 0)
            return &view->areas[i];
    return NULL;
}

/* Lead it to this kernel's; what it led to before is not there any more. */
static void old_lead(struct bp_restore *restore, const struct bp_image_area *area)
{
    long rc = BP_SYS(SYS_mprotect, area->start, area->end - area->start, PROT_READ | PROT_WRITE,
                     0, 0, 0);

    if (bp_is_error(rc))
        bp_restore_fail(restore, rc, "the old vdso cannot be changed", NULL);
    old_patch(restore, area);
}

void bp_restore_vdso_place(struct bp_restore *restore)
{
    uint64_t offset, bytes = bp_restore_vdso_bytes(restore);
    uint32_t count;
    const struct bp_image_area *areas = image_areas(&restore->view, &count, &offset);
    const struct bp_image_area *old = old_find(&restore->view);
    long home;

    if (restore->vdso_stays)
        return;
    if (restore->view.head->kind != BP_IMAGE_LD && count > 0 &&
        is_same(restore, areas, count, offset)) {
        pieces_move(restore, areas[0].start);
        return;
    }
    if (bytes > 0) { /* where the last kernel's was, or anywhere; replaced piece by piece */
        home = BP_SYS(SYS_mmap, old != NULL && count > 0 ? areas[0].start : 0, bytes, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (bp_is_error(home))
            bp_restore_fail(restore, home, "there is no room for the vdso", NULL);
        pieces_move(restore, (uint64_t)home);
    }
    if (restore->view.head->kind == BP_IMAGE_LD)
        return;
    if (old != NULL)
        old_lead(restore, old);
    else if (count > 0)
        old_place(restore, &areas[count - 1], offset);
}
