/* SPDX-License-Identifier: BSD-3-Clause */
/* picture_svg.c - a map as one SVG document: boxes as the computers are built, ranks in colours. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "placement/picture_chassis.h"
#include "placement/picture_fold.h"
#include "placement/picture_xml.h"

#define LEAST_WIDTH  320 /* of the whole picture */
#define MOST_WIDTH   640 /* that it has for the sake of its title alone */
#define KEY_HEIGHT   34
#define STRIPES_MAX  8   /* colours of a box's ranks */
#define FOLD_NODES   32 /* with more of them, those that look alike are drawn once */

static const char style[] =
    "text{fill:#1f2933;text-anchor:start}\n"
    ".m{text-anchor:middle}.e{text-anchor:end}\n"
    ".b{font-weight:bold}.g{fill:#616e7c}.d{fill:#3e4c59}\n"
    "rect{stroke-width:1}\n"
    ".node{fill:#fdfdfc;stroke:#7b8794}.package{fill:#f0f3f6;stroke:#9aa5b1}\n"
    ".numa{fill:#e3e9ef;stroke:#b0bac5}.cache{fill:#fff;stroke:#b0bac5}\n"
    ".free{fill:#fff;stroke:#cbd2d9}.used{fill:url(#used);stroke:#9aa5b1}\n"
    ".shared{fill:url(#shared);stroke:#c9a227}.device{fill:#fff;stroke:#7b8794}\n"
    ".rank{stroke:#52606d}.frame{fill:none;stroke:#52606d}\n"
    ".note{fill:none;stroke:#9aa5b1;stroke-dasharray:5 4}\n"
    ".thread{stroke:#52606d;stroke-opacity:.35}\n";

static void rect(FILE *out, const char *class, int x, int y, int width, int height, int round)
{
    fprintf(out, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"%d\"/>\n",
            class, x, y, width, height, round);
}

static void words(FILE *out, const char *class, int x, int y, int size, const char *text)
{
    fprintf(out, "<text class=\"%s\" x=\"%d\" y=\"%d\" font-size=\"%d\">", class, x, y, size);
    bp_xml_put(out, text);
    fputs("</text>\n", out);
}

/* A box in the colours of its ranks, side by side. */
static void rank_rect(FILE *out, const struct bp_board *board, const uint32_t *locals,
                      size_t count, const struct bp_box *at, int round)
{
    if (count == 1) {
        fprintf(out, "<rect class=\"rank\" fill=\"#%06x\" x=\"%d\" y=\"%d\" width=\"%d\" "
                "height=\"%d\" rx=\"%d\"/>\n", bp_xml_colour(board->ranks[locals[0]]), at->x,
                at->y, at->width, at->height, round);
        return;
    }
    int stripes = count > STRIPES_MAX ? STRIPES_MAX : (int)count;
    for (int i = 0; i < stripes; i++) {
        int from = i * at->width / stripes, to = (i + 1) * at->width / stripes;
        fprintf(out, "<path fill=\"#%06x\" d=\"M%d %dh%dv%dh-%dz\"/>\n",
                bp_xml_colour(board->ranks[locals[i]]), at->x + from, at->y, to - from,
                at->height, to - from);
    }
    rect(out, "frame", at->x, at->y, at->width, at->height, 1);
}

/* ---- leaves ---- */

static const char *const states[] = {[BP_TILE_FREE] = "free", [BP_TILE_USED] = "used",
                                     [BP_TILE_SHARED] = "shared"};

/* The words of tiles [first, end) in the middle of their part of the core. */
static void draw_threads(FILE *out, const struct bp_board *board, size_t first, size_t end,
                         const struct bp_box *at)
{
    const struct bp_tile *tile = &board->tiles[first];
    if (tile->state != BP_TILE_BOUND) {
        rect(out, states[tile->state], at->x, at->y, at->width, at->height, 3);
        return;
    }
    auto_free char *text = bp_board_core_text(board, first, end);
    rank_rect(out, board, board->locals + tile->first, tile->end - tile->first, at, 3);
    words(out, "m", at->x + at->width / 2, at->y + at->height / 2 + 4, bp_box_font(BP_BOX_CORE),
          text);
}

static void core_title(FILE *out, const struct bp_board *board, size_t first, size_t end)
{
    uint8_t cpus[BP_CPUSET_BYTES_MAX] = {0};
    for (size_t i = first; i < end; i++)
        bp_cpuset_add(cpus, sizeof cpus, board->tiles[i].slot.pu);
    auto_free char *list = bp_cpuset_format(cpus, sizeof cpus);
    fprintf(out, "<title>core %u, CPU%s %s</title>\n", board->tiles[first].slot.core,
            end - first > 1 ? "s" : "", list);
}

