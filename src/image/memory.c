/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.c - see memory.h. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/mem.h"
#include "image/file.h"
#include "image/keep.h"
#include "image/maps.h"
#include "image/memory.h"
#include "image/pages.h"

#define PIECE (256u << 10)

struct walk {
    struct bp_tables *tables;
    int memory_fd;
    const struct bp_image_options *options;
    struct bp_pages pages;
    const struct bp_map *next; /* the mapping after the one that is looked at; NULL = none */
    struct { /* the file of the last mapping: there are several of each in a row */
        const char *path;
        uint64_t inode, size;
        struct bp_image_file file;
        bool is_asked;
    } last;
};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool ends(const char *text, const char *with)
{
    size_t length = strlen(text), tail = strlen(with);

    return length >= tail && strcmp(text + length - tail, with) == 0;
}

static int refuse(const struct bp_map *map, const char *what, struct bp_error *err)
{
    return bp_error_set(err, -EOPNOTSUPP, "%s cannot travel (%s at %#lx)", what,
                        map->path[0] != '\0' ? map->path : "memory", (unsigned long)map->start);
}

static int map_check(const struct bp_map *map, struct bp_error *err)
{
    if (begins(map->path, "[vvar") || strcmp(map->path, "[vdso]") == 0)
        return 0;
    if (begins(map->path, "/SYSV"))
        return refuse(map, "System V shared memory", err);
    if (begins(map->path, "anon_inode:[io_uring]"))
        return refuse(map, "an io_uring", err);
    if (begins(map->path, "anon_inode:") || begins(map->path, "socket:"))
        return refuse(map, "memory of a kernel object", err);
    if ((map->flags & BP_MAP_HUGETLB) != 0)
        return refuse(map, "memory of hugetlb pages", err);
    if ((map->flags & BP_MAP_USERFAULT) != 0)
        return refuse(map, "memory watched by userfaultfd", err);
    if ((map->flags & BP_MAP_SHADOW_STACK) != 0)
        return refuse(map, "a shadow stack", err);
    if ((map->flags & BP_MAP_IO) != 0)
        return refuse(map, "memory of a device", err);
    if (map->key != 0)
        return refuse(map, "memory with a protection key", err);
    if (map->is_shared && (map->prot & PROT_WRITE) != 0 && map->path[0] == '/' &&
        !begins(map->path, "/memfd:") && !begins(map->path, "/dev/zero"))
        return refuse(map, "a file mapped shared and writable", err);
    return 0;
}

static int take_run(void *arg, uint64_t start, uint64_t pages, struct bp_error *err)
{
    struct walk *walk = arg;

    return bp_tables_run(walk->tables, start, pages, err);
}

static int take_guard(void *arg, uint64_t start, uint64_t pages, struct bp_error *err)
{
    struct walk *walk = arg;

    return bp_tables_guard(walk->tables, start, pages, err);
}

static bool is_zero(const uint64_t *page)
{
    for (size_t i = 0; i < BP_IMAGE_PAGE / sizeof(*page); i += 4)
        if ((page[i] | page[i + 1] | page[i + 2] | page[i + 3]) != 0)
            return false;
    return true;
}

/* Shared memory: the page tables of one process do not tell which pages there are, so all are read
 * and those of zeros are left out. */
