/* SPDX-License-Identifier: BSD-3-Clause */
/* exec.c - the image of a program that was executed here and has not run. The new process has the
 * stack, the environment and the identity of the restorer's own exec, so the image is little more
 * than the mappings. */
#include "image/exec.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cpu.h"
#include "common/mem.h"
#include "image/entry.h"
#include "image/maps.h"
#include "image/memory.h"
#include "image/process.h"
#include "image/program.h"
#include "image/source.h"
#include "image/symbol.h"

/* A program that asks for an executable stack would not get one from the restorer's exec. */
static int stack_check(const struct bp_tables *tables, const char *path, struct bp_error *err)
{
    for (uint32_t i = 0; i < tables->head.areas; i++)
        if ((tables->areas[i].flags & BP_AREA_STACK) != 0 &&
            (tables->areas[i].prot & PROT_EXEC) != 0)
            return bp_error_set(err, -ENOTSUP, "%s needs an executable stack", path);
    return 0;
}

/* What the node's kernel gives to the restorer, the program gets from there. */
static bool is_kernels(const struct bp_image_area *area)
{
    return (area->flags & BP_AREA_STACK) != 0 || area->kind == BP_AREA_VDSO ||
           area->kind == BP_AREA_VVAR;
}

static bool is_program(const struct bp_tables *tables, const struct bp_image_area *area)
{
    return area->kind == BP_AREA_FILE &&
           strcmp(tables->strings + tables->files[area->file].path,
                  tables->strings + tables->head.exe) == 0 &&
           tables->files[area->file].size <= BP_EXEC_CARRY_MAX;
}

/* An area whose file is carried, up to the end of the file. */
static int area_carry(struct bp_tables *to, struct bp_image_area area, uint64_t size,
                      struct bp_error *err)
{
    uint64_t bytes = area.end - area.start;
    if (size <= area.offset)
        bytes = 0;
    else if (size - area.offset < bytes)
        bytes = (size - area.offset + BP_IMAGE_PAGE - 1) / BP_IMAGE_PAGE * BP_IMAGE_PAGE;
    area.kind = BP_AREA_ANON;
    area.flags |= BP_AREA_CARRIED;
    area.offset = area.file = 0;
    int r = bp_tables_area(to, &area, err);
    return r < 0 || bytes == 0 ? r : bp_tables_run(to, area.start, bytes / BP_IMAGE_PAGE, err);
}

static int area_copy(struct bp_tables *to, const struct bp_tables *from, struct bp_image_area area,
                     const struct bp_image_run *runs, struct bp_error *err)
{
    int r = bp_tables_string(to, from->strings + area.name, &area.name, err);
    if (r == 0 && area.kind == BP_AREA_FILE && is_program(from, &area))
        return area_carry(to, area, from->files[area.file].size, err);
    if (r == 0 && area.kind == BP_AREA_FILE) {
        const struct bp_image_file *file = &from->files[area.file];
        r = bp_tables_file(to, file, from->strings + file->path, &area.file, err);
    }
    if (r == 0)
        r = bp_tables_area(to, &area, err);
    for (uint32_t i = 0; r == 0 && i < area.runs; i++)
        r = bp_tables_run(to, runs[i].start, runs[i].pages, err);
    return r;
}

/* Memory of a program of which nothing has run: its own file travels, and what the kernel makes
 * stays here. */
static int memory_begin(struct bp_tables *tables, const struct bp_hold *hold, const char *path,
                        const struct bp_image_options *options, struct bp_error *err)
{
    struct bp_tables all;
    bp_tables_init(&all, BP_IMAGE_LD);
    int r = bp_process_capture(&all, hold->pid, err);
    if (r == 0)
        r = bp_memory_capture(&all, hold->pid, hold->memory, options, err);
    if (r == 0)
        r = stack_check(&all, path, err);
    const struct bp_image_run *runs = all.runs;
    for (uint32_t i = 0; r == 0 && i < all.head.areas; i++) {
        if (!is_kernels(&all.areas[i]))
            r = area_copy(tables, &all, all.areas[i], runs, err);
        runs += all.areas[i].runs;
    }
    bp_tables_done(&all);
    return r;
}

