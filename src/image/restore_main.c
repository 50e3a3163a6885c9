/* SPDX-License-Identifier: BSD-3-Clause */
/* restore_main.c - bprestore: the calling process becomes an image. See format.h for its arguments
 * and restore.h for its two parts. */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>

#include "common/cpu.h"
#include "image/image.h"
#include "image/restore.h"

#define STACK_BYTES 65536
#define USER_END    0x7ffffffff000ULL

/* The linker's: where the program begins. */
extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

/* exec's stack pointer is the address of the block. */
__asm__(".text\n"
        ".globl _start\n"
        "_start:\n"
        "    xor %ebp, %ebp\n"
        "    mov %rsp, %rdi\n"
        "    and $-16, %rsp\n"
        "    call bp_restore_main\n"
        "    hlt\n");

__attribute__((noreturn, used)) void bp_restore_main(uint64_t *block);

/* Compilers call these for structures. */
void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

__attribute__((used)) void *memcpy(void *to, const void *from, size_t bytes)
{
    bp_bytes_copy(to, from, bytes);
    return to;
}

__attribute__((used)) void *memset(void *to, int value, size_t bytes)
{
    void *at = to;

    __asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
    return to;
}

static uint64_t text_length(const char *text)
{
    uint64_t length = 0;

    while (text[length] != 0)
        length++;
    return length;
}

static void text_add(char *text, uint64_t size, uint64_t *used, const char *more)
{
    for (; *more != 0 && *used + 1 < size; more++)
        text[(*used)++] = *more;
}

/* Its length, with the newline that replaces its end. */
static uint64_t line_end(char *text)
{
    uint64_t length = text_length(text);

    text[length] = '\n';
    return length + 1;
}

void bp_restore_fail(const struct bp_restore *restore, long code, const char *what,
                     const char *detail)
{
    struct bp_restore_report report;
    uint64_t used = 0;

    bp_bytes_zero(&report, sizeof(report));
    report.code = (int32_t)code;
    if ((restore->flags & BP_RESTORE_TEXT) != 0)
        text_add(report.text, sizeof(report.text), &used, "bproc: it could not be restored: ");
    text_add(report.text, sizeof(report.text), &used, what);
    if (detail != NULL) {
        text_add(report.text, sizeof(report.text), &used, " (");
        if (text_length(detail) > 160) /* the end of a path tells more */
            detail += text_length(detail) - 160;
        text_add(report.text, sizeof(report.text), &used, detail);
        text_add(report.text, sizeof(report.text), &used, ")");
    }
    if ((restore->flags & BP_RESTORE_TEXT) != 0)
        BP_SYS(SYS_write, restore->report_fd, report.text, line_end(report.text), 0, 0, 0);
    else
        BP_SYS(SYS_write, restore->report_fd, &report, sizeof(report), 0, 0, 0);
    for (;;)
        BP_SYS(SYS_exit_group, 127, 0, 0, 0, 0, 0);
}

static void read_all(const struct bp_restore *restore, uint64_t to, uint64_t bytes)
{
    for (uint64_t done = 0; done < bytes;) {
        long n = BP_SYS(SYS_pread64, restore->image_fd, to + done, bytes - done, done, 0, 0);
        if (n == -EINTR)
            continue;
        if (n <= 0)
            bp_restore_fail(restore, n < 0 ? n : -EBADMSG, "the image cannot be read", NULL);
        done += (uint64_t)n;
    }
}

/* Read and check head and tables, into a mapping of their own. */
static void prologue_read(struct bp_restore *restore)
{
    struct bp_image_head *head = (void *)restore->vectors; /* not needed yet */
    struct bp_image_layout layout;
    const char *problem;
    long place;

    _Static_assert(sizeof(restore->vectors) >= sizeof(*head), "it fits");
    read_all(restore, (uint64_t)head, sizeof(*head));
    problem = bp_image_decode_head(head, &layout);
    if (problem != NULL)
        bp_restore_fail(restore, -EBADMSG, "the image is wrong", problem);
    place = BP_SYS(SYS_mmap, 0, layout.data, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                   -1, 0);
    if (bp_is_error(place))
        bp_restore_fail(restore, place, "there is no memory for the image's tables", NULL);
    read_all(restore, (uint64_t)place, layout.data);
    problem = bp_image_decode((void *)place, layout.data, &restore->view);
    if (problem != NULL)
        bp_restore_fail(restore, -EBADMSG, "the image is wrong", problem);
    restore->prologue = (uint64_t)place;
    restore->prologue_bytes = layout.data;
}

