/* SPDX-License-Identifier: BSD-3-Clause */
/* picture_text.c - a map as text art: a block of lines for each node, a row of cores a line. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "placement/picture_fold.h"

struct text {
    FILE *out;
    struct bp_picture_style style;
    const struct bp_picture *picture;
    bool marked[BP_TILE_BOUND]; /* states that the key has to explain */
    bool threads, counts;       /* "0:1" and "(9)" were written */
};

/* How the rows of one board line up. */
struct columns {
    int package, numa, cores; /* widths of labels, with the blanks behind them */
    int cell;
    size_t room; /* letters for the cells of a row */
};

static int digits(uint32_t number)
{
    return snprintf(NULL, 0, "%u", number);
}

static void columns_find(const struct text *text, const struct bp_board *board,
                         struct columns *ret)
{
    uint32_t package = 0, numa = 0, core = 0;
    uint32_t ranks = text->picture->map->rank_count;
    *ret = (struct columns){.cell = digits(ranks > 0 ? ranks - 1 : 0)};
    for (size_t i = 0; i < board->count; i = bp_board_end(board, i, BP_TILE_CORE)) {
        auto_free char *cell = bp_board_core_text(board, i, bp_board_end(board, i, BP_TILE_CORE));
        const struct bp_slot *slot = &board->tiles[i].slot;
        ret->cell = (int)strlen(cell) > ret->cell ? (int)strlen(cell) : ret->cell;
        package = slot->package > package ? slot->package : package;
        numa = slot->numa > numa ? slot->numa : numa;
        core = slot->core > core ? slot->core : core;
    }
    ret->package = (int)strlen("package ") + digits(package) + 2;
    ret->numa = (int)strlen("numa ") + digits(numa) + 2;
    ret->cores = (int)strlen("cores -") + 2 * digits(core) + 2;
    int room = (int)text->style.columns - 2 - ret->package - ret->numa - ret->cores -
               (int)strlen("[ ]");
    ret->room = room > 0 ? (size_t)room : 0;
}

/* Where the row that begins with tile `first` ends: caches stay whole if they fit into a row, at
 * most so many of them, and fast and slow cores get rows of their own. */
static size_t row_end(const struct bp_board *board, size_t first, size_t numa_end,
                      const struct columns *columns, size_t caches)
{
    size_t end = first, letters = 0, width = (size_t)columns->cell + 1;
    for (size_t i = 0; i < caches && end < numa_end; i++) {
        if (board->tiles[end].slot.kind != board->tiles[first].slot.kind)
            break;
        size_t cache_end = bp_board_end(board, end, BP_TILE_KIND);
        letters += bp_board_objects(board, end, cache_end, BP_TILE_CORE) * width;
        letters += end > first ? strlen("| ") : 0;
        if (letters > columns->room)
            break;
        end = cache_end;
    }
    if (end > first)
        return end;
    size_t cache_end = bp_board_end(board, first, BP_TILE_KIND), cells = columns->room / width;
    cells = cells >= 8 ? cells / 8 * 8 : 4;
    for (size_t i = 0; i < cells && end < cache_end; i++)
        end = bp_board_end(board, end, BP_TILE_CORE);
    return end;
}

/* ---- one row ---- */

static void put_cell(struct text *text, const struct bp_board *board, size_t first, int width)
{
    static const unsigned char colours[] = {153, 216, 157, 223, 183, 159, 211, 192, 147, 180};
    auto_free char *word = bp_board_core_text(board, first,
                                              bp_board_end(board, first, BP_TILE_CORE));
    const struct bp_tile *tile = &board->tiles[first];
    text->threads |= strchr(word, ':') != NULL;
    text->counts |= strchr(word, '(') != NULL;
    for (size_t i = first; i < bp_board_end(board, first, BP_TILE_CORE); i++)
        if (board->tiles[i].state != BP_TILE_BOUND)
            text->marked[board->tiles[i].state] = true;
    if (!text->style.colour || tile->state != BP_TILE_BOUND) {
        fprintf(text->out, " %*s", width, word);
        return;
    }
    uint32_t rank = board->ranks[board->locals[tile->first]];
    fprintf(text->out, " \033[30;48;5;%um%*s\033[0m", colours[rank % sizeof colours], width,
            word);
}

static char *cores_label(const struct bp_board *board, size_t first, size_t end)
{
    uint8_t cores[BP_CPUSET_BYTES_MAX] = {0};
    for (size_t i = first; i < end; i++)
        bp_cpuset_add(cores, sizeof cores, board->tiles[i].slot.core);
    auto_free char *list = bp_cpuset_format(cores, sizeof cores);
    return bp_format("core%s %s", bp_cpuset_count(cores, sizeof cores) > 1 ? "s" : "", list);
}

static void put_row(struct text *text, const struct bp_board *board,
                    const struct columns *columns, size_t first, size_t end)
{
    auto_free char *cores = cores_label(board, first, end);
    fprintf(text->out, "%-*s[", columns->cores, cores);
    for (size_t i = first; i < end; i = bp_board_end(board, i, BP_TILE_CORE)) {
        if (i > first && bp_board_begins(board, i, BP_TILE_L3))
            fputs(" |", text->out);
        put_cell(text, board, i, columns->cell);
    }
    fputs(" ]\n", text->out);
}

