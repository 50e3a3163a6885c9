/* SPDX-License-Identifier: BSD-3-Clause */
/* test_image.c - images are checked, pages are found in both ways, CPUs are compared. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cpu.h"
#include "common/mem.h"
#include "image/decode.h"
#include "image/elf.h"
#include "image/image.h"
#include "image/maps.h"
#include "image/pages.h"
#include "image/tables.h"
#include "tap.h"

#define BASE 0x10000000ULL
#define PAGE 4096ULL

/* A right image with an area of a file, one of pages, the vdso, and a patch in its pages. */
static void tables_make(struct bp_tables *tables, enum bp_image_kind kind)
{
    struct bp_image_file file = {.size = 10000, .id_bytes = 20};
    struct bp_image_area area = {.start = BASE, .end = BASE + 4 * PAGE, .kind = BP_AREA_FILE,
                                 .prot = PROT_READ, .offset = PAGE};

    bp_tables_init(tables, kind);
    CU_ASSERT_EQUAL(bp_tables_file(tables, &file, "/lib/x.so", &area.file, NULL), 0);
    CU_ASSERT_EQUAL(bp_tables_area(tables, &area, NULL), 0);
    CU_ASSERT_EQUAL(bp_tables_run(tables, BASE + PAGE, 1, NULL), 0);
    area = (struct bp_image_area){.start = BASE + 8 * PAGE, .end = BASE + 16 * PAGE,
                                  .kind = BP_AREA_ANON, .prot = PROT_READ | PROT_WRITE};
    CU_ASSERT_EQUAL(bp_tables_area(tables, &area, NULL), 0);
    CU_ASSERT_EQUAL(bp_tables_run(tables, BASE + 8 * PAGE, 1, NULL), 0);
    CU_ASSERT_EQUAL(bp_tables_run(tables, BASE + 9 * PAGE, 1, NULL), 0);
    CU_ASSERT_EQUAL(bp_tables_run(tables, BASE + 12 * PAGE, 2, NULL), 0);
    area = (struct bp_image_area){.start = BASE + 32 * PAGE, .end = BASE + 34 * PAGE,
                                  .kind = BP_AREA_VVAR, .prot = PROT_READ};
    CU_ASSERT_EQUAL(bp_tables_area(tables, &area, NULL), 0);
    area = (struct bp_image_area){.start = BASE + 34 * PAGE, .end = BASE + 35 * PAGE,
                                  .kind = BP_AREA_VDSO, .prot = PROT_READ | PROT_EXEC};
    CU_ASSERT_EQUAL(bp_tables_area(tables, &area, NULL), 0);
    CU_ASSERT_EQUAL(bp_tables_run(tables, BASE + 34 * PAGE, 1, NULL), 0);
    CU_ASSERT_EQUAL(bp_tables_guard(tables, BASE + 2 * PAGE, 1, NULL), 0);
    CU_ASSERT_EQUAL(bp_tables_guard(tables, BASE + 14 * PAGE, 2, NULL), 0);
    if (kind == BP_IMAGE_SELF)
        tables->head.mailbox = BASE + 9 * PAGE;
    else
        CU_ASSERT_EQUAL(bp_tables_patch(tables, BASE + 13 * PAGE, BP_PATCH_ENVP, NULL), 0);
}

static void right_image(void)
{
    for (int kind = BP_IMAGE_SELF; kind <= BP_IMAGE_ENTRY; kind++) {
        struct bp_tables tables;
        auto_free void *prologue = NULL;
        struct bp_image_view view;
        size_t bytes = 0;
        tables_make(&tables, (enum bp_image_kind)kind);
        CU_ASSERT_EQUAL(bp_tables_finish(&tables, &prologue, &bytes, NULL), 0);
        bp_tables_done(&tables);
        CU_ASSERT_PTR_NULL(bp_image_decode(prologue, bytes, &view));
        CU_ASSERT_EQUAL(view.head->runs, 4); /* two of them became one */
        CU_ASSERT_EQUAL(view.areas[1].runs, 2);
        CU_ASSERT_EQUAL(view.runs[1].pages, 2);
        CU_ASSERT_EQUAL(view.guards[1].start, BASE + 14 * PAGE);
        CU_ASSERT_EQUAL(view.layout.bytes, bytes + 6 * PAGE);
        CU_ASSERT_STRING_EQUAL(view.strings + view.files[0].path, "/lib/x.so");
        CU_ASSERT_PTR_NOT_NULL(bp_image_decode(prologue, bytes - 1, &view));
    }
}

