/* SPDX-License-Identifier: BSD-3-Clause */
/* test_place_many.c - some thousand made-up clusters and requests: what every map must be like. */
#include <stdio.h>

#include "common/mem.h"
#include "place_build.h"
#include "tap.h"

#define NODES_MAX 9
#define SLOTS_MAX 256
#define CASES     4000

/* One made-up cluster and request. */
struct scene {
    struct build build;
    struct bp_slot slots[SLOTS_MAX];
    size_t slot_count;
    struct bp_hardware hardware;
    struct bp_place_node nodes[NODES_MAX];
    size_t node_count;
    unsigned twins; /* nodes on each machine */
    uint8_t used[NODES_MAX][SLOTS_MAX / 8];
    bool any_used;
    struct bp_place_request request;
};

static uint64_t state;

/* A number from 0 to bound - 1 of a fixed sequence. */
static unsigned pick(unsigned bound)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % bound;
}

static void make_scene(struct scene *s, unsigned number)
{
    state = number;
    *s = (struct scene){
        .build = {1 + pick(2), 1 + pick(2), 1 + pick(2), 1 + pick(8), 1 + pick(2), 0},
        .node_count = 1 + pick(NODES_MAX),
        .twins = pick(3) == 0 ? 2 + pick(3) : 1,
    };
    s->slot_count = build_slots(&s->build, s->slots);
    s->hardware = (struct bp_hardware){.slots = s->slots, .slot_count = s->slot_count};
    s->any_used = pick(3) == 0;
    for (size_t i = 0; i < s->node_count; i++) {
        for (size_t cpu = 0; s->any_used && cpu < s->slot_count; cpu++)
            if (pick(4) == 0)
                bp_cpuset_add(s->used[i], sizeof s->used[i], (unsigned)cpu);
        s->nodes[i] = (struct bp_place_node){.number = (int)(i * 3),
                                             .machine = (uint32_t)(i / s->twins),
                                             .hardware = &s->hardware,
                                             .used = s->used[i],
                                             .used_bytes = sizeof s->used[i]};
    }
    s->request.ranks = 1 + pick(build_cores(&s->build) * (unsigned)s->node_count + 4);
    s->request.map_by = (enum bp_map_by)((const int[]){BP_MAP_DEFAULT, BP_MAP_SLOT,
                                                       BP_MAP_NODE})[pick(3)];
    if (pick(3) == 0)
        s->request.nodes_min = 1 + pick((unsigned)s->node_count);
    if (pick(3) == 0)
        s->request.cpus_per_rank = 1 + pick(build_cores(&s->build));
}

static bool is_used(const struct scene *s, size_t node, unsigned cpu)
{
    for (size_t i = 0; i < s->node_count; i++)
        if (s->nodes[i].machine == s->nodes[node].machine &&
            bp_cpuset_has(s->used[i], sizeof s->used[i], cpu))
            return true;
    return false;
}

static bool core_is_used(const struct scene *s, size_t node, unsigned core)
{
    unsigned cores = build_cores(&s->build);
    for (unsigned thread = 0; thread < s->build.threads; thread++)
        if (is_used(s, node, thread * cores + core))
            return true;
    return false;
}

/* Free cores of all machines. */
static unsigned free_cores(const struct scene *s)
{
    unsigned count = 0;
    for (size_t i = 0; i < s->node_count; i += s->twins)
        for (unsigned core = 0; core < build_cores(&s->build); core++)
            count += !core_is_used(s, i, core);
    return count;
}

/* Every rank once, with local numbers in order; every node counts its ranks. */
static bool ranks_are_complete(const struct scene *s, const struct bp_map *map)
{
    uint32_t next[NODES_MAX] = {0};
    uint32_t wanted = s->request.ranks;
    if (map->rank_count != wanted)
        return false;
    for (uint32_t r = 0; r < wanted; r++)
        if (map->ranks[r].node >= map->node_count ||
            map->ranks[r].local != next[map->ranks[r].node]++)
            return false;
    for (uint32_t n = 0; n < map->node_count; n++)
        if (next[n] == 0 || next[n] != map->nodes[n].ranks ||
            map->nodes[n].number != s->nodes[map->nodes[n].index].number)
            return false;
    return s->request.nodes_min == 0 || s->request.nodes_min > wanted ||
           map->node_count == s->request.nodes_min;
}

