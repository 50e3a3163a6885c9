/* SPDX-License-Identifier: BSD-3-Clause */
/* restore_map.c - the areas of an image, file parts, and pages. Nothing is mapped writable and
 * executable at a time that is not so in the image. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "image/elf.h"
#include "image/restore.h"

#define SHARED_PAGES 16            /* a run from this on is mapped, where that was asked for, */
                                   /* and one that is all of an area */
#define GUARD_INSTALL 102          /* MADV_GUARD_INSTALL of <linux/mman.h>, since 6.13 */
#define WHOLE_BYTES  (64ULL << 20) /* areas to here are made writable as a whole */

static long file_read(void *arg, void *buffer, size_t size, uint64_t offset)
{
    return BP_SYS(SYS_pread64, *(int *)arg, buffer, size, offset, 0, 0);
}

static bool is_same(const struct bp_image_file *file, const struct stat *st, int fd)
{
    uint8_t id[BP_IMAGE_ID_MAX];

    if (!S_ISREG(st->st_mode) || (uint64_t)st->st_size != file->size ||
        bp_elf_build_id(file_read, &fd, id, sizeof(id)) != file->id_bytes)
        return false;
    for (uint32_t i = 0; i < file->id_bytes; i++)
        if (id[i] != file->id[i])
            return false;
    return file->id_bytes > 0 || (st->st_mtim.tv_sec == file->mtime_s &&
                                  (uint32_t)st->st_mtim.tv_nsec == file->mtime_ns);
}

long bp_restore_file_open(const struct bp_restore *restore, const struct bp_image_file *file)
{
    const char *path = restore->view.strings + file->path;
    struct stat st;
    long fd = BP_SYS(SYS_open, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, 0, 0, 0);
    long rc = bp_is_error(fd) ? fd : BP_SYS(SYS_fstat, fd, &st, 0, 0, 0, 0);

    if (!bp_is_error(rc) && is_same(file, &st, (int)fd))
        return fd;
    if (!bp_is_error(fd))
        BP_SYS(SYS_close, fd, 0, 0, 0, 0, 0);
    return bp_is_error(rc) ? rc : -ESTALE;
}

static int file_open(const struct bp_restore *restore, const struct bp_image_file *file)
{
    const char *path = restore->view.strings + file->path;
    long fd = bp_restore_file_open(restore, file);

    if (fd == -ESTALE)
        bp_restore_fail(restore, fd, "a file of the process is another one here", path);
    if (bp_is_error(fd))
        bp_restore_fail(restore, fd, "a file of the process cannot be had here", path);
    return (int)fd;
}

/* What an area is mapped with at first: more than it has in the end when pages must be written. */
static uint32_t first_prot(const struct bp_image_area *area)
{
    if (area->runs == 0 || (area->prot & PROT_WRITE) != 0 || area->end - area->start > WHOLE_BYTES)
        return area->prot;
    return PROT_READ | PROT_WRITE;
}

static bool is_one_run(const struct bp_image_area *area, const struct bp_image_run *run)
{
    return area->runs == 1 && run->start == area->start &&
           run->pages * BP_IMAGE_PAGE == area->end - area->start;
}

static void area_map(const struct bp_restore *restore, const struct bp_image_area *area, int fd)
{
    unsigned flags = MAP_PRIVATE | MAP_FIXED | (fd < 0 ? MAP_ANONYMOUS : 0);
    long place;

    if ((area->flags & BP_AREA_GROWSDOWN) != 0)
        flags |= MAP_GROWSDOWN | MAP_STACK;
    if ((area->flags & BP_AREA_NORESERVE) != 0)
        flags |= MAP_NORESERVE;
    place = BP_SYS(SYS_mmap, area->start, area->end - area->start, first_prot(area), flags, fd,
                   area->offset);
    if (bp_is_error(place))
        bp_restore_fail(restore, place, "a part of the process's memory cannot be mapped",
                        restore->view.strings + area->name);
}

/* Areas of one file together, so that one descriptor at a time is open. */
static void files_map(const struct bp_restore *restore)
{
    const struct bp_image_view *view = &restore->view;
    uint32_t first = 0;

    for (uint32_t file = 0; file < view->head->files; file++) {
        if (file == restore->interp)
            continue;
        int fd = file_open(restore, &view->files[file]);
        bool is_seen = false;
        for (uint32_t i = first; i < view->head->areas; i++) {
            if (view->areas[i].kind != BP_AREA_FILE || view->areas[i].file != file)
                continue;
            if (!is_seen)
                first = i; /* captures name files in the order of their first areas */
            is_seen = true;
            area_map(restore, &view->areas[i], fd);
        }
        BP_SYS(SYS_close, fd, 0, 0, 0, 0, 0);
    }
}

void bp_restore_protect(const struct bp_restore *restore, uint64_t start, uint64_t bytes,
                        uint32_t prot)
{
    long rc = BP_SYS(SYS_mprotect, start, bytes, prot, 0, 0, 0);

    if (bp_is_error(rc))
        bp_restore_fail(restore, rc, "a part of the process's memory cannot be protected", NULL);
}

/* Read pages of the image to where `count` vectors say. */
static void vectors_read(struct bp_restore *restore, uint64_t count, uint64_t offset)
{
    struct iovec *vector = restore->vectors;

    while (count > 0) {
        long n = BP_SYS(SYS_preadv, restore->image_fd, vector, count, offset, offset >> 32, 0);
        if (n == -EINTR)
            continue;
        if (n <= 0)
            bp_restore_fail(restore, n < 0 ? n : -EBADMSG, "the image's pages cannot be read",
                            NULL);
        offset += (uint64_t)n;
        while (count > 0 && (uint64_t)n >= vector->iov_len) {
            n -= (long)vector->iov_len;
            vector++;
            count--;
        }
        if (count > 0) {
            vector->iov_base = (char *)vector->iov_base + n;
            vector->iov_len -= (uint64_t)n;
        }
    }
}