static void draw_core(FILE *out, const struct bp_box *box)
{
    const struct bp_board *board = box->owner;
    size_t threads = box->end - box->first;
    fputs("<g>\n", out);
    core_title(out, board, box->first, box->end);
    bool divided = bp_board_divided(board, box->first, box->end);
    if (!divided)
        draw_threads(out, board, box->first, box->end, box);
    for (size_t i = 0; i < threads; i++) {
        int from = box->x + (int)i * box->width / (int)threads;
        int to = box->x + (int)(i + 1) * box->width / (int)threads;
        if (divided)
            draw_threads(out, board, box->first + i, box->first + i + 1,
                         &(struct bp_box){.x = from, .y = box->y, .width = to - from,
                                          .height = box->height});
        else if (i > 0) /* a mark at both ends, so that it stays out of the words */
            fprintf(out, "<path class=\"thread\" d=\"M%d %dv4m0 %dv4\"/>\n", from, box->y + 1,
                    box->height - 10);
    }
    fputs("</g>\n", out);
}

static void draw_device(FILE *out, const struct bp_box *box)
{
    auto_free char *label, *more, *ranks;
    auto_free uint32_t *locals;
    const struct bp_board *board = box->owner;
    int font = bp_box_font(BP_BOX_DEVICE);
    bp_board_device_words(board, box->first, &label, &more, &ranks);
    size_t count = bp_board_device(board, box->first, &locals);
    bool gpu = board->node->hardware->devices[box->first].kind == BP_DEVICE_GPU;
    if (gpu && count > 0)
        rank_rect(out, board, locals, count, box, 5);
    else
        rect(out, bp_board_device_used(board, box->first) ? "used" : "device", box->x, box->y,
             box->width, box->height, 5);
    words(out, "b", box->x + 8, box->y + 16, font, label);
    if (ranks[0] != '\0')
        words(out, "e", box->x + box->width - 8, box->y + 16, font, ranks);
    words(out, "d", box->x + 8, box->y + 31, font - 1, more);
}

static void draw_note(FILE *out, const struct bp_box *box)
{
    int font = bp_box_font(BP_BOX_NOTE), middle = box->y + box->height / 2;
    rect(out, "note", box->x, box->y, box->width, box->height, 5);
    words(out, "m b", box->x + box->width / 2, middle - 4, font, box->label);
    words(out, "m g", box->x + box->width / 2, middle + 16, font - 1, box->more);
}

/* ---- boxes ---- */

static void draw_box(FILE *out, const struct bp_box *box)
{
    static const char *const classes[] = {[BP_BOX_NODE] = "node",
                                          [BP_BOX_PACKAGE] = "package",
                                          [BP_BOX_NUMA] = "numa",
                                          [BP_BOX_CACHE] = "cache"};
    bool node = box->kind == BP_BOX_NODE;
    int font = bp_box_font(box->kind), base = box->y + font + (node ? 6 : 3);
    rect(out, classes[box->kind], box->x, box->y, box->width, box->height, 6);
    words(out, node ? "b" : "g", box->x + 8, base, font, box->label);
    if (box->more != NULL)
        words(out, "g", box->x + 16 + bp_box_letters(box->label, font), base, font - 2, box->more);
}

static void draw(FILE *out, const struct bp_box *box)
{
    if (box->kind == BP_BOX_CORE)
        draw_core(out, box);
    else if (box->kind == BP_BOX_DEVICE)
        draw_device(out, box);
    else if (box->kind == BP_BOX_NOTE)
        draw_note(out, box);
    else if (box->kind != BP_BOX_CANVAS)
        draw_box(out, box);
    for (size_t i = 0; i < box->part_count; i++)
        draw(out, &box->parts[i]);
    for (size_t i = 0; i < box->extra_count; i++)
        draw(out, &box->extras[i]);
}

/* ---- the whole ---- */

static void draw_title(FILE *out, const struct bp_picture *picture, const struct bp_box *canvas)
{
    const struct bp_map *map = picture->map;
    auto_free char *title = bp_format("%u rank%s on %u node%s", map->rank_count,
                                      map->rank_count == 1 ? "" : "s", map->node_count,
                                      map->node_count == 1 ? "" : "s");
    fputs("<title>", out);
    bp_xml_put(out, picture->command != NULL ? picture->command : title);
    fputs("</title>\n", out);
    words(out, "b", 16, 28, 18, title);
    if (picture->command == NULL)
        return;
    size_t room = (size_t)(canvas->width - 32) * 10 / 75; /* letters of this size at most */
    auto_free char *shown = bp_words_cut(picture->command, room);
    fprintf(out, "<g font-family=\"monospace\">");
    words(out, "g", 16, 46, 12, shown);
    fputs("</g>\n", out);
}

