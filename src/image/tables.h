/* SPDX-License-Identifier: BSD-3-Clause */
/* tables.h - the prologue of an image while a capture makes it. */
#ifndef BP_IMAGE_TABLES_H
#define BP_IMAGE_TABLES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "image/format.h"

struct bp_keep;

struct bp_tables {
    struct bp_image_head head; /* its counts are those of the tables */
    struct bp_image_area *areas;
    struct bp_image_run *runs;
    struct bp_image_file *files;
    struct bp_image_pending *pending;
    struct bp_image_patch *patches;
    struct bp_image_run *guards;
    uint64_t auxv[BP_IMAGE_AUXV_MAX];
    char *strings;
    const struct bp_keep *keep; /* what the process has and a copy of it has not; or NULL */
    size_t areas_room, runs_room, files_room, pending_room, patches_room, guards_room, strings_room;
};

void bp_tables_init(struct bp_tables *tables, enum bp_image_kind kind);
void bp_tables_done(struct bp_tables *tables);

/* Append. Areas and runs come in order of their addresses; a run belongs to the last area, and one
 * that continues the run before it becomes part of that. -E2BIG with a sentence. */
int bp_tables_area(struct bp_tables *tables, const struct bp_image_area *area,
                   struct bp_error *err);
int bp_tables_run(struct bp_tables *tables, uint64_t start, uint64_t pages, struct bp_error *err);
/* Guards may be in any area that is there. */
int bp_tables_guard(struct bp_tables *tables, uint64_t start, uint64_t pages, struct bp_error *err);
int bp_tables_pending(struct bp_tables *tables, const void *info, struct bp_error *err);
int bp_tables_patch(struct bp_tables *tables, uint64_t address, enum bp_image_patch_what what,
                    struct bp_error *err);
/* *ret_index: of this file, or of one with the same path and identity that was there. */
int bp_tables_file(struct bp_tables *tables, const struct bp_image_file *file, const char *path,
                   uint32_t *ret_index, struct bp_error *err);
int bp_tables_string(struct bp_tables *tables, const char *text, uint32_t *ret_reference,
                     struct bp_error *err);

/* Put all into one prologue, checked; the caller frees it. */
int bp_tables_finish(const struct bp_tables *tables, void **ret_prologue, size_t *ret_bytes,
                     struct bp_error *err);

#endif