/* A process that began on a better CPU has chosen its functions for that. */
static void cpu_check(const struct bp_restore *restore)
{
    const char *missing = bp_cpu_missing(restore->view.head->cpu, restore->cpu);

    if (missing != NULL)
        bp_restore_fail(restore, -ENOTSUP, "this CPU has not all that the process began with",
                        missing);
}

/* The tables are now at another address. */
static void view_move(struct bp_restore *restore, uint64_t place)
{
    struct bp_image_view *view = &restore->view;

    view->head = (void *)place;
    view->areas = (void *)(place + view->layout.areas);
    view->runs = (void *)(place + view->layout.runs);
    view->files = (void *)(place + view->layout.files);
    view->pending = (void *)(place + view->layout.pending);
    view->patches = (void *)(place + view->layout.patches);
    view->guards = (void *)(place + view->layout.guards);
    view->auxv = (void *)(place + view->layout.auxv);
    view->strings = (void *)(place + view->layout.strings);
    restore->prologue = place;
}

static void range_unmap(const struct bp_restore *restore, uint64_t start, uint64_t end)
{
    long rc = start < end ? BP_SYS(SYS_munmap, start, end - start, 0, 0, 0, 0) : 0;

    if (bp_is_error(rc))
        bp_restore_fail(restore, rc, "the restorer's own memory cannot be unmapped", NULL);
}

struct range {
    uint64_t start, end;
};

/* Add a range that stays, in order. */
static void range_keep(struct range *kept, uint32_t *count, uint64_t start, uint64_t bytes)
{
    uint32_t i = *count;

    if (bytes == 0)
        return;
    for (; i > 0 && kept[i - 1].start > start; i--)
        kept[i] = kept[i - 1];
    kept[i] = (struct range){start, start + bytes};
    ++*count;
}

/* Everything goes but the hole and, where they are kept, the stack and the vdso. */
static void others_unmap(const struct bp_restore *restore)
{
    struct range kept[3];
    uint32_t count = 0;
    uint64_t from = 0;

    range_keep(kept, &count, restore->hole, restore->hole_bytes);
    range_keep(kept, &count, restore->stack, restore->stack_bytes);
    if (restore->vdso_stays)
        range_keep(kept, &count, restore->pieces[0].start, bp_restore_vdso_bytes(restore));
    for (uint32_t i = 0; i < count; i++) {
        range_unmap(restore, from, kept[i].start);
        from = kept[i].end;
    }
    range_unmap(restore, from, USER_END);
}

/* Second part, on the stack in the hole. */
static __attribute__((noreturn)) void second_part(struct bp_restore *restore)
{
    bool has_run = restore->view.head->kind == BP_IMAGE_SELF;

    bp_restore_vdso_park(restore);
    if (!has_run)
        bp_restore_start_clear(restore);
    others_unmap(restore);
    bp_restore_interp_find(restore);
    bp_restore_map(restore);
    bp_restore_vdso_place(restore);
    if (restore->interp < restore->view.head->files)
        bp_restore_interp_load(restore);
    if (!has_run)
        bp_restore_start(restore);
    bp_restore_state(restore);
    bp_restore_enter(restore);
}

uint64_t bp_restore_code_copy(char *to)
{
    const char *here = (const char *)&__ehdr_start;
    const Elf64_Phdr *segments = (const void *)(here + __ehdr_start.e_phoff);
    uint64_t first = 0, bytes = 0;

    for (int i = __ehdr_start.e_phnum - 1; i >= 0; i--)
        if (segments[i].p_type == PT_LOAD)
            first = segments[i].p_vaddr; /* with the head of the file */
    for (int i = 0; i < __ehdr_start.e_phnum; i++) {
        uint64_t at = segments[i].p_vaddr - first;
        if (segments[i].p_type != PT_LOAD)
            continue;
        if (to != NULL)
            bp_bytes_copy(to + at, here + at, segments[i].p_filesz);
        bytes = at + segments[i].p_memsz;
    }
    return bp_page_up(bytes);
}