/* ---- one node ---- */

/* Blanks in place of labels that stand above. */
static void put_label(struct text *text, const char *name, uint32_t number, bool shown, int width)
{
    auto_free char *label = shown ? bp_format("%s %u", name, number) : bp_strdup("");
    fprintf(text->out, "%-*s", width, label);
}

static void put_numa(struct text *text, const struct bp_board *board,
                     const struct columns *columns, size_t first, size_t end, bool package_first)
{
    const struct bp_slot *slot = &board->tiles[first].slot;
    size_t caches = bp_board_objects(board, first, end, BP_TILE_KIND);
    size_t fit = row_end(board, first, end, columns, caches);
    fit = bp_board_objects(board, first, fit, BP_TILE_KIND);
    size_t rows = (caches + fit - 1) / fit, each = (caches + rows - 1) / rows;
    for (size_t i = first, row; i < end; i = row) {
        row = row_end(board, i, end, columns, each); /* rows of much the same length */
        fputs("  ", text->out);
        put_label(text, "package", slot->package, package_first && i == first, columns->package);
        put_label(text, "numa", slot->numa, i == first, columns->numa);
        put_row(text, board, columns, i, row);
    }
}

static void put_name(struct text *text, const struct bp_board *board)
{
    auto_free char *name = bp_nodeset_format(&board->row->number, 1, "n");
    if (board->note != NULL)
        fprintf(text->out, "%s (%s): ", name, board->note);
    else
        fprintf(text->out, "%s: ", name);
}

static void put_devices(struct text *text, const struct bp_board *board, bool *placed,
                        uint32_t numa, uint32_t package, int indent)
{
    size_t index;
    while (bp_board_next_device(board, placed, numa, package, &index)) {
        auto_free char *label, *more, *ranks;
        bp_board_device_words(board, index, &label, &more, &ranks);
        fprintf(text->out, "%*s%s%s%s%s%s%s\n", indent, "", label, *more != '\0' ? " (" : "", more,
                *more != '\0' ? ")" : "", *ranks != '\0' ? ": " : "", ranks);
    }
}

static void put_board(struct text *text, const struct bp_board *board)
{
    struct columns columns;
    auto_free bool *placed = bp_calloc(board->node->hardware->device_count, sizeof *placed);
    columns_find(text, board, &columns);
    put_name(text, board);
    auto_free char *ranks = bp_board_title(board);
    fprintf(text->out, "%s\n", ranks);
    for (size_t i = 0, end; i < board->count; i = end) {
        end = bp_board_end(board, i, BP_TILE_NUMA);
        bool package_first = bp_board_begins(board, i, BP_TILE_PACKAGE);
        const struct bp_slot *slot = &board->tiles[i].slot;
        int indent = 2 + columns.package;
        put_numa(text, board, &columns, i, end, package_first);
        put_devices(text, board, placed, slot->numa, BP_NOWHERE, indent + columns.numa);
        if (end == bp_board_end(board, i, BP_TILE_PACKAGE))
            put_devices(text, board, placed, BP_NOWHERE, slot->package, indent);
    }
    put_devices(text, board, placed, BP_NOWHERE, BP_NOWHERE, 2);
}

/* ---- all nodes ---- */

static void put_boards(struct text *text)
{
    struct bp_folds folds;
    bp_folds_init(&folds, text->picture, true);
    for (size_t i = 0; i < folds.count; i++) {
        put_board(text, &folds.rows[i].board);
        if (folds.rows[i].more == 0)
            continue;
        auto_free char *names, *like;
        bp_fold_words(text->picture, &folds.rows[i], &names, &like);
        fprintf(text->out, "%s: %s\n", names, like);
    }
    bp_folds_done(&folds);
}

static void put_key(struct text *text)
{
    static const char *const words[] = {[BP_TILE_FREE] = ".  free",
                                        [BP_TILE_USED] = "#  in use by other jobs",
                                        [BP_TILE_SHARED] = "*  shared by ranks not bound"};
    const char *gap = "";
    for (size_t i = 0; i < BP_TILE_BOUND; i++) {
        if (!text->marked[i])
            continue;
        fprintf(text->out, "%s%s", gap, words[i]);
        gap = "    ";
    }
    if (text->threads) {
        fprintf(text->out, "%sa:b  threads of one core", gap);
        gap = "    ";
    }
    if (text->counts)
        fprintf(text->out, "%s(n)  so many ranks", gap);
    fputs(*gap != '\0' || text->counts ? "\n" : "", text->out);
}

char *bp_picture_text(const struct bp_picture *picture, const struct bp_picture_style *style)
{
    char *bytes = NULL;
    size_t length = 0;
    struct text text = {.out = open_memstream(&bytes, &length), .style = *style,
                        .picture = picture};
    put_boards(&text);
    put_key(&text);
    fclose(text.out);
    return bytes;
}