/* Memory of a program whose libraries are ready. They hold pointers into the old stack, so its
 * pages stay where they are, as memory like any other. */
static int memory_entry(struct bp_tables *tables, const struct bp_hold *hold, const char *path,
                        const struct bp_image_options *options, struct bp_error *err)
{
    int r = bp_memory_capture(tables, hold->pid, hold->memory, options, err);
    if (r == 0)
        r = stack_check(tables, path, err);
    if (r == 0)
        r = bp_entry_finish(hold, path, tables, err);
    for (uint32_t i = 0; i < tables->head.areas; i++)
        if ((tables->areas[i].flags & BP_AREA_STACK) != 0)
            tables->areas[i].flags &= ~(uint32_t)(BP_AREA_STACK | BP_AREA_GROWSDOWN);
    bp_cpu_read(tables->head.cpu);
    return r;
}

/* The break of a program of which something has run is not told from outside; its page is. */
static void break_take(struct bp_tables *tables)
{
    tables->head.memory.brk = tables->head.memory.start_brk;
    for (uint32_t i = 0; i < tables->head.areas; i++)
        if ((tables->areas[i].flags & BP_AREA_HEAP) != 0)
            tables->head.memory.brk = tables->areas[i].end;
}

static void registers_take(struct bp_image_thread *thread, const struct bp_hold *hold)
{
    const struct user_regs_struct *regs = &hold->regs;
    thread->registers = (struct bp_image_registers){
        .r8 = regs->r8,
        .r9 = regs->r9,
        .r10 = regs->r10,
        .r11 = regs->r11,
        .r12 = regs->r12,
        .r13 = regs->r13,
        .r14 = regs->r14,
        .r15 = regs->r15,
        .rdi = regs->rdi,
        .rsi = regs->rsi,
        .rbp = regs->rbp,
        .rbx = regs->rbx,
        .rdx = regs->rdx,
        .rax = regs->rax,
        .rcx = regs->rcx,
        .rsp = regs->rsp,
        .rip = regs->rip,
        .eflags = regs->eflags,
        .fs_base = regs->fs_base,
        .gs_base = regs->gs_base,
    };
    if (!hold->at_entry)
        return;
    thread->tid_address = hold->tid_address;
    thread->robust_list = hold->robust_list;
    thread->robust_bytes = (uint32_t)hold->robust_bytes;
    thread->rseq = hold->rseq;
    thread->rseq_bytes = hold->rseq_bytes;
    thread->rseq_signature = hold->rseq_signature;
}

/* A string of the process, which may cross pages. */
static int string_peek(int memory, uint64_t place, char *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t piece = BP_IMAGE_PAGE - (place + done) % BP_IMAGE_PAGE;
        if (piece > size - done)
            piece = size - done;
        int r = bp_symbol_peek(memory, place + done, buffer + done, piece);
        if (r < 0)
            return r;
        if (memchr(buffer + done, '\0', piece) != NULL)
            return 0;
        done += piece;
    }
    return -ENAMETOOLONG;
}

/* The names: of the process, and the one that it was started by. */
static int names_take(struct bp_tables *tables, const struct bp_hold *hold, struct bp_error *err)
{
    auto_free char *comm = NULL;
    size_t bytes;
    int r = bp_proc_read(hold->pid, "comm", &comm, &bytes, err);
    if (r < 0)
        return r;
    comm[strcspn(comm, "\n")] = '\0';
    strncpy(tables->head.thread.comm, comm, sizeof tables->head.thread.comm - 1);
    for (uint32_t i = 0; i < tables->head.auxv_words; i += 2) {
        char name[PATH_MAX];
        if (tables->auxv[i] != AT_EXECFN)
            continue;
        r = string_peek(hold->memory, tables->auxv[i + 1], name, sizeof name);
        if (r < 0)
            return bp_error_set(err, r, "its name cannot be read: %s", strerror(-r));
        return bp_tables_string(tables, name, &tables->head.execfn, err);
    }
    return 0;
}

