/* SPDX-License-Identifier: BSD-3-Clause */
/* party.c - who takes part in a collective, and who of them still lives. */
#include "common/mem.h"
#include "pmix/party.h"

void bp_party_init(struct bp_party *party, const struct bp_map *map,
                   const struct bp_signature *signature, size_t fanout)
{
    auto_free bool *in = bp_calloc(map->node_count, sizeof *in);
    size_t ranks = bp_signature_count(signature, map->rank_count), count = 0;
    for (size_t i = 0; i < ranks; i++) {
        bool *node = &in[map->node_of[bp_signature_rank(signature, i)]];
        count += !*node;
        *node = true;
    }
    *party = (struct bp_party){.tree = bp_tree_make(count, fanout), .self = BP_TREE_NONE};
    party->nodes = bp_calloc(count, sizeof *party->nodes);
    party->alive = bp_calloc(count, sizeof *party->alive);
    size_t position = 0;
    for (size_t i = 0; i < map->node_count; i++) {
        if (!in[i])
            continue;
        if (i == map->self)
            party->self = position;
        party->nodes[position++] = i;
    }
    bp_party_count(party, map, signature);
}

void bp_party_done(struct bp_party *party)
{
    free(party->nodes);
    free(party->alive);
}

void bp_party_count(struct bp_party *party, const struct bp_map *map,
                    const struct bp_signature *signature)
{
    auto_free uint32_t *living = bp_calloc(map->node_count, sizeof *living);
    size_t ranks = bp_signature_count(signature, map->rank_count);
    party->self_gone = 0;
    for (size_t i = 0; i < ranks; i++) {
        uint32_t rank = bp_signature_rank(signature, i);
        party->self_gone += map->node_of[rank] == map->self && map->gone[rank];
        living[map->node_of[rank]] += !map->gone[rank];
    }
    for (size_t p = 0; p < party->tree.count; p++)
        party->alive[p] = living[party->nodes[p]];
    party->self_alive = living[map->self];
    bp_tree_sum(&party->tree, party->alive);
}

size_t bp_party_find(const struct bp_party *party, const struct bp_map *map, int32_t number)
{
    size_t index = bp_map_index(map, number), low = 0, high = party->tree.count;
    while (index != BP_NODE_NONE && low < high) {
        size_t middle = low + (high - low) / 2;
        if (party->nodes[middle] == index)
            return middle;
        if (party->nodes[middle] < index)
            low = middle + 1;
        else
            high = middle;
    }
    return BP_TREE_NONE;
}
