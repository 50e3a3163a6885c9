/* SPDX-License-Identifier: BSD-3-Clause */
/* number.c - which rank gets which spot. */
#include <stdlib.h>

#include "common/mem.h"
#include "placement/plan.h"

/* A spot and what it is sorted by. */
struct row {
    uint64_t keys[3];
    uint32_t spot;
};

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    for (int k = 0; k < 3; k++)
        if (x->keys[k] != y->keys[k])
            return x->keys[k] < y->keys[k] ? -1 : 1;
    return (x->spot > y->spot) - (x->spot < y->spot);
}

static uint64_t first_unit(const struct bp_plan *plan, const struct bp_spot *spot)
{
    return spot->count > 0 ? plan->units[spot->first] : 0;
}

/* Give the spots of each seat to its turns in the machine's order. */
static void sort_spots(struct bp_plan *plan)
{
    auto_free struct row *by_turn = bp_calloc(plan->ranks, sizeof *by_turn);
    auto_free struct row *by_unit = bp_calloc(plan->ranks, sizeof *by_unit);
    auto_free struct bp_spot *before = bp_calloc(plan->ranks, sizeof *before);
    for (uint32_t i = 0; i < plan->ranks; i++) {
        uint64_t seat = plan->spots[i].seat;
        before[i] = plan->spots[i];
        by_turn[i] = (struct row){{seat, 0, 0}, i};
        by_unit[i] = (struct row){{seat, first_unit(plan, &plan->spots[i]), 0}, i};
    }
    qsort(by_turn, plan->ranks, sizeof *by_turn, compare_rows);
    qsort(by_unit, plan->ranks, sizeof *by_unit, compare_rows);
    for (uint32_t i = 0; i < plan->ranks; i++)
        plan->spots[by_turn[i].spot] = before[by_unit[i].spot];
}

/* How many spots of the same seat, or of the same object, came before each one. */
static uint32_t *count_before(const struct bp_plan *plan, bool by_object)
{
    uint32_t *nth = bp_calloc(plan->ranks, sizeof *nth);
    auto_free struct row *rows = bp_calloc(plan->ranks, sizeof *rows);
    for (uint32_t i = 0; i < plan->ranks; i++)
        rows[i] = (struct row){{plan->spots[i].seat, by_object ? plan->spots[i].object : 0, 0}, i};
    qsort(rows, plan->ranks, sizeof *rows, compare_rows);
    for (uint32_t i = 1; i < plan->ranks; i++)
        if (rows[i].keys[0] == rows[i - 1].keys[0] && rows[i].keys[1] == rows[i - 1].keys[1])
            nth[rows[i].spot] = nth[rows[i - 1].spot] + 1;
    return nth;
}

void bp_plan_number(struct bp_plan *plan)
{
    if (plan->policy.sorted && !plan->crowded)
        sort_spots(plan);
    enum bp_number number = plan->policy.number;
    auto_free uint32_t *nth = count_before(plan, number == BP_NUMBER_SPAN);
    auto_free struct row *rows = bp_calloc(plan->ranks, sizeof *rows);
    for (uint32_t i = 0; i < plan->ranks; i++) {
        const struct bp_spot *spot = &plan->spots[i];
        struct row *row = &rows[i];
        row->spot = i;
        if (number == BP_NUMBER_NODES)
            row->keys[0] = spot->seat;
        else if (number == BP_NUMBER_ORDER)
            row->keys[0] = spot->seat, row->keys[1] = first_unit(plan, spot);
        else if (number == BP_NUMBER_TURNS)
            row->keys[0] = nth[i], row->keys[1] = spot->seat;
        else if (number == BP_NUMBER_SPAN)
            row->keys[0] = nth[i], row->keys[1] = spot->seat, row->keys[2] = spot->object;
        else if (plan->crowded && plan->policy.plane > 0)
            row->keys[0] = nth[i] / plan->policy.plane, row->keys[1] = spot->seat;
    }
    qsort(rows, plan->ranks, sizeof *rows, compare_rows);
    plan->order = bp_calloc(plan->ranks, sizeof *plan->order);
    for (uint32_t i = 0; i < plan->ranks; i++)
        plan->order[i] = rows[i].spot;
}