static bool is_shared(const struct bp_map *map)
{
    return map->shared;
}

/* No CPU twice on a machine, none that is used; whole cores; as many as asked for. */
static bool masks_are_exclusive(const struct scene *s, const struct bp_map *map)
{
    static bool taken[NODES_MAX][SLOTS_MAX];
    memset(taken, 0, sizeof taken);
    unsigned each = s->request.cpus_per_rank > 0 ? s->request.cpus_per_rank : 1;
    for (uint32_t r = 0; r < map->rank_count; r++) {
        const struct bp_map_rank *rank = &map->ranks[r];
        const struct bp_map_node *node = &map->nodes[rank->node];
        if (bp_cpuset_count(rank->cpus, rank->cpus_bytes) != each * s->build.threads)
            return false;
        for (unsigned cpu = 0; cpu < rank->cpus_bytes * 8; cpu++) {
            if (!bp_cpuset_has(rank->cpus, rank->cpus_bytes, cpu))
                continue;
            bool *mine = &taken[s->nodes[node->index].machine][cpu];
            if (cpu >= s->slot_count || *mine || is_used(s, node->index, cpu) ||
                !bp_cpuset_has(node->taken, node->taken_bytes, cpu))
                return false;
            *mine = true;
        }
    }
    return true;
}

static bool nodes_are_even(const struct bp_map *map)
{
    uint32_t least = UINT32_MAX, most = 0;
    for (uint32_t n = 0; n < map->node_count; n++) {
        least = map->nodes[n].ranks < least ? map->nodes[n].ranks : least;
        most = map->nodes[n].ranks > most ? map->nodes[n].ranks : most;
    }
    return most - least <= 1;
}

/* Ranks of size `each` stay inside groups of `size` cores when each divides size; side by side in
 * an L3. */
static bool ranks_stay_inside(const struct scene *s, const struct bp_map *map, unsigned size)
{
    unsigned each = s->request.cpus_per_rank > 0 ? s->request.cpus_per_rank : 1;
    if (s->any_used || size % each != 0)
        return true;
    for (uint32_t r = 0; r < map->rank_count; r++) {
        unsigned first = UINT32_MAX, last = 0;
        for (unsigned core = 0; core < build_cores(&s->build); core++)
            if (bp_cpuset_has(map->ranks[r].cpus, map->ranks[r].cpus_bytes, core)) {
                first = core < first ? core : first;
                last = core;
            }
        if (first / size != last / size || (size == s->build.cores && last - first + 1 != each))
            return false;
    }
    return true;
}

/* One-core ranks of a node alone on its machine differ by at most one between equal groups. */
static bool groups_are_even(const struct scene *s, const struct bp_map *map, unsigned size)
{
    unsigned groups = build_cores(&s->build) / size;
    if (s->any_used || s->twins > 1 || s->request.cpus_per_rank > 1)
        return true;
    for (uint32_t n = 0; n < map->node_count; n++) {
        unsigned count[SLOTS_MAX] = {0}, least = UINT32_MAX, most = 0;
        for (unsigned core = 0; core < build_cores(&s->build); core++)
            count[core / size] +=
                bp_cpuset_has(map->nodes[n].taken, map->nodes[n].taken_bytes, core);
        for (unsigned g = 0; g < groups; g++) {
            least = count[g] < least ? count[g] : least;
            most = count[g] > most ? count[g] : most;
        }
        if (most - least > 1)
            return false;
    }
    return true;
}

static bool maps_are_equal(const struct bp_map *a, const struct bp_map *b)
{
    if (a->rank_count != b->rank_count || a->node_count != b->node_count)
        return false;
    for (uint32_t r = 0; r < a->rank_count; r++) {
        const struct bp_map_rank *x = &a->ranks[r], *y = &b->ranks[r];
        if (x->node != y->node || x->local != y->local || x->cpus_bytes != y->cpus_bytes ||
            (x->cpus_bytes > 0 && memcmp(x->cpus, y->cpus, x->cpus_bytes) != 0))
            return false;
    }
    return true;
}

