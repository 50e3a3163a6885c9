/* SPDX-License-Identifier: BSD-3-Clause */
/* party.h - the nodes that take part in a collective, as a tree. Pure. */
#ifndef BP_PMIX_PARTY_H
#define BP_PMIX_PARTY_H

#include "pmix/map.h"
#include "pmix/signature.h"
#include "pmix/tree.h"

struct bp_party {
    struct bp_tree tree;
    size_t *nodes;       /* by position: index in the map, ascending */
    uint32_t *alive;     /* by position: participants in its subtree that have not ended */
    size_t self;         /* this node's position, or BP_TREE_NONE */
    uint32_t self_alive; /* participants on this node that have not ended, and those that have */
    uint32_t self_gone;
};

void bp_party_init(struct bp_party *party, const struct bp_map *map,
                   const struct bp_signature *signature, size_t fanout);
void bp_party_done(struct bp_party *party);

/* Count the living again. */
void bp_party_count(struct bp_party *party, const struct bp_map *map,
                    const struct bp_signature *signature);

/* Position of the node with this number, or BP_TREE_NONE. */
size_t bp_party_find(const struct bp_party *party, const struct bp_map *map, int32_t number);

#endif
