/* SPDX-License-Identifier: BSD-3-Clause */
/* picture_fold.c - nodes that look like the one before them are folded away. */
#include <stdio.h>

#include "common/mem.h"
#include "placement/picture_fold.h"

/* Does this board go on with what the fold has begun? */
static bool goes_on(struct bp_fold *fold, const struct bp_board *board)
{
    int64_t distance;
    if (!bp_board_alike(&fold->board, board, &distance))
        return false;
    if (fold->more == 0)
        fold->step = distance;
    return distance == fold->step * (fold->more + 1);
}

void bp_folds_init(struct bp_folds *folds, const struct bp_picture *picture, bool fold)
{
    uint32_t nodes = picture->map->node_count;
    *folds = (struct bp_folds){.rows = bp_calloc(nodes, sizeof *folds->rows)};
    bp_boards_init(&folds->boards, picture);
    for (uint32_t i = 0; i < nodes; i++) {
        struct bp_board board;
        bp_board_init(&board, &folds->boards, i);
        if (fold && folds->count > 0 && goes_on(&folds->rows[folds->count - 1], &board)) {
            folds->rows[folds->count - 1].more++;
            bp_board_done(&board);
            continue;
        }
        folds->rows[folds->count++] = (struct bp_fold){.board = board, .first = i};
    }
}

void bp_folds_done(struct bp_folds *folds)
{
    for (size_t i = 0; i < folds->count; i++)
        bp_board_done(&folds->rows[i].board);
    free(folds->rows);
    bp_boards_done(&folds->boards);
}

void bp_fold_words(const struct bp_picture *picture, const struct bp_fold *fold, char **ret_names,
                   char **ret_like)
{
    const struct bp_map_node *nodes = picture->map->nodes + fold->first;
    auto_free int *numbers = bp_calloc(fold->more, sizeof *numbers);
    for (uint32_t i = 0; i < fold->more; i++)
        numbers[i] = nodes[i + 1].number;
    auto_free char *like = bp_nodeset_format(&nodes[0].number, 1, "n");
    *ret_names = bp_nodeset_format(numbers, fold->more, "n");
    *ret_like = bp_format("as %s, ranks %+lld%s", like, (long long)fold->step,
                          fold->more > 1 ? " from each to the next" : "");
}