static int shared_pages(struct walk *walk, const struct bp_map *map, struct bp_error *err)
{
    auto_free uint64_t *piece = malloc(PIECE);

    if (piece == NULL)
        return bp_error_set(err, -ENOMEM, "there is no memory to read shared memory");
    if ((map->prot & PROT_READ) == 0)
        return refuse(map, "shared memory that cannot be read", err);
    for (uint64_t at = map->start; at < map->end;) {
        ssize_t n = pread(walk->memory_fd, piece, map->end - at < PIECE ? map->end - at : PIECE,
                          (off_t)at);
        if (n < (ssize_t)BP_IMAGE_PAGE)
            return bp_error_set(err, n < 0 ? -errno : -EFAULT, "shared memory cannot be read: %s",
                                n < 0 ? strerror(errno) : "it is shorter than its mapping");
        for (size_t i = 0; i < (size_t)n / BP_IMAGE_PAGE; i++, at += BP_IMAGE_PAGE) {
            int rc = is_zero(piece + i * BP_IMAGE_PAGE / sizeof(*piece))
                         ? 0
                         : bp_tables_run(walk->tables, at, 1, err);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

static int own_pages(struct walk *walk, const struct bp_map *map, struct bp_error *err)
{
    if (map->resident_kib == 0 && map->swapped_kib == 0) /* it may be a reservation of terabytes */
        return 0;
    return bp_pages_find(&walk->pages, map->start, map->end, false, take_run, walk, err);
}

static bool is_program(const struct walk *walk, const struct bp_map *map)
{
    const struct bp_tables *tables = walk->tables;

    return tables->head.exe != 0 && strcmp(tables->strings + tables->head.exe, map->path) == 0;
}

/* Between two parts of a library: the dynamic linker closes what it has mapped there too much. */
static bool is_gap(const struct walk *walk, const struct bp_map *map)
{
    const struct bp_map *next = walk->next;

    return next != NULL && next->start == map->end && next->inode == map->inode &&
           strcmp(next->path, map->path) == 0 &&
           next->offset != map->offset + (map->end - map->start);
}

/* A file's mapping: asked of the receiver, or all of its content carried, up to the file's end. */
static int file_area(struct walk *walk, const struct bp_map *map, struct bp_image_area *area,
                     struct bp_error *err)
{
    uint64_t size, end = map->end;
    int rc;

    if (walk->last.path == NULL || walk->last.inode != map->inode ||
        strcmp(walk->last.path, map->path) != 0) {
        walk->last.path = map->path;
        walk->last.inode = map->inode;
        walk->last.is_asked = bp_file_identify(map->path, map->inode, is_program(walk, map),
                                               walk->options, &walk->last.file,
                                               &walk->last.size);
    }
    size = walk->last.size;
    if (walk->last.is_asked) {
        area->kind = BP_AREA_FILE;
        area->offset = map->offset;
        rc = bp_tables_file(walk->tables, &walk->last.file, map->path, &area->file, err);
        if (rc == 0)
            rc = bp_tables_area(walk->tables, area, err);
        return rc < 0 ? rc : own_pages(walk, map, err);
    }
    area->flags |= BP_AREA_CARRIED;
    rc = bp_tables_area(walk->tables, area, err);
    if (rc < 0)
        return rc;
    if (map->prot == PROT_NONE && is_gap(walk, map))
        return own_pages(walk, map, err);
    if (size <= map->offset)
        return 0;
    size -= map->offset;
    if (size < end - map->start)
        end = map->start + (size + BP_IMAGE_PAGE - 1) / BP_IMAGE_PAGE * BP_IMAGE_PAGE;
    return bp_tables_run(walk->tables, map->start, (end - map->start) / BP_IMAGE_PAGE, err);
}

static int area_capture(struct walk *walk, const struct bp_map *map, struct bp_error *err)
{
    struct bp_image_area area = {.start = map->start, .end = map->end, .kind = BP_AREA_ANON,
                                 .prot = map->prot, .flags = map->area_flags};
    bool is_file = map->path[0] == '/' && !ends(map->path, "/dev/zero (deleted)") &&
                   strcmp(map->path, "/dev/zero") != 0;
    int rc = map_check(map, err);

    if (rc == 0)
        rc = bp_tables_string(walk->tables, map->path, &area.name, err);
    if (rc < 0)
        return rc;
    if (begins(map->path, "[vvar") || strcmp(map->path, "[vdso]") == 0) {
        area.flags = 0;
        area.kind = map->path[1] == 'v' && map->path[2] == 'v' ? BP_AREA_VVAR : BP_AREA_VDSO;
        rc = bp_tables_area(walk->tables, &area, err);
        if (rc < 0 || area.kind == BP_AREA_VVAR)
            return rc;
        return bp_tables_run(walk->tables, map->start, (map->end - map->start) / BP_IMAGE_PAGE,
                             err);
    }
    if (strcmp(map->path, "[stack]") == 0)
        area.flags |= BP_AREA_STACK;
    if (strcmp(map->path, "[heap]") == 0)
        area.flags |= BP_AREA_HEAP;
    if (map->is_shared)
        area.flags |= BP_AREA_SHARED;
    if (is_file && !(map->is_shared && begins(map->path, "/memfd:")))
        return file_area(walk, map, &area, err);
    rc = bp_tables_area(walk->tables, &area, err);
    if (rc < 0)
        return rc;
    return map->is_shared ? shared_pages(walk, map, err) : own_pages(walk, map, err);
}

/* A mapping, in parts as what a copy loses of it begins and ends. */
static int map_capture(struct walk *walk, const struct bp_map *map, struct bp_error *err)
{
    struct bp_map part = *map;
    int rc = 0;

    while (rc == 0 && part.start < map->end) {
        uint32_t flags;
        part.end = bp_keep_flags(walk->tables->keep, part.start, map->end, &flags);
        part.offset = map->offset + (part.start - map->start);
        part.area_flags = map->area_flags | flags;
        rc = area_capture(walk, &part, err);
        if (rc == 0 && !begins(map->path, "[v"))
            rc = bp_pages_guards(&walk->pages, part.start, part.end, take_guard, walk, err);
        part.start = part.end;
    }
    return rc;
}

int bp_memory_capture(struct bp_tables *tables, pid_t pid, int memory_fd,
                      const struct bp_image_options *options, struct bp_error *err)
{
    struct walk walk = {.tables = tables, .memory_fd = memory_fd, .options = options};
    struct bp_maps maps;
    int rc = bp_maps_read(pid, &maps, err);

    if (rc < 0)
        return rc;
    rc = bp_pages_open(&walk.pages, pid, options->no_pagemap_scan, err);
    for (size_t i = 0; rc == 0 && i < maps.count; i++) {
        walk.next = i + 1 < maps.count ? &maps.maps[i + 1] : NULL;
        rc = map_capture(&walk, &maps.maps[i], err);
    }
    bp_pages_done(&walk.pages);
    bp_maps_done(&maps);
    return rc;
}
