/* SPDX-License-Identifier: BSD-3-Clause */
/* picture_words.c - the ranks of a core or a device in few letters. */
#include <string.h>

#include "common/mem.h"
#include "placement/picture_board.h"

char *bp_board_list(const uint32_t *ranks, size_t count)
{
    auto_free int *numbers = bp_calloc(count, sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] = (int)ranks[i];
    return bp_nodeset_format(numbers, count, "");
}

char *bp_board_ranks_text(const struct bp_board *board, const uint32_t *locals, size_t count)
{
    auto_free uint32_t *ranks = bp_calloc(count, sizeof *ranks);
    for (size_t i = 0; i < count; i++)
        ranks[i] = board->ranks[locals[i]];
    auto_free char *list = bp_board_list(ranks, count);
    return strlen(list) <= BP_BOARD_TEXT_MAX ? bp_take_ptr(list) : bp_format("(%zu)", count);
}

static bool tiles_equal(const struct bp_board *board, const struct bp_tile *a,
                        const struct bp_tile *b)
{
    size_t count = a->end - a->first;
    return a->state == b->state && b->end - b->first == count &&
           (count == 0 || memcmp(board->locals + a->first, board->locals + b->first,
                                 count * sizeof *board->locals) == 0);
}

static char *tile_text(const struct bp_board *board, const struct bp_tile *tile)
{
    static const char *const marks[] = {
        [BP_TILE_FREE] = ".", [BP_TILE_USED] = "#", [BP_TILE_SHARED] = "*"};
    if (tile->state != BP_TILE_BOUND)
        return bp_strdup(marks[tile->state]);
    return bp_board_ranks_text(board, board->locals + tile->first, tile->end - tile->first);
}

bool bp_board_divided(const struct bp_board *board, size_t first, size_t end)
{
    for (size_t i = first + 1; i < end; i++)
        if (!tiles_equal(board, &board->tiles[first], &board->tiles[i]))
            return true;
    return false;
}

char *bp_board_core_text(const struct bp_board *board, size_t first, size_t end)
{
    bool divided = bp_board_divided(board, first, end);
    char *text = tile_text(board, &board->tiles[first]);
    for (size_t i = first + 1; divided && i < end; i++) {
        auto_free char *head = text, *tail = tile_text(board, &board->tiles[i]);
        text = bp_format("%s:%s", head, tail);
    }
    return text;
}

char *bp_board_title(const struct bp_board *board)
{
    const char *tail = board->unbound == 0                   ? ""
                       : board->unbound == board->rank_count ? ", not bound"
                                                             : ", not all bound";
    auto_free char *list = bp_board_list(board->ranks, board->rank_count);
    if (strlen(list) > BP_BOARD_TITLE_MAX)
        return bp_format("%u ranks, %u to %u%s", board->rank_count, board->ranks[0],
                         board->ranks[board->rank_count - 1], tail);
    return bp_format("rank%s %s%s", board->rank_count == 1 ? "" : "s", list, tail);
}

unsigned bp_device_number(const struct bp_hardware *hardware, size_t index)
{
    unsigned number = 0;
    for (size_t i = 0; i < index; i++)
        number += hardware->devices[i].kind == hardware->devices[index].kind;
    return number;
}

void bp_board_device_words(const struct bp_board *board, size_t index, char **ret_label,
                           char **ret_more, char **ret_ranks)
{
    static const char *const vendors[] = {[BP_VENDOR_OTHER] = "",
                                          [BP_VENDOR_NVIDIA] = "nvidia ",
                                          [BP_VENDOR_AMD] = "amd ",
                                          [BP_VENDOR_INTEL] = "intel "};
    const struct bp_device *device = &board->node->hardware->devices[index];
    bool gpu = device->kind == BP_DEVICE_GPU;
    auto_free uint32_t *locals;
    size_t count = bp_board_device(board, index, &locals);
    auto_free char *ranks = bp_board_ranks_text(board, locals, count);
    *ret_label = gpu ? bp_format("gpu %u", bp_device_number(board->node->hardware, index))
                     : bp_format("nic %s", device->name);
    bool told = device->bus[0] == '\0' || strstr(device->name, device->bus) != NULL;
    *ret_more = gpu ? bp_format("%s%s%s%s", vendors[device->vendor], device->name,
                                told ? "" : " ", told ? "" : device->bus)
                    : bp_strdup(device->bus);
    *ret_ranks = count == 0   ? bp_strdup(bp_board_device_used(board, index) ? "other jobs" : "")
                 : count == 1 ? bp_format("%srank %s", gpu ? "" : "near ", ranks)
                              : bp_format("%sranks %s", gpu ? "" : "near ", ranks);
}

char *bp_words_cut(const char *text, size_t letters)
{
    size_t count = 0, keep = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (((unsigned char)text[i] & 0xc0) == 0x80)
            continue;
        if (++count == letters)
            keep = i; /* where the last one that fits begins */
    }
    if (count <= letters)
        return bp_strdup(text);
    return bp_format("%.*s\342\200\246", (int)keep, text);
}