/* One lie each. */
static void lie_area_order(struct bp_tables *t) { t->areas[1].start = BASE + 3 * PAGE; }
static void lie_area_wrap(struct bp_tables *t) { t->areas[3].end = PAGE; }
static void lie_area_top(struct bp_tables *t) { t->areas[3].end = BP_IMAGE_HIGHEST + PAGE; }
static void lie_area_low(struct bp_tables *t) { t->areas[0].start = 0; }
static void lie_area_page(struct bp_tables *t) { t->areas[0].start += 1; }
static void lie_area_kind(struct bp_tables *t) { t->areas[0].kind = 9; }
static void lie_area_prot(struct bp_tables *t) { t->areas[0].prot = 8; }
static void lie_area_file(struct bp_tables *t) { t->areas[0].file = 1; }
static void lie_area_offset(struct bp_tables *t) { t->areas[0].offset = INT64_MAX & ~0xfffULL; }
static void lie_area_name(struct bp_tables *t) { t->areas[0].name = 1000; }
static void lie_run_out(struct bp_tables *t) { t->runs[2].start = BASE + 15 * PAGE; }
static void lie_run_order(struct bp_tables *t) { t->runs[2].start = BASE + 9 * PAGE; }
static void lie_run_wrap(struct bp_tables *t) { t->runs[2].pages = UINT64_MAX / PAGE; }
static void lie_run_zero(struct bp_tables *t) { t->runs[2].pages = 0; }
static void lie_run_count(struct bp_tables *t) { t->areas[1].runs = 4000000000u; }
static void lie_run_none(struct bp_tables *t) { t->areas[1].runs = 1; }
static void lie_guard_out(struct bp_tables *t) { t->guards[1].pages = 3; }
static void lie_guard_hole(struct bp_tables *t) { t->guards[0].start = BASE + 5 * PAGE; }
static void lie_guard_order(struct bp_tables *t) { t->guards[1].start = BASE + PAGE; }
static void lie_guard_wrap(struct bp_tables *t) { t->guards[1].pages = UINT64_MAX / PAGE; }
static void lie_guard_zero(struct bp_tables *t) { t->guards[0].pages = 0; }
static void lie_guard_kernel(struct bp_tables *t) { t->guards[1].start = BASE + 32 * PAGE; }
static void lie_guard_unused(struct bp_tables *t) { t->head.unused = 1; }
static void lie_pages(struct bp_tables *t) { t->head.pages = 7; }
static void lie_pages_huge(struct bp_tables *t) { t->head.pages = UINT64_MAX; }
static void lie_vvar_alone(struct bp_tables *t) { t->areas[2].end -= PAGE; }
static void lie_vdso_part(struct bp_tables *t) { t->areas[3].end += PAGE; }
static void lie_path(struct bp_tables *t) { t->files[0].path = 0; }
static void lie_id(struct bp_tables *t) { t->files[0].id_bytes = 33; }
static void lie_string(struct bp_tables *t) { t->strings[t->head.strings_bytes - 1] = 'x'; }
static void lie_exe(struct bp_tables *t) { t->head.exe = 77; }
static void lie_mailbox(struct bp_tables *t) { t->head.mailbox = BASE; }
static void lie_mailbox_end(struct bp_tables *t) { t->head.mailbox = BASE + 16 * PAGE - 8; }
static void lie_comm(struct bp_tables *t) { memset(t->head.thread.comm, 'x', 16); }
static void lie_tid(struct bp_tables *t) { t->head.thread.tid_address = BASE + 20 * PAGE; }
static void lie_kind(struct bp_tables *t) { t->head.kind = 4; }
static void lie_version(struct bp_tables *t) { t->head.version++; }
static void lie_reserved(struct bp_tables *t) { t->head.reserved[3] = 1; }
static void lie_rip(struct bp_tables *t) { t->head.thread.registers.rip = UINT64_MAX; }
static void lie_two_stacks(struct bp_tables *t)
{
    t->areas[1].flags = BP_AREA_STACK;
    t->areas[0] = (struct bp_image_area){.start = BASE, .end = BASE + 4 * PAGE,
                                         .kind = BP_AREA_ANON, .flags = BP_AREA_STACK, .runs = 1};
}

