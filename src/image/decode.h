/* SPDX-License-Identifier: BSD-3-Clause */
/* decode.h - the one decoder of images: pure, no libc, bounded, the same in every program. */
#ifndef BP_IMAGE_DECODE_H
#define BP_IMAGE_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "image/format.h"

/* Where the tables of a prologue are. */
struct bp_image_layout {
    uint64_t areas, runs, files, pending, patches, guards, auxv, strings; /* offsets */
    uint64_t data;  /* offset of the first page */
    uint64_t bytes; /* of the whole image */
};

/* The tables of a prologue that was checked. */
struct bp_image_view {
    const struct bp_image_head *head;
    const struct bp_image_area *areas;
    const struct bp_image_run *runs;
    const struct bp_image_file *files;
    const struct bp_image_pending *pending;
    const struct bp_image_patch *patches;
    const struct bp_image_run *guards;
    const uint64_t *auxv;
    const char *strings;
    struct bp_image_layout layout;
};

/* Check a head by itself. NULL and *ret_layout, or what is wrong with it. */
const char *bp_image_decode_head(const struct bp_image_head *head,
                                 struct bp_image_layout *ret_layout);

/* Check a whole prologue, 8-aligned, of size bytes (layout.data of its head at least). NULL and
 * *ret_view into it, or what is wrong. */
const char *bp_image_decode(const void *prologue, uint64_t size, struct bp_image_view *ret_view);

#endif
