/* SPDX-License-Identifier: BSD-3-Clause */
/* test_party.c - the job's map, and who takes part in a collective. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "pmix/map.h"
#include "pmix/party.h"
#include "tap.h"

#define NODES 4

struct fixture { /* ranks 0,4 on n0; 1,5 on n1; 2 on n2; 3 on n3; node numbers 10..13 */
    Bpmix__PmixJob job;
    Bpmix__MapNode nodes[NODES], *list[NODES];
    char names[NODES][8];
    uint32_t ranks[NODES][2];
};

static void fill(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    bpmix__pmix_job__init(&f->job);
    for (int i = 0; i < NODES; i++) {
        bpmix__map_node__init(&f->nodes[i]);
        snprintf(f->names[i], sizeof f->names[i], "n%d", i);
        f->ranks[i][0] = (uint32_t)i;
        f->ranks[i][1] = (uint32_t)(i + NODES);
        f->nodes[i].node = 10 + i;
        f->nodes[i].name = f->names[i];
        f->nodes[i].ranks = f->ranks[i];
        f->nodes[i].n_ranks = i < 2 ? 2 : 1;
        f->list[i] = &f->nodes[i];
    }
    static char nspace[] = "bp.test";
    f->job.nspace = nspace;
    f->job.map = f->list;
    f->job.n_map = NODES;
    f->job.node = 11;
}

static int refused(const struct fixture *f, const char *word)
{
    struct bp_map *map = NULL;
    struct bp_error err = {0};
    int rc = bp_map_new(&f->job, &map, &err);
    if (rc == 0)
        bp_map_free(map);
    return rc == -EINVAL && strstr(err.text, word) != NULL;
}

static void test_map(void)
{
    struct fixture f;
    struct bp_map *map = NULL;
    fill(&f);
    CU_ASSERT_EQUAL(bp_map_new(&f.job, &map, NULL), 0);
    if (map == NULL)
        return;
    CU_ASSERT_EQUAL(map->rank_count, 6);
    CU_ASSERT_EQUAL(map->self, 1);
    CU_ASSERT(map->node_of[5] == 1 && map->local_of[5] == 1 && map->node_of[3] == 3);
    CU_ASSERT_EQUAL(bp_map_index(map, 13), 3);
    CU_ASSERT_EQUAL(bp_map_index(map, 3), BP_NODE_NONE);
    bp_map_free(map);
}

static void test_bad_maps(void)
{
    struct fixture f;
    static char comma[] = "n1,n2", empty[] = "", big[400];
    memset(big, 'n', sizeof big - 1);
    fill(&f), f.ranks[1][1] = 1;
    CU_ASSERT(refused(&f, "twice"));
    fill(&f), f.ranks[1][1] = 6;
    CU_ASSERT(refused(&f, "beyond"));
    fill(&f), f.nodes[2].name = f.names[0];
    CU_ASSERT(refused(&f, "two nodes"));
    fill(&f), f.nodes[2].node = 10;
    CU_ASSERT(refused(&f, "stands twice"));
    fill(&f), f.nodes[2].name = comma;
    CU_ASSERT(refused(&f, "host name"));
    fill(&f), f.nodes[2].name = big;
    CU_ASSERT(refused(&f, "host name"));
    fill(&f), f.job.nspace = empty;
    CU_ASSERT(refused(&f, "nspace"));
    fill(&f), f.job.nspace = big;
    CU_ASSERT(refused(&f, "nspace"));
    fill(&f), f.job.node = 99;
    CU_ASSERT(refused(&f, "no rank"));
    fill(&f), f.job.n_map = 0;
    CU_ASSERT(refused(&f, "no rank"));
}

static void test_subset(void)
{
    struct fixture f;
    struct bp_map *map = NULL;
    struct bp_party party;
    static uint8_t bytes[] = {BP_FENCE, 2, 0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0}; /* n2, n3, n1 */
    struct bp_signature some = {bytes, sizeof bytes};
    fill(&f);
    if (bp_map_new(&f.job, &map, NULL) < 0)
        return;
    bp_party_init(&party, map, &some, 2);
    CU_ASSERT_EQUAL(party.tree.count, 3);
    CU_ASSERT(party.nodes[0] == 1 && party.nodes[1] == 2 && party.nodes[2] == 3);
    CU_ASSERT(party.self == 0 && party.self_alive == 1 && party.alive[0] == 3);
    CU_ASSERT_EQUAL(bp_party_find(&party, map, 13), 2);
    CU_ASSERT_EQUAL(bp_party_find(&party, map, 10), BP_TREE_NONE); /* not involved */
    CU_ASSERT_EQUAL(bp_party_find(&party, map, 4711), BP_TREE_NONE);
    bp_party_done(&party);
    bp_map_free(map);
}

static void test_the_living(void)
{
    struct fixture f;
    struct bp_map *map = NULL;
    struct bp_party party;
    static uint8_t bytes[] = {BP_FENCE};
    struct bp_signature all = {bytes, sizeof bytes};
    fill(&f);
    if (bp_map_new(&f.job, &map, NULL) < 0)
        return;
    bp_party_init(&party, map, &all, 2); /* 0 above 1 and 2; 1 above 3 */
    CU_ASSERT(party.alive[0] == 6 && party.alive[1] == 3 && party.alive[3] == 1);
    map->gone[1] = map->gone[5] = true; /* all of this node */
    bp_party_count(&party, map, &all);
    CU_ASSERT(party.self_alive == 0 && party.self_gone == 2);
    CU_ASSERT(party.alive[1] == 1 && party.alive[0] == 4); /* it still relays for 3 */
    map->gone[3] = true;
    bp_party_count(&party, map, &all);
    CU_ASSERT(party.alive[1] == 0 && party.alive[3] == 0);
    bp_party_done(&party);
    bp_map_free(map);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"a map", test_map},
        {"maps that cannot be", test_bad_maps},
        {"a subset of the nodes", test_subset},
        {"those that have ended", test_the_living},
        {NULL, NULL},
    };
    return bp_tap_run("party", tests);
}
