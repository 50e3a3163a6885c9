/* SPDX-License-Identifier: BSD-3-Clause */
/* decode.c - see decode.h. Each check returns what is wrong, or NULL. */
#include "image/decode.h"

#include <stdbool.h>
#include <sys/mman.h>

#define PAGES_MAX (BP_IMAGE_HIGHEST / BP_IMAGE_PAGE)

static uint64_t padded(uint64_t bytes, uint64_t to)
{
    return (bytes + to - 1) / to * to;
}

static const char *counts_check(const struct bp_image_head *head)
{
    if (head->areas == 0 || head->areas > BP_IMAGE_AREAS_MAX)
        return "its number of areas is out of bounds";
    if (head->runs > BP_IMAGE_RUNS_MAX)
        return "it has too many runs of pages";
    if (head->files > BP_IMAGE_FILES_MAX)
        return "it has too many files";
    if (head->pending > BP_IMAGE_PENDING_MAX)
        return "it has too many pending signals";
    if (head->patches > BP_IMAGE_PATCHES_MAX)
        return "it has too many patches";
    if (head->guards > BP_IMAGE_GUARDS_MAX || head->unused != 0)
        return "it has too many guards";
    if (head->auxv_words > BP_IMAGE_AUXV_MAX || head->auxv_words % 2 != 0)
        return "its auxiliary vector has a wrong size";
    if (head->strings_bytes == 0 || head->strings_bytes > BP_IMAGE_STRINGS_MAX)
        return "its strings have a wrong size";
    if (head->pages > PAGES_MAX || head->pages < head->runs)
        return "its number of pages is out of bounds";
    return NULL;
}

const char *bp_image_decode_head(const struct bp_image_head *head,
                                 struct bp_image_layout *ret_layout)
{
    struct bp_image_layout layout;
    const char *problem;

    if (head->magic != BP_IMAGE_MAGIC)
        return "it does not begin as an image";
    if (head->version != BP_IMAGE_VERSION)
        return "it is an image of another version of bpmix";
    if (head->kind < BP_IMAGE_SELF || head->kind > BP_IMAGE_ENTRY)
        return "it is of an unknown kind";
    problem = counts_check(head);
    if (problem != NULL)
        return problem;
    for (size_t i = 0; i < sizeof(head->reserved); i++)
        if (head->reserved[i] != 0)
            return "its reserved bytes are in use";
    layout.areas = sizeof(*head);
    layout.runs = layout.areas + head->areas * sizeof(struct bp_image_area);
    layout.files = layout.runs + head->runs * sizeof(struct bp_image_run);
    layout.pending = layout.files + head->files * sizeof(struct bp_image_file);
    layout.patches = layout.pending + head->pending * sizeof(struct bp_image_pending);
    layout.guards = layout.patches + head->patches * sizeof(struct bp_image_patch);
    layout.auxv = layout.guards + head->guards * sizeof(struct bp_image_run);
    layout.strings = layout.auxv + head->auxv_words * sizeof(uint64_t);
    layout.data = padded(layout.strings + head->strings_bytes, BP_IMAGE_PAGE);
    layout.bytes = layout.data + head->pages * BP_IMAGE_PAGE;
    *ret_layout = layout;
    return NULL;
}

/* A reference to a string; all strings end in 0, as the last byte of the table is 0. */
static bool is_string(const struct bp_image_head *head, uint32_t reference)
{
    return reference < head->strings_bytes;
}

static const char *area_check(const struct bp_image_view *view, const struct bp_image_area *area)
{
    if ((area->start | area->end | area->offset) % BP_IMAGE_PAGE != 0)
        return "an area does not lie on pages";
    if (area->start < BP_IMAGE_LOWEST || area->end > BP_IMAGE_HIGHEST || area->start >= area->end)
        return "an area is out of bounds";
    if (area->kind < BP_AREA_ANON || area->kind > BP_AREA_VVAR)
        return "an area is of an unknown kind";
    if ((area->prot & ~(uint32_t)(PROT_READ | PROT_WRITE | PROT_EXEC)) != 0 ||
        (area->flags & ~(uint32_t)BP_AREA_FLAGS) != 0)
        return "an area has unknown flags";
    if (!is_string(view->head, area->name))
        return "an area's name is out of bounds";
    if (area->kind == BP_AREA_FILE) {
        if (area->file >= view->head->files)
            return "an area's file is out of bounds";
        if (area->offset > INT64_MAX - (area->end - area->start))
            return "an area lies beyond the end of all files";
    } else if (area->file != 0 || area->offset != 0) {
        return "an area without a file names one";
    }
    if ((area->flags & (BP_AREA_GROWSDOWN | BP_AREA_STACK)) != 0 && area->kind != BP_AREA_ANON)
        return "a stack is not anonymous";
    if (area->kind == BP_AREA_VVAR && area->runs != 0)
        return "the kernel's data has pages";
    return NULL;
}

