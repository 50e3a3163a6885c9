/* SPDX-License-Identifier: BSD-3-Clause */
/* restore_hole.c - a place for the restorer that the image does not use, and exec did not. */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "image/restore.h"

#define TRIES  4096
#define MARGIN (16ULL << 20) /* to what grows: a break, a stack; less where there is less room */

/* The largest room between two areas. */
static void gap_find(const struct bp_image_view *view, uint64_t *ret_start, uint64_t *ret_end)
{
    uint64_t start = BP_IMAGE_LOWEST, best = 0;

    for (uint32_t i = 0; i <= view->head->areas; i++) {
        uint64_t end = i < view->head->areas ? view->areas[i].start : BP_IMAGE_HIGHEST;
        if (end > start && end - start > best) {
            best = end - start;
            *ret_start = start;
            *ret_end = end;
        }
        if (i < view->head->areas)
            start = view->areas[i].end;
    }
    if (best == 0)
        *ret_start = *ret_end = BP_IMAGE_LOWEST;
}

uint64_t bp_restore_hole(const struct bp_restore *restore, uint64_t bytes)
{
    uint64_t start, end, at, step, margin = MARGIN;

    gap_find(&restore->view, &start, &end);
    while (margin > BP_IMAGE_PAGE && end - start < bytes + 4 * margin)
        margin /= 16;
    if (end - start < bytes + 4 * margin)
        bp_restore_fail(restore, -ENOMEM, "the image leaves no room for its restorer", NULL);
    start += margin;
    end -= bytes + margin;
    step = ((end - start) / TRIES) & ~(uint64_t)(BP_IMAGE_PAGE - 1);
    at = (start + (end - start) / 2) & ~(uint64_t)(BP_IMAGE_PAGE - 1);
    for (int i = 0; i < TRIES; i++) { /* what exec mapped is in few of these places */
        long place = BP_SYS(SYS_mmap, at, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (!bp_is_error(place))
            return (uint64_t)place;
        if (place != -EEXIST)
            bp_restore_fail(restore, place, "there is no memory for the restorer", NULL);
        at += step;
        if (at > end)
            at -= (end - start) & ~(uint64_t)(BP_IMAGE_PAGE - 1);
    }
    bp_restore_fail(restore, -ENOMEM, "there is no room for the restorer", NULL);
}

bool bp_restore_is_free(const struct bp_restore *restore, uint64_t start, uint64_t end)
{
    const struct bp_image_view *view = &restore->view;
    for (uint32_t i = 0; i < view->head->areas; i++)
        if (view->areas[i].start < end && start < view->areas[i].end)
            return false;
    return true;
}
