/* SPDX-License-Identifier: BSD-3-Clause */
/* picture_board.h - one node of a map as it is drawn: its hardware threads in the order of the
 * computer, each with the ranks on it. */
#ifndef BP_PLACEMENT_PICTURE_BOARD_H
#define BP_PLACEMENT_PICTURE_BOARD_H

#include "placement/picture.h"

/* Whom a thread is for. Bound ranks go before the rest. */
enum bp_tile_state {
    BP_TILE_FREE,
    BP_TILE_USED,   /* by other jobs */
    BP_TILE_SHARED, /* by the ranks that are not bound */
    BP_TILE_BOUND
};

struct bp_tile {
    struct bp_slot slot;
    enum bp_tile_state state;
    uint32_t first, end; /* interval of the board's locals: ranks bound here, ascending */
};

/* Tiles are sorted by package, NUMA node, L3, kind, core and number: these levels nest here. */
enum bp_tile_level {
    BP_TILE_PACKAGE,
    BP_TILE_NUMA,
    BP_TILE_L3,
    BP_TILE_KIND,
    BP_TILE_CORE,
    BP_TILE_PU
};

struct bp_board {
    const struct bp_map *map;
    const struct bp_map_node *row;
    const struct bp_place_node *node;
    struct bp_tile *tiles;
    size_t count;
    uint32_t *locals; /* of tiles: ranks by their number on the node */
    size_t local_count;
    uint32_t *ranks; /* by number on the node */
    uint32_t rank_count;
    uint32_t unbound; /* how many have no CPUs for themselves */
    const char *note; /* behind its name; NULL = none */
};

/* Ranks by node, found once for all boards of a map. */
struct bp_boards {
    const struct bp_picture *picture;
    uint32_t *first; /* by map node, and the end: interval of order */
    uint32_t *order; /* ranks: by node, then by number on it */
    bool noted;      /* the nodes' notes differ */
};

void bp_boards_init(struct bp_boards *boards, const struct bp_picture *picture);
void bp_boards_done(struct bp_boards *boards);

/* The map's node `index`. */
void bp_board_init(struct bp_board *board, const struct bp_boards *boards, uint32_t index);
void bp_board_done(struct bp_board *board);

/* Slots as tiles in the order of the computer; the caller frees them. */
struct bp_tile *bp_tiles_sort(const struct bp_slot *slots, size_t count);

/* The end of the object of that level which tile `first` is in; first < count. */
size_t bp_board_end(const struct bp_board *board, size_t first, enum bp_tile_level level);

/* Does an object of the level begin with tile `first`? */
bool bp_board_begins(const struct bp_board *board, size_t first, enum bp_tile_level level);

/* Objects of the level among tiles [first, end). */
size_t bp_board_objects(const struct bp_board *board, size_t first, size_t end,
                        enum bp_tile_level level);

/* The same hardware, used in the same way by ranks whose numbers differ from one board to the other
 * by one and the same distance. */
bool bp_board_alike(const struct bp_board *a, const struct bp_board *b, int64_t *ret_distance);

/* The ranks of a tile, a core (all its tiles) or a list: "3", "0-3", "0,4"; one that would be too
 * long: "(9)", how many. Different threads of a core: "0:1", and "." for a free one. */
char *bp_board_core_text(const struct bp_board *board, size_t first, size_t end);
char *bp_board_list(const uint32_t *ranks, size_t count); /* of whatever length */
char *bp_board_ranks_text(const struct bp_board *board, const uint32_t *locals, size_t count);

/* "ranks 0-7", "rank 3, not bound", "64 ranks, 0 to 252". */
char *bp_board_title(const struct bp_board *board);

/* Room for the numbers of a list before it becomes a count. */
#define BP_BOARD_TEXT_MAX  11
#define BP_BOARD_TITLE_MAX 40

/* Do threads of this core differ in their ranks or states? */
bool bp_board_divided(const struct bp_board *board, size_t first, size_t end);

/* The ranks that have device `index` of the node as GPU, or as their nearest NIC: locals,
 * ascending. Returns how many; the caller frees *ret_locals. */
size_t bp_board_device(const struct bp_board *board, size_t index, uint32_t **ret_locals);

/* The next device that is not placed yet, near this NUMA node or package (BP_NOWHERE for one: all
 * that are left do), GPUs first; it is placed then. */
bool bp_board_next_device(const struct bp_board *board, bool *placed, uint32_t numa,
                          uint32_t package, size_t *ret_index);

/* Other jobs use it. */
bool bp_board_device_used(const struct bp_board *board, size_t index);

/* "gpu 0", "nvidia nvml0 0000:17:00.0", "rank 3"; for a NIC "nic mlx5_0", "0000:18:00.0", "near
 * ranks 0-3"; the last is "other jobs" if they use it, else "" for none. */
void bp_board_device_words(const struct bp_board *board, size_t index, char **ret_label,
                           char **ret_more, char **ret_ranks);

/* The first `letters` of a text in UTF-8; the last one is an ellipsis if there were more. */
char *bp_words_cut(const char *text, size_t letters);

#endif
