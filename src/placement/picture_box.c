/* SPDX-License-Identifier: BSD-3-Clause */
/* picture_box.c - boxes in boxes: each level is a grid, of the shape nearest to what looks well. */
#include <stdbool.h>
#include <string.h>

#include "common/mem.h"
#include "placement/picture_box.h"

/* How a kind of box looks: pixels, and width through height that its grid should have. */
static const struct {
    int font, head, border, gap;
    double shape;
} looks[BP_BOX_KINDS] = {
    [BP_BOX_CANVAS] = {18, 58, 16, 16, 1.5},
    [BP_BOX_NODE] = {15, 28, 10, 10, 1.7},
    [BP_BOX_PACKAGE] = {12, 22, 8, 8, 1.7},
    [BP_BOX_NUMA] = {12, 22, 7, 7, 2.0},
    [BP_BOX_CACHE] = {11, 19, 5, 3, 2.4},
    [BP_BOX_CORE] = {12, 0, 0, 0, 1},
    [BP_BOX_DEVICE] = {11, 0, 0, 0, 1},
    [BP_BOX_NOTE] = {13, 0, 0, 0, 1},
};

int bp_box_font(enum bp_box_kind kind)
{
    return looks[kind].font;
}

int bp_box_letters(const char *text, int font_size)
{
    size_t letters = 0;
    for (; *text != '\0'; text++)
        letters += ((unsigned char)*text & 0xc0) != 0x80; /* UTF-8: first bytes only */
    return (int)(letters * (size_t)font_size * 64 / 100) + 1;
}

void bp_box_add(struct bp_box **boxes, size_t *count, const struct bp_box *take)
{
    if ((*count & (*count - 1)) == 0)
        *boxes = bp_realloc(*boxes, 2 * *count + 1, sizeof **boxes);
    (*boxes)[(*count)++] = *take;
}

void bp_box_done(struct bp_box *box)
{
    for (size_t i = 0; i < box->part_count; i++)
        bp_box_done(&box->parts[i]);
    for (size_t i = 0; i < box->extra_count; i++)
        bp_box_done(&box->extras[i]);
    free(box->parts);
    free(box->extras);
    free(box->label);
    free(box->more);
}

static void largest(const struct bp_box *boxes, size_t count, int *ret_width, int *ret_height)
{
    *ret_width = *ret_height = 0;
    for (size_t i = 0; i < count; i++) {
        *ret_width = boxes[i].width > *ret_width ? boxes[i].width : *ret_width;
        *ret_height = boxes[i].height > *ret_height ? boxes[i].height : *ret_height;
    }
}

/* The number of columns whose grid is nearest to the shape, with few empty places. */
static size_t best_columns(size_t count, int width, int height, double shape)
{
    size_t best = 1;
    double cheapest = 0;
    for (size_t columns = 1; columns <= count; columns++) {
        size_t rows = (count + columns - 1) / columns;
        double ratio = (double)columns * width / ((double)rows * height);
        double empty = (double)(rows * columns - count) / (double)count;
        double cost = (ratio > shape ? ratio / shape : shape / ratio) + 2 * empty;
        if (columns == 1 || cost < cheapest) {
            cheapest = cost;
            best = columns;
        }
    }
    return best;
}

/* Width of the head's words. */
static int head_width(const struct bp_box *box)
{
    int font = looks[box->kind].font;
    if (box->label == NULL || box->kind == BP_BOX_CANVAS)
        return 0;
    int width = bp_box_letters(box->label, font) + 4;
    return box->more != NULL ? width + bp_box_letters(box->more, font - 2) + 8 : width;
}

/* How the parts of a box stand together: cores, wherever they are, as in a cache. */
static enum bp_box_kind grid_kind(const struct bp_box *box)
{
    return box->part_count > 0 && box->parts[0].kind == BP_BOX_CORE ? BP_BOX_CACHE : box->kind;
}

static int head_height(const struct bp_box *box)
{
    return box->label != NULL ? looks[box->kind].head : looks[box->kind].border;
}