/* The runs of one area, from index first on; adds their pages. */
static const char *area_runs_check(const struct bp_image_view *view,
                                   const struct bp_image_area *area, uint64_t first,
                                   uint64_t *pages)
{
    uint64_t free_from = area->start;

    if (area->runs > view->head->runs - first)
        return "an area has more runs than there are";
    for (uint64_t i = first; i < first + area->runs; i++) {
        const struct bp_image_run *run = &view->runs[i];
        if (run->start % BP_IMAGE_PAGE != 0 || run->start < free_from || run->start >= area->end ||
            run->pages == 0 || run->pages > (area->end - run->start) / BP_IMAGE_PAGE)
            return "a run of pages is out of its area";
        free_from = run->start + run->pages * BP_IMAGE_PAGE;
        *pages += run->pages;
    }
    if (area->kind == BP_AREA_VDSO &&
        (area->runs != 1 || view->runs[first].start != area->start || free_from != area->end))
        return "the vdso is not complete";
    return NULL;
}

static const char *areas_check(const struct bp_image_view *view)
{
    uint64_t free_from = 0, runs = 0, pages = 0, vdsos = 0, stacks = 0;

    for (uint32_t i = 0; i < view->head->areas; i++) {
        const struct bp_image_area *area = &view->areas[i];
        const char *problem = area_check(view, area);
        if (problem == NULL && area->start < free_from)
            problem = "its areas overlap or are not in order";
        if (problem == NULL)
            problem = area_runs_check(view, area, runs, &pages);
        if (problem != NULL)
            return problem;
        free_from = area->end;
        runs += area->runs;
        vdsos += area->kind == BP_AREA_VDSO;
        stacks += (area->flags & BP_AREA_STACK) != 0;
        if (area->kind == BP_AREA_VVAR &&
            (i + 1 == view->head->areas || area[1].start != area->end ||
             area[1].kind < BP_AREA_VDSO))
            return "the kernel's data does not stand before the vdso";
    }
    if (vdsos > 1 || stacks > 1)
        return "it has two vdsos or two first stacks";
    if (runs != view->head->runs)
        return "it has runs that are no area's";
    if (pages != view->head->pages)
        return "its runs do not have its number of pages";
    return NULL;
}

static const char *files_check(const struct bp_image_view *view)
{
    for (uint32_t i = 0; i < view->head->files; i++) {
        const struct bp_image_file *file = &view->files[i];
        if (!is_string(view->head, file->path) || view->strings[file->path] != '/')
            return "a file's path is not absolute";
        if (file->id_bytes > BP_IMAGE_ID_MAX || file->reserved != 0 || file->size > INT64_MAX)
            return "a file's identity is out of bounds";
    }
    return NULL;
}

