/* SPDX-License-Identifier: BSD-3-Clause */
/* listing.c - the nodes that bpstat was asked for, in the order it was asked for. */
#include <string.h>

#include "common/mem.h"
#include "common/nodeset.h"
#include "tools/listing.h"

static const Bpmix__Node *find(const Bpmix__NodeList *list, int number)
{
    if (number == BP_NODE_MASTER)
        return list->master;
    for (size_t i = 0; i < list->n_nodes; i++)
        if (list->nodes[i]->number == number)
            return list->nodes[i];
    return NULL;
}

static int has(const struct listing *listing, const Bpmix__Node *row)
{
    for (size_t i = 0; i < listing->count; i++)
        if (listing->rows[i] == row)
            return 1;
    return 0;
}

static int add_spec(struct listing *listing, const char *spec, struct bp_error *err)
{
    const Bpmix__NodeList *list = listing->list;
    auto_free struct bp_nodeset_node *table = bp_calloc(list->n_nodes, sizeof *table);
    struct bp_nodeset set;
    for (size_t i = 0; i < list->n_nodes; i++)
        table[i] = (struct bp_nodeset_node){list->nodes[i]->number,
                                              list->nodes[i]->state, NULL};
    int r = bp_nodeset_parse(spec, table, list->n_nodes, &set, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < set.count; i++) {
        const Bpmix__Node *row = find(list, set.numbers[i]);
        if (row == NULL)
            listing->missing = listing->missing >= 0 ? listing->missing : set.numbers[i];
        else if (!has(listing, row))
            listing->rows[listing->count++] = row;
    }
    bp_nodeset_done(&set);
    return 0;
}

int listing_make(Bpmix__NodeList *take_list, char *const specs[], size_t count,
                 struct listing *ret_listing, struct bp_error *err)
{
    struct listing listing = {.list = take_list, .missing = -1,
                              .rows = bp_calloc(take_list->n_nodes + 1, sizeof *listing.rows)};
    int r = count == 0 ? add_spec(&listing, "all", err) : 0;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = add_spec(&listing, specs[i], err);
    if (r < 0)
        listing_done(&listing);
    else
        *ret_listing = listing;
    return r;
}

static int by_number(const void *a, const void *b)
{
    const Bpmix__Node *x = *(const Bpmix__Node *const *)a, *y = *(const Bpmix__Node *const *)b;
    return x->number < y->number ? -1 : x->number > y->number;
}

static int by_state(const void *a, const void *b)
{
    const Bpmix__Node *x = *(const Bpmix__Node *const *)a, *y = *(const Bpmix__Node *const *)b;
    int order = strcmp(x->state, y->state);
    return order != 0 ? order : by_number(a, b);
}

static int by_owner(const void *a, const void *b)
{
    const Bpmix__Node *x = *(const Bpmix__Node *const *)a, *y = *(const Bpmix__Node *const *)b;
    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return by_number(a, b);
}

void listing_sort(struct listing *listing, enum listing_order order, int reverse)
{
    static int (*const compare[])(const void *, const void *) = {
        [LISTING_BY_NUMBER] = by_number, [LISTING_BY_STATE] = by_state,
        [LISTING_BY_OWNER] = by_owner};
    if (order != LISTING_AS_IS)
        qsort(listing->rows, listing->count, sizeof *listing->rows, compare[order]);
    for (size_t i = 0; reverse && i < listing->count / 2; i++) {
        const Bpmix__Node *row = listing->rows[i];
        listing->rows[i] = listing->rows[listing->count - 1 - i];
        listing->rows[listing->count - 1 - i] = row;
    }
}

void listing_done(struct listing *listing)
{
    bp_unpack_free(listing->list);
    free(listing->rows);
    *listing = (struct listing){0};
}