/* exec puts the words of a script's first line and its path in the place of argv[0]. */
static int words_take(struct bp_tables *tables, const struct bp_hold *hold, uint64_t argc,
                      struct bp_error *err)
{
    uint64_t place = hold->regs.rsp, count = 0;
    char word[PATH_MAX];
    int r = bp_symbol_peek(hold->memory, place, &count, sizeof count);
    for (uint64_t i = 0; r == 0 && count > argc && i < count - argc + 1; i++) {
        uint64_t address;
        uint32_t reference;
        r = bp_symbol_peek(hold->memory, place + 8 + i * 8, &address, sizeof address);
        if (r == 0)
            r = string_peek(hold->memory, address, word, sizeof word);
        if (r == 0 && word[0] == '\0')
            r = -ENOTSUP;
        if (r == 0)
            r = bp_tables_string(tables, word, &reference, err);
        if (r == 0 && tables->head.words_count++ == 0)
            tables->head.words = reference;
    }
    return r < 0 ? bp_error_set(err, r, "the arguments of the script cannot be read: %s",
                                strerror(-r))
                 : 0;
}

int bp_exec_tables(struct bp_tables *tables, const struct bp_hold *hold,
                   const struct bp_image_program *program, const struct bp_image_options *options,
                   struct bp_error *err)
{
    const char *path = program->path;
    uint64_t argc = 0;
    while (program->argv[argc] != NULL)
        argc++;
    int r = bp_program_check(hold->pid, path, err);
    if (r == 0)
        r = bp_process_capture(tables, hold->pid, err);
    if (r == 0)
        r = names_take(tables, hold, err);
    if (r == 0)
        r = words_take(tables, hold, argc > 0 ? argc : 1, err); /* exec makes none one */
    if (r < 0)
        return r;
    registers_take(&tables->head.thread, hold);
    r = hold->at_entry ? memory_entry(tables, hold, path, options, err)
                       : memory_begin(tables, hold, path, options, err);
    break_take(tables);
    return r;
}

int bp_image_capture_exec(const struct bp_image_options *options,
                          const struct bp_image_program *program, struct bp_image **ret_image,
                          struct bp_error *err)
{
    struct bp_hold_order order = {
        .path = program->path,
        .argv = program->argv,
        .envp = program->envp,
        .cwd = program->cwd,
        .search = program->search,
        .to_entry = program->kind == BP_IMAGE_ENTRY,
    };
    struct bp_hold hold;
    struct bp_tables tables;
    void *prologue;
    size_t bytes;
    int r = bp_hold_start(&order, &hold, err);
    if (r < 0)
        return r;
    auto_close int link = hold.link, memory = hold.memory;
    bp_tables_init(&tables, hold.at_entry ? BP_IMAGE_ENTRY : BP_IMAGE_LD);
    r = bp_exec_tables(&tables, &hold, program, options, err);
    if (r == 0)
        r = bp_tables_finish(&tables, &prologue, &bytes, err);
    bp_tables_done(&tables);
    if (r == 0)
        r = bp_image_make(prologue, bytes, hold.pid, link, memory, NULL, ret_image, err);
    if (r < 0)
        return r;
    link = memory = -1;
    return 0;
}

char **bp_image_arguments(const struct bp_image *image, char *const *argv)
{
    uint32_t words = image->view.head->words_count;
    const char *word = image->view.strings + image->view.head->words;
    size_t argc = 0, n = 0;
    while (argv[argc] != NULL)
        argc++;
    char **all = calloc(argc + words + 1, sizeof *all);
    if (all == NULL)
        return NULL;
    for (; n < words; word += strlen(word) + 1)
        all[n++] = (char *)word;
    for (size_t i = words > 0 && argc > 0 ? 1 : 0; i < argc; i++)
        all[n++] = argv[i];
    return all;
}
