/* SPDX-License-Identifier: BSD-3-Clause */
/* picture_box.h - boxes in boxes, and where each is drawn. */
#ifndef BP_PLACEMENT_PICTURE_BOX_H
#define BP_PLACEMENT_PICTURE_BOX_H

#include <stddef.h>

enum bp_box_kind {
    BP_BOX_CANVAS,
    BP_BOX_NODE,
    BP_BOX_PACKAGE,
    BP_BOX_NUMA,
    BP_BOX_CACHE,
    BP_BOX_CORE,   /* these and the next have no parts: their maker gives them a size */
    BP_BOX_DEVICE,
    BP_BOX_NOTE,
    BP_BOX_KINDS
};

struct bp_box {
    enum bp_box_kind kind;
    char *label; /* head line; NULL = no head */
    char *more;  /* behind or under it; NULL = none */
    struct bp_box *parts; /* in a grid */
    size_t part_count;
    struct bp_box *extras; /* in a grid under it, as wide as that */
    size_t extra_count;
    size_t columns, extra_columns;
    int x, y, width, height; /* pixels */
    const void *owner; /* of the maker: a leaf's board, and the tiles or the device it shows */
    size_t first, end;
};

/* Append a copy of *take to parts or extras; the box is its owner then. */
void bp_box_add(struct bp_box **boxes, size_t *count, const struct bp_box *take);
void bp_box_done(struct bp_box *box);

/* Sizes and places of a box, which is at (0, 0), and of all in it. */
void bp_box_arrange(struct bp_box *box);

/* Pixels that a text takes at most in this size. */
int bp_box_letters(const char *text, int font_size);

/* Font sizes: of a head of that kind; of a core's and a device's words. */
int bp_box_font(enum bp_box_kind kind);

#endif