/* The area, of memory or a file, in which all these bytes lie; or NULL. */
static const struct bp_image_area *area_of(const struct bp_image_view *view, uint64_t address,
                                           uint64_t bytes)
{
    uint32_t low = 0, high = view->head->areas;

    while (low < high) { /* the first area that ends after address */
        uint32_t middle = low + (high - low) / 2;
        if (view->areas[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < view->head->areas && view->areas[low].start <= address &&
                   view->areas[low].end - address >= bytes && view->areas[low].kind <= BP_AREA_FILE
               ? &view->areas[low]
               : NULL;
}

static bool is_writable(const struct bp_image_view *view, uint64_t address, uint64_t bytes)
{
    const struct bp_image_area *area = area_of(view, address, bytes);

    return area != NULL && (area->prot & PROT_WRITE) != 0;
}

static const char *guards_check(const struct bp_image_view *view)
{
    uint64_t free_from = 0;

    for (uint32_t i = 0; i < view->head->guards; i++) {
        const struct bp_image_run *guard = &view->guards[i];
        if (guard->start % BP_IMAGE_PAGE != 0 || guard->start < free_from || guard->pages == 0 ||
            guard->pages > PAGES_MAX ||
            area_of(view, guard->start, guard->pages * BP_IMAGE_PAGE) == NULL)
            return "a guard is out of its area";
        free_from = guard->start + guard->pages * BP_IMAGE_PAGE;
    }
    return NULL;
}

static bool is_patchable(const struct bp_image_view *view, uint64_t address)
{
    uint64_t low = 0, high = view->head->runs;

    while (low < high) { /* the first run that starts after address */
        uint64_t middle = low + (high - low) / 2;
        if (view->runs[middle].start > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low > 0 &&
           address - view->runs[low - 1].start < view->runs[low - 1].pages * BP_IMAGE_PAGE;
}

static const char *patches_check(const struct bp_image_view *view)
{
    if (view->head->patches != 0 && view->head->kind == BP_IMAGE_SELF)
        return "an image of a running process has patches";
    for (uint32_t i = 0; i < view->head->patches; i++) {
        const struct bp_image_patch *patch = &view->patches[i];
        if (patch->address % 8 != 0 || patch->reserved != 0 || patch->what < BP_PATCH_ARGV ||
            patch->what > BP_PATCH_WHATS)
            return "a patch is of an unknown form";
        if (!is_patchable(view, patch->address))
            return "a patch is not in the image's pages";
    }
    return NULL;
}

static const char *thread_check(const struct bp_image_view *view)
{
    const struct bp_image_head *head = view->head;
    const struct bp_image_thread *thread = &head->thread;

    if (head->kind == BP_IMAGE_SELF
            ? !is_writable(view, head->mailbox, sizeof(struct bp_image_mailbox))
            : head->mailbox != 0)
        return "its mailbox is not in its memory";
    if (thread->comm[sizeof(thread->comm) - 1] != 0)
        return "its name does not end";
    if (thread->tid_address != 0 && !is_writable(view, thread->tid_address, sizeof(uint32_t)))
        return "the place of its thread id is not in its memory";
    if (thread->registers.rip >= BP_IMAGE_HIGHEST ||
        thread->registers.fs_base >= BP_IMAGE_HIGHEST ||
        thread->registers.gs_base >= BP_IMAGE_HIGHEST)
        return "its registers are out of bounds";
    return NULL;
}

/* The strings of the table from one on; the last byte of the table is 0. */
static const char *words_check(const struct bp_image_view *view)
{
    uint64_t at = view->head->words;

    if (view->head->words_count > BP_IMAGE_WORDS_MAX)
        return "it has too many words of a script";
    for (uint32_t i = 0; i < view->head->words_count; i++) {
        while (at < view->head->strings_bytes && view->strings[at] != 0)
            at++;
        if (at++ >= view->head->strings_bytes)
            return "its words of a script are out of bounds";
    }
    return NULL;
}

const char *bp_image_decode(const void *prologue, uint64_t size, struct bp_image_view *ret_view)
{
    const char *bytes = prologue, *problem;
    struct bp_image_view view = {.head = prologue};

    if (size < sizeof(*view.head))
        return "it is shorter than a head";
    problem = bp_image_decode_head(view.head, &view.layout);
    if (problem != NULL)
        return problem;
    if (size < view.layout.data)
        return "it ends within its tables";
    view.areas = (const void *)(bytes + view.layout.areas);
    view.runs = (const void *)(bytes + view.layout.runs);
    view.files = (const void *)(bytes + view.layout.files);
    view.pending = (const void *)(bytes + view.layout.pending);
    view.patches = (const void *)(bytes + view.layout.patches);
    view.guards = (const void *)(bytes + view.layout.guards);
    view.auxv = (const void *)(bytes + view.layout.auxv);
    view.strings = bytes + view.layout.strings;
    if (view.strings[0] != 0 || view.strings[view.head->strings_bytes - 1] != 0)
        return "its strings do not end";
    if (!is_string(view.head, view.head->exe) || !is_string(view.head, view.head->cwd) ||
        !is_string(view.head, view.head->execfn))
        return "its paths are out of bounds";
    if (view.head->auxv_words != 0 && view.auxv[view.head->auxv_words - 2] != 0)
        return "its auxiliary vector does not end";
    if ((problem = areas_check(&view)) != NULL || (problem = files_check(&view)) != NULL ||
        (problem = words_check(&view)) != NULL || (problem = guards_check(&view)) != NULL ||
        (problem = patches_check(&view)) != NULL || (problem = thread_check(&view)) != NULL)
        return problem;
    *ret_view = view;
    return NULL;
}