/* What colours and hatchings mean, below everything. */
static void draw_key(FILE *out, const bool *marked, int y)
{
    static const char *const meanings[] = {[BP_TILE_FREE] = "free",
                                           [BP_TILE_USED] = "in use by other jobs",
                                           [BP_TILE_SHARED] = "shared by ranks not bound"};
    int x = 16;
    for (size_t i = 0; i < BP_TILE_BOUND; i++) {
        if (!marked[i])
            continue;
        rect(out, states[i], x, y, 22, 16, 3);
        words(out, "g", x + 28, y + 12, 11, meanings[i]);
        x += 28 + bp_box_letters(meanings[i], 11) + 20;
    }
}

static void write_document(FILE *out, const struct bp_picture *picture,
                           const struct bp_box *canvas, const bool *marked)
{
    bool key = marked[BP_TILE_FREE] || marked[BP_TILE_USED] || marked[BP_TILE_SHARED];
    int width = canvas->width, height = canvas->height + (key ? KEY_HEIGHT - 10 : 0);
    fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "viewBox=\"0 0 %d %d\" font-family=\"Helvetica, Arial, sans-serif\">\n",
            width, height, width, height);
    fprintf(out, "<style>\n%s</style>\n<defs>\n", style);
    static const char *const patterns[][3] = {{"used", "#f5f7fa", "#9aa5b1"},
                                              {"shared", "#fff8e0", "#ecd38a"}};
    for (size_t i = 0; i < 2; i++)
        fprintf(out, "<pattern id=\"%s\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
                "patternTransform=\"rotate(45)\"><path d=\"M0 0h6v6h-6z\" fill=\"%s\"/>"
                "<path d=\"M0 0v6\" stroke=\"%s\" stroke-width=\"2\"/></pattern>\n",
                patterns[i][0], patterns[i][1], patterns[i][2]);
    fprintf(out, "</defs>\n<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/>\n", width, height);
    draw_title(out, picture, canvas);
    draw(out, canvas);
    draw_key(out, marked, canvas->height - 6);
    fputs("</svg>\n", out);
}

static void add_note(struct bp_box *canvas, const struct bp_picture *picture,
                     const struct bp_fold *fold)
{
    struct bp_box box = {.kind = BP_BOX_NOTE, .height = 64};
    bp_fold_words(picture, fold, &box.label, &box.more);
    int wide = bp_box_letters(box.label, bp_box_font(BP_BOX_NOTE));
    int below = bp_box_letters(box.more, bp_box_font(BP_BOX_NOTE) - 1);
    box.width = (wide > below ? wide : below) + 24;
    bp_box_add(&canvas->parts, &canvas->part_count, &box);
}

char *bp_picture_svg(const struct bp_picture *picture)
{
    char *bytes = NULL;
    size_t length = 0;
    bool marked[BP_TILE_BOUND + 1] = {false};
    struct bp_folds folds;
    struct bp_box canvas = {.kind = BP_BOX_CANVAS, .label = bp_strdup("")};
    bp_folds_init(&folds, picture, picture->map->node_count > FOLD_NODES);
    for (size_t i = 0; i < folds.count; i++) {
        const struct bp_fold *fold = &folds.rows[i];
        struct bp_box box;
        bp_chassis_build(&fold->board, &box);
        bp_box_add(&canvas.parts, &canvas.part_count, &box);
        for (size_t k = 0; k < fold->board.count; k++)
            marked[fold->board.tiles[k].state] = true;
        if (fold->more > 0)
            add_note(&canvas, picture, fold);
    }
    bp_box_arrange(&canvas);
    int wanted = picture->command != NULL ? (int)strlen(picture->command) * 75 / 10 + 40 : 0;
    wanted = wanted < LEAST_WIDTH ? LEAST_WIDTH : wanted > MOST_WIDTH ? MOST_WIDTH : wanted;
    canvas.width = canvas.width < wanted ? wanted : canvas.width;
    FILE *out = open_memstream(&bytes, &length);
    write_document(out, picture, &canvas, marked);
    fclose(out);
    bp_box_done(&canvas);
    bp_folds_done(&folds);
    return bytes;
}
