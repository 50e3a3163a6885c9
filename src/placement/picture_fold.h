/* SPDX-License-Identifier: BSD-3-Clause */
/* picture_fold.h - the nodes of a map, those that look like the one before them folded away. */
#ifndef BP_PLACEMENT_PICTURE_FOLD_H
#define BP_PLACEMENT_PICTURE_FOLD_H

#include "placement/picture_board.h"

/* A node that is drawn, and how many after it look the same: on each the ranks are `step` higher
 * than on the one before. */
struct bp_fold {
    struct bp_board board;
    uint32_t first; /* index into the map's nodes */
    uint32_t more;
    int64_t step;
};

struct bp_folds {
    struct bp_boards boards;
    struct bp_fold *rows;
    size_t count;
};

/* fold: false = every node is drawn. */
void bp_folds_init(struct bp_folds *folds, const struct bp_picture *picture, bool fold);
void bp_folds_done(struct bp_folds *folds);

/* "n1-n255" and "as n0, ranks +64 from each to the next", for a fold with more than its first. */
void bp_fold_words(const struct bp_picture *picture, const struct bp_fold *fold, char **ret_names,
                   char **ret_like);

#endif
