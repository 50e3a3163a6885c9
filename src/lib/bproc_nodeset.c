/* SPDX-License-Identifier: BSD-3-Clause */
/* bproc_nodeset.c - libbproc: sets of nodes, and the words that name nodes. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/nodeset.h"
#include "lib/node.h"
#include "lib/public.h"

int bproc_nodeset_init(struct bproc_node_set_t *set, int size)
{
    *set = (struct bproc_node_set_t)BPROC_EMPTY_NODESET;
    return bproc_nodeset_grow(set, size);
}

int bproc_nodeset_grow(struct bproc_node_set_t *set, int size)
{
    if (size < 0)
        return bp_public_result(-EINVAL);
    if (size <= set->alloc)
        return 0;
    struct bproc_node_info_t *rows = reallocarray(set->node, (size_t)size, sizeof *rows);
    if (rows == NULL)
        return bp_public_result(-ENOMEM);
    memset(rows + set->alloc, 0, (size_t)(size - set->alloc) * sizeof *rows);
    set->node = rows;
    set->alloc = size;
    return 0;
}

void bproc_nodeset_free(struct bproc_node_set_t *set)
{
    free(set->node);
    *set = (struct bproc_node_set_t)BPROC_EMPTY_NODESET;
}

/* Room for `more` nodes, in steps that double. */
static int make_room(struct bproc_node_set_t *set, int more)
{
    if (more > INT_MAX / 2 - set->size)
        return bp_public_result(-ENOMEM);
    int needed = set->size + more;
    if (needed <= set->alloc)
        return 0;
    return bproc_nodeset_grow(set, needed < 16 ? 16 : needed < 2 * set->alloc ? 2 * set->alloc
                                                                              : needed);
}

int bproc_nodeset_add(struct bproc_node_set_t *set, struct bproc_node_info_t *node)
{
    struct bproc_node_info_t row = *node; /* may be of the set itself */
    if (make_room(set, 1) < 0)
        return -1;
    set->node[set->size++] = row;
    return 0;
}

int bproc_nodeset_append(struct bproc_node_set_t *a, struct bproc_node_set_t *b)
{
    int count = b->size;
    if (make_room(a, count) < 0)
        return -1;
    if (count > 0)
        memcpy(a->node + a->size, b->node, (size_t)count * sizeof *a->node);
    a->size += count;
    return 0;
}

static const struct bproc_node_info_t *find(const struct bproc_node_set_t *set, int number)
{
    /* Sets come sorted, mostly: the node is near its number. */
    if (number >= 0 && number < set->size && set->node[number].node == number)
        return &set->node[number];
    for (int i = 0; i < set->size; i++)
        if (set->node[i].node == number)
            return &set->node[i];
    return NULL;
}

static int parse(const struct bproc_node_set_t *in, const char *spec, struct bp_nodeset *ret)
{
    auto_free struct bp_nodeset_node *table = calloc((size_t)in->size + 1, sizeof *table);
    if (table == NULL)
        return -ENOMEM;
    for (int i = 0; i < in->size; i++)
        table[i] = (struct bp_nodeset_node){in->node[i].node, in->node[i].status,
                                              NULL};
    return bp_nodeset_parse(spec, table, (size_t)in->size, ret, NULL);
}

/* strict: a number that is not in the set is an error. */
static int filter(struct bproc_node_set_t *ret_out, const struct bproc_node_set_t *in,
                  const char *spec, int strict)
{
    struct bp_nodeset numbers = {0};
    struct bproc_node_set_t out = BPROC_EMPTY_NODESET;
    int r = parse(in, spec, &numbers);
    if (r == 0 && bproc_nodeset_grow(&out, (int)numbers.count) < 0)
        r = -errno;
    for (size_t i = 0; r == 0 && i < numbers.count; i++) {
        const struct bproc_node_info_t *row = find(in, numbers.numbers[i]);
        if (row != NULL)
            out.node[out.size++] = *row;
        else if (strict)
            r = -BE_INVALIDNODE;
    }
    bp_nodeset_done(&numbers);
    if (r < 0)
        bproc_nodeset_free(&out);
    else
        *ret_out = out;
    return r;
}

int bproc_nodefilter(struct bproc_node_set_t *out, struct bproc_node_set_t *in, const char *spec)
{
    struct bproc_node_info_t *own = out == in ? in->node : NULL;
    int r = filter(out, in, spec, 0);
    if (r == 0)
        free(own);
    return bp_public_result(r);
}

int bproc_nodespec(struct bproc_node_set_t *set, const char *spec)
{
    struct bp_error err = {0};
    struct bproc_node_set_t all = BPROC_EMPTY_NODESET;
    struct bproc_node_info_t master;
    auto_unpack Bpmix__NodeList *list = bp_node_list(&err);
    if (list == NULL)
        return bp_public_result(err.code);
    int r = bp_public_set(list, &all);
    if (r == 0 && list->master != NULL) { /* words do not mean it, but its name does */
        bp_public_info(list->master, &master);
        r = bproc_nodeset_add(&all, &master) < 0 ? -errno : 0;
    }
    if (r == 0)
        r = filter(set, &all, spec, 1);
    bproc_nodeset_free(&all);
    return bp_public_result(r);
}