static void lies(void)
{
    static const struct {
        void (*lie)(struct bp_tables *tables);
        const char *found;
    } rows[] = {
        {lie_area_order, "order"}, {lie_area_wrap, "bounds"}, {lie_area_top, "bounds"},
        {lie_area_low, "bounds"}, {lie_area_page, "pages"}, {lie_area_kind, "kind"},
        {lie_area_prot, "flags"}, {lie_area_file, "file"}, {lie_area_offset, "files"},
        {lie_area_name, "name"}, {lie_run_out, "out of its area"}, {lie_run_order, "out of its"},
        {lie_run_wrap, "out of its area"}, {lie_run_zero, "out of its area"},
        {lie_run_count, "more runs"}, {lie_run_none, "out of its area"}, {lie_pages, "number of pages"},
        {lie_guard_out, "a guard"}, {lie_guard_hole, "a guard"}, {lie_guard_order, "a guard"},
        {lie_guard_wrap, "a guard"}, {lie_guard_zero, "a guard"}, {lie_guard_kernel, "a guard"},
        {lie_guard_unused, "guards"},
        {lie_pages_huge, "bounds"}, {lie_vvar_alone, "vdso"}, {lie_vdso_part, "vdso"},
        {lie_path, "path"}, {lie_id, "identity"}, {lie_string, "strings"}, {lie_exe, "paths"},
        {lie_mailbox, "mailbox"}, {lie_mailbox_end, "mailbox"}, {lie_comm, "name"},
        {lie_tid, "thread id"}, {lie_kind, "kind"}, {lie_version, "version"},
        {lie_reserved, "reserved"}, {lie_rip, "registers"}, {lie_two_stacks, "two"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bp_tables tables;
        struct bp_error err = {0};
        void *prologue = NULL;
        size_t bytes;
        tables_make(&tables, BP_IMAGE_SELF);
        rows[i].lie(&tables);
        CU_ASSERT_EQUAL(bp_tables_finish(&tables, &prologue, &bytes, &err), -EOPNOTSUPP);
        if (strstr(err.text, rows[i].found) == NULL)
            printf("# row %zu: \"%s\" has no \"%s\"\n", i, err.text, rows[i].found);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, rows[i].found));
        free(prologue);
        bp_tables_done(&tables);
    }
}

static void patches(void)
{
    struct bp_tables tables;
    void *prologue = NULL;
    size_t bytes;

    tables_make(&tables, BP_IMAGE_ENTRY);
    tables.patches[0].address = BASE + 11 * PAGE; /* between the runs */
    CU_ASSERT_EQUAL(bp_tables_finish(&tables, &prologue, &bytes, NULL), -EOPNOTSUPP);
    tables.patches[0].address = BASE + 14 * PAGE - 8; /* the last word of one */
    CU_ASSERT_EQUAL(bp_tables_finish(&tables, &prologue, &bytes, NULL), 0);
    free(prologue);
    tables.patches[0].address = BASE; /* before the first */
    CU_ASSERT_EQUAL(bp_tables_finish(&tables, &prologue, &bytes, NULL), -EOPNOTSUPP);
    tables.patches[0].address = BASE + 13 * PAGE + 4;
    CU_ASSERT_EQUAL(bp_tables_finish(&tables, &prologue, &bytes, NULL), -EOPNOTSUPP);
    bp_tables_done(&tables);
}

struct found {
    uint64_t start[16], pages[16];
    int count;
};

static int found_add(void *arg, uint64_t start, uint64_t pages, struct bp_error *err)
{
    struct found *found = arg;

    (void)err;
    if (found->count > 0 &&
        found->start[found->count - 1] + found->pages[found->count - 1] * PAGE == start) {
        found->pages[found->count - 1] += pages;
        return 0;
    }
    found->start[found->count] = start;
    found->pages[found->count++] = pages;
    return 0;
}

