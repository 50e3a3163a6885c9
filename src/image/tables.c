/* SPDX-License-Identifier: BSD-3-Clause */
/* tables.c - see tables.h. */
#include "image/tables.h"

#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "image/decode.h"

void bp_tables_init(struct bp_tables *tables, enum bp_image_kind kind)
{
    memset(tables, 0, sizeof(*tables));
    tables->head.magic = BP_IMAGE_MAGIC;
    tables->head.version = BP_IMAGE_VERSION;
    tables->head.kind = kind;
    tables->head.strings_bytes = 1; /* "", which stands there without a table */
}

void bp_tables_done(struct bp_tables *tables)
{
    free(tables->areas);
    free(tables->runs);
    free(tables->files);
    free(tables->pending);
    free(tables->patches);
    free(tables->guards);
    free(tables->strings);
}

/* A place for one more entry of size bytes; NULL when there are max. */
static void *entry_new(void *table, uint32_t *count, size_t *room, size_t size, uint32_t max,
                       const char *what, struct bp_error *err)
{
    char **entries = table;

    if (*count >= max) {
        bp_error_set(err, -E2BIG, "the process has more than %u %s", max, what);
        return NULL;
    }
    if (*count == *room) {
        size_t more = *room == 0 ? 64 : *room * 2;
        char *grown = realloc(*entries, more * size);
        if (grown == NULL) {
            bp_error_set(err, -ENOMEM, "there is no memory for the image's tables");
            return NULL;
        }
        *entries = grown;
        *room = more;
    }
    return *entries + (size_t)(*count)++ * size;
}

/* Why there is no new entry. */
static int err_code(const struct bp_error *err)
{
    return err != NULL ? err->code : -E2BIG;
}

int bp_tables_area(struct bp_tables *tables, const struct bp_image_area *area, struct bp_error *err)
{
    struct bp_image_area *entry =
        entry_new(&tables->areas, &tables->head.areas, &tables->areas_room, sizeof(*entry),
                  BP_IMAGE_AREAS_MAX, "mappings", err);

    if (entry == NULL)
        return err_code(err);
    *entry = *area;
    entry->runs = 0;
    return 0;
}

int bp_tables_run(struct bp_tables *tables, uint64_t start, uint64_t pages, struct bp_error *err)
{
    struct bp_image_area *area = &tables->areas[tables->head.areas - 1];
    struct bp_image_run *last = area->runs > 0 ? &tables->runs[tables->head.runs - 1] : NULL;

    tables->head.pages += pages;
    if (last != NULL && last->start + last->pages * BP_IMAGE_PAGE == start) {
        last->pages += pages;
        return 0;
    }
    last = entry_new(&tables->runs, &tables->head.runs, &tables->runs_room, sizeof(*last),
                     BP_IMAGE_RUNS_MAX, "scattered pieces of memory", err);
    if (last == NULL)
        return err_code(err);
    *last = (struct bp_image_run){.start = start, .pages = pages};
    area->runs++;
    return 0;
}

int bp_tables_guard(struct bp_tables *tables, uint64_t start, uint64_t pages, struct bp_error *err)
{
    struct bp_image_run *entry =
        entry_new(&tables->guards, &tables->head.guards, &tables->guards_room, sizeof(*entry),
                  BP_IMAGE_GUARDS_MAX, "guards in its memory", err);

    if (entry == NULL)
        return err_code(err);
    *entry = (struct bp_image_run){.start = start, .pages = pages};
    return 0;
}

int bp_tables_pending(struct bp_tables *tables, const void *info, struct bp_error *err)
{
    struct bp_image_pending *entry =
        entry_new(&tables->pending, &tables->head.pending, &tables->pending_room, sizeof(*entry),
                  BP_IMAGE_PENDING_MAX, "pending signals", err);

    if (entry == NULL)
        return err_code(err);
    memcpy(entry->info, info, sizeof(entry->info));
    return 0;
}

int bp_tables_patch(struct bp_tables *tables, uint64_t address, enum bp_image_patch_what what,
                    struct bp_error *err)
{
    struct bp_image_patch *entry =
        entry_new(&tables->patches, &tables->head.patches, &tables->patches_room, sizeof(*entry),
                  BP_IMAGE_PATCHES_MAX, "words that point at its arguments", err);