/* Rows of a grid, each as high as its highest box: the height of all of them. */
static int grid_height(const struct bp_box *boxes, size_t count, size_t columns, int gap)
{
    int sum = 0, width, height;
    for (size_t i = 0; i < count; i += columns) {
        largest(boxes + i, count - i < columns ? count - i : columns, &width, &height);
        sum += height + (i > 0 ? gap : 0);
    }
    return sum;
}

/* ---- first: how much each box needs, inner ones before outer ones ---- */

static void measure(struct bp_box *box)
{
    if (box->kind >= BP_BOX_CORE)
        return;
    int gap = looks[grid_kind(box)].gap, border = looks[box->kind].border;
    int inner = head_width(box), width, height;
    for (size_t i = 0; i < box->part_count; i++)
        measure(&box->parts[i]);
    largest(box->extras, box->extra_count, &width, &height);
    inner = width > inner ? width : inner;
    largest(box->parts, box->part_count, &width, &height);
    box->columns = best_columns(box->part_count, width + gap, height + gap,
                                looks[grid_kind(box)].shape);
    if (box->part_count > 0 && (int)box->columns * (width + gap) - gap > inner)
        inner = (int)box->columns * (width + gap) - gap;
    box->height = head_height(box) + border;
    box->height += grid_height(box->parts, box->part_count, box->columns, gap);
    if (box->extra_count > 0) {
        largest(box->extras, box->extra_count, &width, &height);
        size_t most = (size_t)((inner + gap) / (width + gap));
        size_t rows = (box->extra_count + most - 1) / most;
        box->extra_columns = (box->extra_count + rows - 1) / rows;
        gap = looks[box->kind].gap;
        box->height += grid_height(box->extras, box->extra_count, box->extra_columns, gap);
        box->height += box->part_count > 0 ? gap : 0;
    }
    box->width = inner + 2 * border;
}

/* ---- then: where each is, in all the room that its outer one has ---- */

static void place(struct bp_box *box, int x, int y, int width, int height);

/* A grid from (x, y) on, as wide as `inner`; `spare` of height is given to its rows. Returns y
 * below it. */
static int place_grid(struct bp_box *boxes, size_t count, size_t columns, int gap, int x, int y,
                      int inner, int spare)
{
    int rows = count > 0 ? (int)((count + columns - 1) / columns) : 1, width, height;
    for (size_t i = 0; i < count; i += columns) {
        size_t in_row = count - i < columns ? count - i : columns;
        largest(boxes + i, in_row, &width, &height);
        height += spare / rows;
        for (int k = 0; k < (int)in_row; k++) { /* to the pixel: the last one ends at the border */
            int from = k * (inner + gap) / (int)columns;
            int to = (k + 1) * (inner + gap) / (int)columns - gap;
            place(&boxes[i + (size_t)k], x + from, y, to - from, height);
        }
        y += height + gap;
    }
    return y;
}

static void place(struct bp_box *box, int x, int y, int width, int height)
{
    int gap = looks[box->kind].gap, border = looks[box->kind].border;
    int between = looks[grid_kind(box)].gap;
    bool small = box->part_count > 0 && box->parts[0].kind >= BP_BOX_CACHE;
    int spare = small ? 0 : height - box->height;
    box->x = x;
    box->y = y;
    if (box->kind == BP_BOX_NOTE) /* of its own size */
        return;
    box->width = width;
    box->height = height;
    if (box->kind >= BP_BOX_CORE)
        return;
    int inner = width - 2 * border;
    if (box->part_count > 0 && box->parts[0].kind == BP_BOX_CORE) {
        int widest = (int)box->columns * (2 * box->parts[0].width + between) - between;
        inner = inner < widest ? inner : widest; /* wider ones look like something else */
    }
    y = place_grid(box->parts, box->part_count, box->columns, between, x + border,
                   y + head_height(box), inner, spare);
    y += box->part_count > 0 ? gap - between : 0;
    place_grid(box->extras, box->extra_count, box->extra_columns, gap, x + border, y,
               width - 2 * border, 0);
}

void bp_box_arrange(struct bp_box *box)
{
    measure(box);
    place(box, 0, 0, box->width, box->height);
}