/* By the scan and by words: pages that were written, in both the same. */
static void own_pages(void)
{
    struct found found[2] = {{.count = 0}, {.count = 0}};
    volatile char *memory = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static const int written[] = {3, 4, 5, 40, 63};
    uint64_t start = (uint64_t)memory;

    madvise((void *)start, 64 * PAGE, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
        memory[(size_t)written[i] * PAGE] = 1;
    for (int way = 0; way < 2; way++) {
        struct bp_pages pages;
        CU_ASSERT_EQUAL(bp_pages_open(&pages, getpid(), way == 1, NULL), 0);
        CU_ASSERT_FALSE(way == 1 && pages.has_scan);
        CU_ASSERT_EQUAL(bp_pages_find(&pages, start, start + 64 * PAGE, false, found_add,
                                      &found[way], NULL), 0);
        bp_pages_done(&pages);
        CU_ASSERT_EQUAL(found[way].count, 3);
        CU_ASSERT(found[way].start[0] == start + 3 * PAGE && found[way].pages[0] == 3);
        CU_ASSERT(found[way].start[1] == start + 40 * PAGE && found[way].pages[1] == 1);
        CU_ASSERT(found[way].start[2] == start + 63 * PAGE && found[way].pages[2] == 1);
    }
    munmap((void *)start, 64 * PAGE);
}

static void own_maps(void)
{
    char *memory = mmap(NULL, 16 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct bp_maps maps;
    bool is_found = false, has_stack = false;

    madvise(memory, 16 * PAGE, MADV_DONTFORK);
    CU_ASSERT_EQUAL(bp_maps_read(getpid(), &maps, NULL), 0);
    for (size_t i = 0; i < maps.count; i++) {
        const struct bp_map *map = &maps.maps[i];
        is_found |= map->start == (uint64_t)memory && map->end == map->start + 16 * PAGE &&
                    map->prot == PROT_READ && (map->area_flags & BP_AREA_DONTFORK) != 0 &&
                    !map->is_shared && map->path[0] == '\0';
        has_stack |= strcmp(map->path, "[stack]") == 0 &&
                     (map->area_flags & BP_AREA_GROWSDOWN) != 0;
    }
    CU_ASSERT(is_found);
    CU_ASSERT(has_stack);
    bp_maps_done(&maps);
    munmap(memory, 16 * PAGE);
}

static void cpus(void)
{
    uint32_t have[BP_IMAGE_CPU_WORDS], wanted[BP_IMAGE_CPU_WORDS] = {0};

    bp_cpu_read(have);
    CU_ASSERT_PTR_NULL(bp_cpu_missing(have, have));
    CU_ASSERT_PTR_NULL(bp_cpu_missing(wanted, have));
    wanted[2] = 1u << 5;
    have[2] = 0;
    CU_ASSERT_STRING_EQUAL(bp_cpu_missing(wanted, have), "avx2");
    wanted[2] = 1u << 12; /* no instruction: does not matter */
    CU_ASSERT_PTR_NULL(bp_cpu_missing(wanted, have));
}

static void cpus_lessened(void)
{
    uint32_t all[BP_CPU_WORDS], less[BP_CPU_WORDS];

    memset(all, 0xff, sizeof(all));
    memcpy(less, all, sizeof(all));
    CU_ASSERT_EQUAL(bp_cpu_take_away(less, "avx512f,", 7), 0);
    CU_ASSERT_STRING_EQUAL(bp_cpu_missing(all, less), "avx512f");
    CU_ASSERT_PTR_NULL(bp_cpu_missing(less, all));
    CU_ASSERT_EQUAL(bp_cpu_take_away(less, "avx51", 5), -1);
    CU_ASSERT_EQUAL(bp_cpu_take_away(less, "avx512f2", 8), -1);
    CU_ASSERT_EQUAL(bp_cpu_take_away(less, "", 0), -1);
}

static long memory_read(void *arg, void *buffer, size_t size, uint64_t offset)
{
    const char *file = arg;

    if (offset > 512)
        return 0;
    size = size < 512 - offset ? size : 512 - offset;
    memcpy(buffer, file + offset, size);
    return (long)size;
}

static void build_ids(void)
{
    uint8_t id[32];
    uint32_t file[128] = {0x464c457f, 0x00010102};

    file[8] = 64;               /* e_phoff */
    file[13] = 56u << 16;       /* e_phentsize */
    file[14] = 1;               /* e_phnum */
    file[16] = 4;               /* PT_NOTE, at 256, of 20 bytes */
    file[18] = 256;
    file[24] = 20;
    file[64] = 4;               /* "GNU", 4 bytes */
    file[65] = 4;
    file[66] = 3;               /* NT_GNU_BUILD_ID */
    file[67] = 0x00554e47;
    file[68] = 0x04030201;
    CU_ASSERT_EQUAL(bp_elf_build_id(memory_read, file, id, sizeof(id)), 4);
    CU_ASSERT(id[0] == 1 && id[3] == 4 && id[4] == 0);
    file[65] = 8; /* beyond the note's segment */
    CU_ASSERT_EQUAL(bp_elf_build_id(memory_read, file, id, sizeof(id)), 0);
    file[65] = 0xfffffffe;
    CU_ASSERT_EQUAL(bp_elf_build_id(memory_read, file, id, sizeof(id)), 0);
    file[0] = 0;
    CU_ASSERT_EQUAL(bp_elf_build_id(memory_read, file, id, sizeof(id)), 0);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"a right image", right_image},
        {"lies are found by name", lies},
        {"patches lie in pages", patches},
        {"own pages by scan and by words", own_pages},
        {"mappings and their flags", own_maps},
        {"CPUs by feature", cpus},
        {"CPUs without a feature", cpus_lessened},
        {"build ids", build_ids},
        {NULL, NULL},
    };
    return bp_tap_run("image", tests);
}