/* Move to the hole: code, this struct, the stack, the tables, the block of arguments. */
static __attribute__((noreturn)) void first_part(struct bp_restore *restore)
{
    uint64_t code = bp_restore_code_copy(NULL);
    uint64_t self = bp_page_up(sizeof(*restore));
    uint64_t block = bp_page_up(restore->args.end - restore->args.start + BP_IMAGE_PAGE);
    uint64_t parking = bp_restore_vdso_bytes(restore), at;
    struct bp_restore *moved;
    long rc;

    restore->hole_bytes = code + self + STACK_BYTES + bp_page_up(restore->prologue_bytes) + block +
                          parking + BP_IMAGE_PAGE;
    restore->hole = bp_restore_hole(restore, restore->hole_bytes);
    bp_restore_code_copy((char *)restore->hole);
    rc = BP_SYS(SYS_mprotect, restore->hole, code, PROT_READ | PROT_EXEC, 0, 0, 0);
    if (bp_is_error(rc))
        bp_restore_fail(restore, rc, "no code may run in the hole", NULL);
    at = restore->hole + code + self + STACK_BYTES;
    rc = BP_SYS(SYS_mremap, restore->prologue, restore->prologue_bytes, restore->prologue_bytes,
                MREMAP_MAYMOVE | MREMAP_FIXED, at, 0);
    if (bp_is_error(rc))
        bp_restore_fail(restore, rc, "the image's tables cannot be moved", NULL);
    view_move(restore, at);
    at += bp_page_up(restore->prologue_bytes);
    if (restore->stack_bytes == 0)
        bp_restore_args_copy(restore, at);
    restore->parking = at + block;
    restore->last = restore->hole + restore->hole_bytes - BP_IMAGE_PAGE;
    moved = (void *)(restore->hole + code);
    bp_bytes_copy(moved, restore, offsetof(struct bp_restore, vectors));
    __asm__ volatile("mov %0, %%rsp\n"
                     "    xor %%ebp, %%ebp\n"
                     "    call *%1\n"
                     "    hlt"
                     :
                     : "r"(restore->hole + code + self + STACK_BYTES),
                       "r"(restore->hole + ((uint64_t)second_part - (uint64_t)&__ehdr_start)),
                       "D"(moved)
                     : "memory");
    __builtin_unreachable();
}

/* Until the image is whole. */
static void image_await(const struct bp_restore *restore)
{
    char byte;
    long n;

    do {
        n = BP_SYS(SYS_read, restore->gate_fd, &byte, 1, 0, 0, 0);
    } while (n == -EINTR);
    if (n != 1)
        bp_restore_fail(restore, -ECANCELED, "the image did not come", NULL);
    BP_SYS(SYS_close, restore->gate_fd, 0, 0, 0, 0, 0);
}

static __attribute__((noreturn)) void go_on(struct bp_restore *restore)
{
    uint64_t *block = (uint64_t *)restore->args.start;
    bool has_cpu = false;

    if (restore->exe_fd >= 0)
        bp_restore_exe_set(restore);
    if ((restore->flags & BP_RESTORE_DROP) != 0)
        bp_restore_exe_drop(restore);
    if (restore->gate_fd >= 0 && (restore->flags & BP_RESTORE_ENV) != 0) {
        bp_cpu_read(restore->cpu); /* meanwhile, as it will be a SELF */
        has_cpu = true;
    }
    bp_restore_vdso_find(restore);
    if (restore->gate_fd >= 0)
        image_await(restore);
    prologue_read(restore);
    if (restore->view.head->kind != BP_IMAGE_LD) { /* cpuid is slow in virtual machines */
        if (!has_cpu)
            bp_cpu_read(restore->cpu);
        cpu_check(restore);
    }
    if (restore->view.head->kind != BP_IMAGE_SELF)
        bp_restore_start_find(restore, block);
    first_part(restore);
}

void bp_restore_main(uint64_t *block)
{
    struct bp_restore restore;
    uint64_t all = ~0ULL;

    bp_bytes_zero(&restore, offsetof(struct bp_restore, vectors));
    restore.report_fd = restore.gate_fd = -1;
    BP_SYS(SYS_rt_sigprocmask, SIG_SETMASK, &all, &restore.signal_mask, sizeof(all), 0, 0);
    bp_restore_args_read(&restore, block);
    if (restore.exe_fd >= 0)
        bp_restore_exe_leave(&restore, go_on);
    go_on(&restore);
}