/* Map a big run from the image's memory file: no copy. False when the run shall be read. What is
 * closed is looked at for pages of its own only, when it travels again. */
static bool run_map(const struct bp_restore *restore, const struct bp_image_area *area,
                    const struct bp_image_run *run, uint64_t offset)
{
    unsigned flags = MAP_PRIVATE | MAP_FIXED;

    if ((restore->flags & BP_RESTORE_SHARED) == 0 || area->prot == PROT_NONE ||
        (run->pages < SHARED_PAGES && !is_one_run(area, run)) ||
        (area->flags & (BP_AREA_GROWSDOWN | BP_AREA_WIPEONFORK)) != 0)
        return false;
    return !bp_is_error(BP_SYS(SYS_mmap, run->start, run->pages * BP_IMAGE_PAGE, area->prot, flags,
                               restore->image_fd, offset));
}

/* The runs of one area; returns the offset after their pages. */
static uint64_t area_fill(struct bp_restore *restore, const struct bp_image_area *area,
                          const struct bp_image_run *runs, uint64_t offset)
{
    bool is_each = (first_prot(area) & PROT_WRITE) == 0;
    uint64_t count = 0, start = offset;

    for (uint32_t i = 0; i < area->runs; i++) {
        const struct bp_image_run *run = &runs[i];
        uint64_t bytes = run->pages * BP_IMAGE_PAGE;
        bool is_mapped = run_map(restore, area, run, offset);
        if (!is_mapped) {
            if (is_each)
                bp_restore_protect(restore, run->start, bytes, PROT_READ | PROT_WRITE);
            restore->vectors[count++] = (struct iovec){(void *)run->start, bytes};
        }
        offset += bytes;
        if (is_mapped || is_each || count == BP_RESTORE_VECTORS) {
            vectors_read(restore, count, start);
            if (is_each && !is_mapped)
                bp_restore_protect(restore, run->start, bytes, area->prot);
            count = 0;
            start = offset;
        }
    }
    vectors_read(restore, count, start);
    return offset;
}

static const struct {
    uint32_t flag;
    int advice;
} advices[] = {
    {BP_AREA_HUGE, MADV_HUGEPAGE},         {BP_AREA_NOHUGE, MADV_NOHUGEPAGE},
    {BP_AREA_DONTDUMP, MADV_DONTDUMP},     {BP_AREA_DONTFORK, MADV_DONTFORK},
    {BP_AREA_WIPEONFORK, MADV_WIPEONFORK}, {BP_AREA_MERGEABLE, MADV_MERGEABLE},
};

/* Advice is only advice: what this kernel refuses is left out. */
static void area_advise(const struct bp_image_area *area)
{
    for (unsigned i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
        if ((area->flags & advices[i].flag) != 0)
            BP_SYS(SYS_madvise, area->start, area->end - area->start, advices[i].advice, 0, 0, 0);
}

/* Not advice: pages that must not be touched. */
static void guards_install(const struct bp_restore *restore)
{
    const struct bp_image_view *view = &restore->view;

    for (uint32_t i = 0; i < view->head->guards; i++) {
        const struct bp_image_run *guard = &view->guards[i];
        long rc = BP_SYS(SYS_madvise, guard->start, guard->pages * BP_IMAGE_PAGE, GUARD_INSTALL,
                         0, 0, 0);
        if (bp_is_error(rc))
            bp_restore_fail(restore, rc, "this kernel has no guard pages as the process has them "
                            "(they need Linux 6.15)", NULL);
    }
}

/* Of the dynamic linker that the node's own takes the place of (restore_vdso.c looks at vdsos). */
static bool is_left_out(const struct bp_restore *restore, const struct bp_image_area *area)
{
    return area->kind == BP_AREA_FILE && area->file == restore->interp;
}

void bp_restore_map(struct bp_restore *restore)
{
    const struct bp_image_view *view = &restore->view;
    const struct bp_image_run *runs = view->runs;
    uint64_t offset = view->layout.data;

    files_map(restore);
    for (uint32_t i = 0; i < view->head->areas; i++)
        if (view->areas[i].kind == BP_AREA_ANON)
            area_map(restore, &view->areas[i], -1);
    for (uint32_t i = 0; i < view->head->areas; i++) {
        const struct bp_image_area *area = &view->areas[i];
        if (area->kind == BP_AREA_VDSO || is_left_out(restore, area)) {
            for (uint32_t k = 0; k < area->runs; k++)
                offset += runs++->pages * BP_IMAGE_PAGE;
            continue;
        }
        if ((area->flags & (BP_AREA_HUGE | BP_AREA_NOHUGE)) != 0)
            area_advise(area);
        offset = area_fill(restore, area, runs, offset);
        runs += area->runs;
        if (first_prot(area) != area->prot)
            bp_restore_protect(restore, area->start, area->end - area->start, area->prot);
        area_advise(area);
    }
    guards_install(restore); /* not possible in locked memory */
    for (uint32_t i = 0; i < view->head->areas; i++) {
        const struct bp_image_area *area = &view->areas[i];
        if ((area->flags & BP_AREA_LOCKED) != 0 && !is_left_out(restore, area))
            BP_SYS(SYS_mlock, area->start, area->end - area->start, 0, 0, 0, 0);
    }
}