    if (entry == NULL)
        return err_code(err);
    *entry = (struct bp_image_patch){.address = address, .what = what};
    return 0;
}

static int file_is_same(const struct bp_tables *tables, const struct bp_image_file *a,
                        const struct bp_image_file *b, const char *path)
{
    return strcmp(tables->strings + a->path, path) == 0 && a->size == b->size &&
           a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns && a->id_bytes == b->id_bytes &&
           memcmp(a->id, b->id, sizeof(a->id)) == 0;
}

int bp_tables_file(struct bp_tables *tables, const struct bp_image_file *file, const char *path,
                   uint32_t *ret_index, struct bp_error *err)
{
    struct bp_image_file *entry;
    uint32_t reference;
    int rc;

    for (uint32_t i = tables->head.files; i-- > 0;)
        if (file_is_same(tables, &tables->files[i], file, path)) {
            *ret_index = i;
            return 0;
        }
    rc = bp_tables_string(tables, path, &reference, err);
    if (rc < 0)
        return rc;
    entry = entry_new(&tables->files, &tables->head.files, &tables->files_room, sizeof(*entry),
                      BP_IMAGE_FILES_MAX, "mapped files", err);
    if (entry == NULL)
        return err_code(err);
    *entry = *file;
    entry->path = reference;
    *ret_index = tables->head.files - 1;
    return 0;
}

int bp_tables_string(struct bp_tables *tables, const char *text, uint32_t *ret_reference,
                     struct bp_error *err)
{
    size_t bytes = strlen(text) + 1, used = tables->head.strings_bytes;

    if (bytes == 1) {
        *ret_reference = 0;
        return 0;
    }
    if (used + bytes > BP_IMAGE_STRINGS_MAX)
        return bp_error_set(err, -E2BIG, "the process has too many names of files");
    if (used + bytes > tables->strings_room) {
        size_t more = 2 * (used + bytes) + BP_IMAGE_PAGE;
        char *grown = realloc(tables->strings, more);
        if (grown == NULL)
            return bp_error_set(err, -ENOMEM, "there is no memory for the image's tables");
        grown[0] = '\0';
        tables->strings = grown;
        tables->strings_room = more;
    }
    memcpy(tables->strings + used, text, bytes);
    tables->head.strings_bytes = used + bytes;
    *ret_reference = (uint32_t)used;
    return 0;
}

static void put(char *prologue, uint64_t offset, const void *table, size_t count, size_t size)
{
    if (count > 0)
        memcpy(prologue + offset, table, count * size);
}

int bp_tables_finish(const struct bp_tables *tables, void **ret_prologue, size_t *ret_bytes,
                     struct bp_error *err)
{
    const struct bp_image_head *head = &tables->head;
    struct bp_image_layout at;
    struct bp_image_view view;
    const char *problem = bp_image_decode_head(head, &at);
    char *prologue;

    if (problem != NULL)
        return bp_error_set(err, -EOPNOTSUPP, "the process cannot be an image: %s", problem);
    prologue = calloc(1, at.data);
    if (prologue == NULL)
        return bp_error_set(err, -ENOMEM, "there is no memory for the image's tables");
    memcpy(prologue, head, sizeof(*head));
    put(prologue, at.areas, tables->areas, head->areas, sizeof(*tables->areas));
    put(prologue, at.runs, tables->runs, head->runs, sizeof(*tables->runs));
    put(prologue, at.files, tables->files, head->files, sizeof(*tables->files));
    put(prologue, at.pending, tables->pending, head->pending, sizeof(*tables->pending));
    put(prologue, at.patches, tables->patches, head->patches, sizeof(*tables->patches));
    put(prologue, at.guards, tables->guards, head->guards, sizeof(*tables->guards));
    put(prologue, at.auxv, tables->auxv, head->auxv_words, sizeof(*tables->auxv));
    if (tables->strings != NULL)
        put(prologue, at.strings, tables->strings, head->strings_bytes, 1);
    problem = bp_image_decode(prologue, at.data, &view);
    if (problem != NULL) {
        free(prologue);
        return bp_error_set(err, -EOPNOTSUPP, "the process cannot be an image: %s", problem);
    }
    *ret_prologue = prologue;
    *ret_bytes = at.data;
    return 0;
}