static struct bp_map *place(const struct scene *s)
{
    struct bp_map *map = NULL;
    struct bp_error err = {0};
    if (bp_place(&s->request, s->nodes, s->node_count, &map, &err) < 0)
        printf("# %s\n", err.text);
    return map;
}

/* Run check on every scene; name the first that fails. */
static void for_all(bool (*check)(const struct scene *s, const struct bp_map *map))
{
    static struct scene s;
    unsigned failed = 0;
    for (unsigned i = 0; i < CASES; i++) {
        make_scene(&s, i);
        struct bp_map *map = place(&s);
        bool good = map != NULL && check(&s, map);
        if (!good && failed++ == 0)
            printf("# scene %u: %u ranks on %zu nodes\n", i, s.request.ranks, s.node_count);
        bp_map_free(map);
    }
    CU_ASSERT_EQUAL(failed, 0);
}

static void complete(void)
{
    for_all(ranks_are_complete);
}

static bool check_exclusive(const struct scene *s, const struct bp_map *map)
{
    return is_shared(map) || masks_are_exclusive(s, map);
}

static void exclusive(void)
{
    for_all(check_exclusive);
}

static bool check_warned(const struct scene *s, const struct bp_map *map)
{
    size_t unbound = 0;
    for (size_t i = 0; i < map->warning_count; i++)
        unbound += strstr(map->warnings[i], "ranks are not bound") != NULL;
    for (uint32_t r = 0; r < map->rank_count; r++)
        if ((map->ranks[r].cpus_bytes == 0) != is_shared(map))
            return false;
    (void)s;
    return unbound == (is_shared(map) ? 1 : 0);
}

static void warned(void)
{
    for_all(check_warned);
}

static bool check_shared(const struct scene *s, const struct bp_map *map)
{
    if (s->request.nodes_min > 0 || s->request.cpus_per_rank > 1)
        return true;
    return is_shared(map) == (s->request.ranks > free_cores(s));
}

static void shared_only_if_needed(void)
{
    for_all(check_shared);
}

static bool check_even(const struct scene *s, const struct bp_map *map)
{
    bool dealt = s->request.map_by == BP_MAP_NODE ||
                 (s->request.nodes_min > 0 && s->request.map_by == BP_MAP_DEFAULT);
    if (is_shared(map))
        return s->node_count % s->twins != 0 || (s->twins > 1 && s->request.nodes_min > 0) ||
               nodes_are_even(map);
    return !dealt || s->any_used || s->twins > 1 || nodes_are_even(map);
}

static void even(void)
{
    for_all(check_even);
}

static bool check_locality(const struct scene *s, const struct bp_map *map)
{
    unsigned l3 = s->build.cores, numa = l3 * s->build.l3s, package = numa * s->build.numas;
    return is_shared(map) || (ranks_stay_inside(s, map, l3) && ranks_stay_inside(s, map, numa) &&
                              ranks_stay_inside(s, map, package) && groups_are_even(s, map, l3) &&
                              groups_are_even(s, map, numa) && groups_are_even(s, map, package));
}

static void locality(void)
{
    for_all(check_locality);
}

static bool check_same(const struct scene *s, const struct bp_map *map)
{
    struct bp_map *again = place(s);
    bool same = again != NULL && maps_are_equal(map, again);
    bp_map_free(again);
    return same;
}

static void deterministic(void)
{
    for_all(check_same);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"every rank exactly once, -N is kept", complete},
        {"no CPU twice, none of another job, whole cores", exclusive},
        {"all bound, or none and one warning", warned},
        {"shared only if the ranks do not fit", shared_only_if_needed},
        {"even over nodes", even},
        {"inside one L3 or NUMA node, even over them", locality},
        {"the same input gives the same map", deterministic},
        {NULL, NULL},
    };
    return bp_tap_run("place_many", tests);
}
