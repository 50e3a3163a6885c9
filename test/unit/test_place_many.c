/* SPDX-License-Identifier: BSD-3-Clause */
/* test_place_many.c - some thousand made-up clusters and requests: what every map must be like. */
#include <errno.h>
#include <stdio.h>

#include "common/mem.h"
#include "place_build.h"
#include "tap.h"

#define NODES_MAX 9
#define SLOTS_MAX 256
#define CASES     6000

/* One made-up cluster and request. */
struct scene {
    struct build build;
    struct bp_slot slots[SLOTS_MAX];
    struct bp_device devices[16];
    struct bp_numa numas[8];
    struct bp_hardware hardware;
    struct bp_place_node nodes[NODES_MAX];
    size_t node_count;
    unsigned twins; /* nodes on each machine */
    uint8_t used[NODES_MAX][SLOTS_MAX / 8];
    bool any_used;
    struct bp_place_request request;
    struct bp_place_words words;
    char map_by[64], rank_by[16], bind_to[32], deal[32];
};

static uint64_t state;

/* A number from 0 to bound - 1 of a fixed sequence. */
static unsigned pick(unsigned bound)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % bound;
}

#define PICK(array) (array)[pick(sizeof(array) / sizeof((array)[0]))]

static void pick_words(struct scene *s)
{
    static const char *const maps[] = {"", "", "", "slot", "hwthread", "core", "l1", "l2", "l3",
                                       "numa", "package", "node", "device=gpu", "device=nic",
                                       "ppr:1:l3", "ppr:2:numa", "ppr:1:package", "ppr:1:core",
                                       "ppr:3:node"};
    static const char *const changes[] = {"", "", "", ":span", ":fill", ":oversubscribe", ":pe=2"};
    static const char *const ranks[] = {"", "", "slot", "node", "fill", "span"};
    static const char *const binds[] = {"", "", "", "core", "hwthread", "l2", "l3", "numa",
                                        "package", "none", "core:overload-allowed"};
    static const char *const deals[] = {"block", "cyclic", "block:block", "block:cyclic",
                                        "cyclic:cyclic", "block:fcyclic", "plane=2",
                                        "*:cyclic:block"};
    struct bp_error err = {0};
    snprintf(s->map_by, sizeof s->map_by, "%s%s", PICK(maps), PICK(changes));
    snprintf(s->rank_by, sizeof s->rank_by, "%s", PICK(ranks));
    snprintf(s->bind_to, sizeof s->bind_to, "%s", PICK(binds));
    snprintf(s->deal, sizeof s->deal, "%s", s->map_by[0] == '\0' && pick(2) ? PICK(deals) : "");
    if (bp_words_map(s->map_by, &s->request, &s->words, &err) < 0 ||
        bp_words_rank(s->rank_by, &s->request, &err) < 0 ||
        bp_words_bind(s->bind_to, &s->request, &err) < 0 ||
        bp_words_deal(s->deal, &s->request, &err) < 0)
        CU_FAIL("words are refused");
}

static void pick_numbers(struct scene *s)
{
    struct bp_place_request *request = &s->request;
    unsigned cores = build_cores(&s->build);
    request->ranks = 1 + pick(cores * (unsigned)s->node_count + 4);
    if (request->map_by == BP_MAP_PPR)
        request->ranks = 0;
    if (pick(3) == 0)
        request->nodes_min = 1 + pick((unsigned)s->node_count);
    if (request->nodes_min > 0 && pick(3) == 0)
        request->nodes_max = request->nodes_min + pick(3);
    if (pick(4) == 0 && !request->said_pe)
        request->cpus_per_rank = 1 + pick(cores);
    if (pick(6) == 0)
        request->threads_per_rank = 1 + pick(2 * cores);
    if (pick(8) == 0 && request->map_by != BP_MAP_PPR)
        request->ranks_per_package = 1 + pick(s->build.cores);
    if (pick(8) == 0)
        request->ranks_per_core = 1 + pick(s->build.threads);
    if (pick(5) == 0)
        request->gpus_per_rank = 1 + pick(2);
    if (pick(5) == 0)
        request->ranks_per_node = 1 + pick(cores);
    request->exclusive = pick(8) == 0;
    request->overlap = pick(8) == 0;
    request->mem_local = pick(3) == 0;
}

static void make_scene(struct scene *s, unsigned number)
{
    state = number;
    bp_words_done(&s->words);
    *s = (struct scene){
        .build = {1 + pick(2), 1 + pick(2), 1 + pick(2), 1 + pick(8), 1 + pick(2), 0},
        .node_count = 1 + pick(NODES_MAX),
        .twins = pick(3) == 0 ? 2 + pick(3) : 1,
    };
    if (pick(4) == 0)
        s->build.slow = pick(build_cores(&s->build));
    s->hardware = (struct bp_hardware){.slots = s->slots, .devices = s->devices, .numas = s->numas};
    s->hardware.slot_count = build_slots(&s->build, s->slots);
    s->hardware.device_count = build_devices(&s->build, pick(6), s->devices);
    s->hardware.numa_count = s->build.packages * s->build.numas;
    for (uint32_t i = 0; i < s->hardware.numa_count; i++)
        s->numas[i] = (struct bp_numa){.os = i * 8, .has_memory = i != 1};
    s->any_used = pick(3) == 0;
    for (size_t i = 0; i < s->node_count; i++) {
        for (size_t cpu = 0; s->any_used && cpu < s->hardware.slot_count; cpu++)
            if (pick(6) == 0)
                bp_cpuset_add(s->used[i], sizeof s->used[i], (unsigned)cpu);
        s->nodes[i] = (struct bp_place_node){.number = (int)(i * 3),
                                             .machine = (uint32_t)(i / s->twins),
                                             .hardware = &s->hardware,
                                             .used = s->used[i],
                                             .used_bytes = sizeof s->used[i]};
    }
    pick_words(s);
    pick_numbers(s);
}

static void tell_scene(const struct scene *s, unsigned number)
{
    const struct bp_place_request *r = &s->request;
    printf("# scene %u: %ux%ux%ux%ux%u slow %u, %zu nodes, %u on a machine%s; -n %u -N %u-%u -c %u "
           "map-by %s rank-by %s bind-to %s -m %s per package %u core %u gpus %u of %zu%s%s\n",
           number, s->build.packages, s->build.numas, s->build.l3s, s->build.cores,
           s->build.threads, s->build.slow, s->node_count, s->twins, s->any_used ? ", used" : "",
           r->ranks, r->nodes_min, r->nodes_max, r->cpus_per_rank, s->map_by, s->rank_by,
           s->bind_to, s->deal, r->ranks_per_package, r->ranks_per_core, r->gpus_per_rank,
           s->hardware.device_count - s->build.packages, r->exclusive ? " exclusive" : "",
           r->overlap ? " overlap" : "");
}

static bool is_used(const struct scene *s, size_t node, unsigned cpu)
{
    for (size_t i = 0; i < s->node_count; i++)
        if (s->nodes[i].machine == s->nodes[node].machine &&
            bp_cpuset_has(s->used[i], sizeof s->used[i], cpu))
            return true;
    return false;
}

/* Every rank once, with local numbers in order; every node counts its ranks. */
static bool ranks_are_complete(const struct scene *s, const struct bp_map *map)
{
    uint32_t next[NODES_MAX] = {0};
    const struct bp_place_request *request = &s->request;
    if (request->ranks > 0 && map->rank_count != request->ranks)
        return false;
    for (uint32_t r = 0; r < map->rank_count; r++)
        if (map->ranks[r].node >= map->node_count ||
            map->ranks[r].local != next[map->ranks[r].node]++)
            return false;
    for (uint32_t n = 0; n < map->node_count; n++)
        if (next[n] == 0 || next[n] != map->nodes[n].ranks ||
            map->nodes[n].number != s->nodes[map->nodes[n].index].number)
            return false;
    if (request->nodes_min == 0 || request->nodes_min > map->rank_count)
        return true;
    return map->node_count >= request->nodes_min &&
           map->node_count <= (request->nodes_max > request->nodes_min ? request->nodes_max
                                                                       : request->nodes_min);
}

/* Units that a rank should have: -c, or as many of OMP_NUM_THREADS as a node has. */
static unsigned units_each(const struct scene *s)
{
    const struct bp_place_request *request = &s->request;
    if (request->cpus_per_rank > 0)
        return request->cpus_per_rank;
    return request->threads_per_rank > 0 ? 0 : 1; /* 0: it depends */
}

static bool by_threads(const struct scene *s)
{
    return s->request.map_object == BP_OBJECT_HWTHREAD || s->request.ranks_per_core > 1 ||
           (s->request.bind_to == BP_OBJECT_HWTHREAD && s->request.map_by == BP_MAP_DEFAULT);
}

static bool inside_slots(const struct scene *s, const uint8_t *mask, size_t bytes)
{
    for (unsigned cpu = (unsigned)s->hardware.slot_count; cpu < bytes * 8; cpu++)
        if (bp_cpuset_has(mask, bytes, cpu))
            return false;
    return true;
}

/* Inside what the node has and nobody else's, counted as taken; no CPU twice if that was asked. */
static bool masks_are_good(const struct scene *s, const struct bp_map *map)
{
    static bool taken[NODES_MAX][SLOTS_MAX];
    memset(taken, 0, sizeof taken);
    const struct bp_place_request *request = &s->request;
    bool alone = !map->shared && !request->overload &&
                 (request->bind_to == BP_OBJECT_DEFAULT || request->bind_to == BP_OBJECT_HWTHREAD ||
                  (request->bind_to == BP_OBJECT_CORE && !by_threads(s)));
    for (uint32_t r = 0; r < map->rank_count; r++) {
        const struct bp_map_rank *rank = &map->ranks[r];
        const struct bp_map_node *node = &map->nodes[rank->node];
        if ((rank->cpus_bytes == 0) != (request->bind_to == BP_OBJECT_NONE) ||
            !inside_slots(s, rank->cpus, rank->cpus_bytes) ||
            (rank->cpus_bytes > 0 && bp_cpuset_count(rank->cpus, rank->cpus_bytes) == 0))
            return false;
        for (unsigned cpu = 0; cpu < s->hardware.slot_count; cpu++) {
            if (!bp_cpuset_has(rank->cpus, rank->cpus_bytes, cpu))
                continue;
            bool *mine = &taken[s->nodes[node->index].machine][cpu];
            if ((alone && *mine) || (!request->overlap && is_used(s, node->index, cpu)) ||
                (!request->overlap && !bp_cpuset_has(node->taken, node->taken_bytes, cpu)))
                return false;
            *mine = true;
        }
    }
    return true;
}

/* As many CPUs as asked for: whole cores, or threads. */
static bool sizes_are_right(const struct scene *s, const struct bp_map *map)
{
    unsigned each = units_each(s);
    enum bp_object bind = s->request.bind_to;
    if (map->shared || each == 0 ||
        (bind != BP_OBJECT_DEFAULT && (bind != BP_OBJECT_CORE || by_threads(s))))
        return true;
    if (!by_threads(s))
        each *= s->build.threads;
    if (s->request.map_by == BP_MAP_PPR && s->request.map_object == BP_OBJECT_CORE &&
        s->request.map_count > 1)
        return true;
    for (uint32_t r = 0; r < map->rank_count; r++)
        if (bp_cpuset_count(map->ranks[r].cpus, map->ranks[r].cpus_bytes) != each)
            return false;
    return true;
}

/* The first CPU's slot of a rank that is bound. */
static const struct bp_slot *first_slot(const struct scene *s, const struct bp_map_rank *rank)
{
    for (size_t i = 0; i < s->hardware.slot_count; i++)
        if (bp_cpuset_has(rank->cpus, rank->cpus_bytes, s->slots[i].pu))
            return &s->slots[i];
    return NULL;
}

/* --ntasks-per-node, -socket, -core and ppr are kept. */
static bool limits_are_kept(const struct scene *s, const struct bp_map *map)
{
    const struct bp_place_request *request = &s->request;
    uint32_t packages[NODES_MAX][2] = {0}, cores[NODES_MAX][SLOTS_MAX] = {0};
    bool precise = request->bind_to == BP_OBJECT_DEFAULT;
    for (uint32_t n = 0; n < map->node_count; n++)
        if (request->ranks_per_node > 0 && map->nodes[n].ranks > request->ranks_per_node)
            return false;
    if (map->shared || !precise)
        return true;
    for (uint32_t r = 0; r < map->rank_count; r++) {
        const struct bp_slot *slot = first_slot(s, &map->ranks[r]);
        uint32_t n = map->ranks[r].node;
        packages[n][slot->package]++;
        cores[n][slot->core]++;
        if (units_each(s) == 1 && request->ranks_per_package > 0 &&
            packages[n][slot->package] > request->ranks_per_package)
            return false;
        if (request->ranks_per_core > 0 && cores[n][slot->core] > request->ranks_per_core)
            return false;
        if (request->map_by == BP_MAP_PPR && request->map_object == BP_OBJECT_PACKAGE &&
            packages[n][slot->package] > request->map_count)
            return false;
    }
    return true;
}

/* A GPU is a rank's own while they last, and of its NUMA node if that is where the rank could be. */
static bool gpus_are_good(const struct scene *s, const struct bp_map *map)
{
    uint32_t loads[NODES_MAX][16] = {0};
    bool are_shared = map->shared;
    for (size_t i = 0; i < map->warning_count; i++)
        are_shared |= strstr(map->warnings[i], "GPUs are shared") != NULL;
    are_shared |= s->request.oversubscribe == BP_CHOICE_YES;
    for (uint32_t r = 0; r < map->rank_count; r++) {
        const struct bp_map_rank *rank = &map->ranks[r];
        const struct bp_map_node *node = &map->nodes[rank->node];
        if (rank->gpu_count != s->request.gpus_per_rank)
            return false;
        for (uint32_t g = 0; g < rank->gpu_count; g++) {
            uint32_t gpu = rank->gpus[g];
            if (gpu >= s->hardware.device_count || s->devices[gpu].kind != BP_DEVICE_GPU ||
                (!s->request.overlap &&
                 !bp_cpuset_has(node->taken_devices, node->taken_devices_bytes, gpu)) ||
                (loads[s->nodes[node->index].machine][gpu]++ > 0 && !are_shared))
                return false;
        }
    }
    return true;
}

/* Memory of the NUMA nodes of the rank's CPUs, or of the nearest that has some. */
static bool memory_is_good(const struct scene *s, const struct bp_map *map)
{
    for (uint32_t r = 0; r < map->rank_count; r++) {
        const struct bp_map_rank *rank = &map->ranks[r];
        if (!s->request.mem_local && rank->mems_bytes != 0)
            return false;
        for (unsigned os = 0; os < rank->mems_bytes * 8; os++)
            if (bp_cpuset_has(rank->mems, rank->mems_bytes, os) &&
                (os % 8 != 0 || os / 8 >= s->hardware.numa_count || os / 8 == 1))
                return false;
        if (s->request.mem_local && bp_cpuset_count(rank->mems, rank->mems_bytes) == 0)
            return false;
    }
    return true;
}

static bool is_default(const struct scene *s)
{
    return s->map_by[0] == '\0' && s->deal[0] == '\0' && s->request.gpus_per_rank == 0 &&
           s->request.ranks_per_package == 0 && s->request.ranks_per_core == 0 &&
           (s->request.bind_to == BP_OBJECT_DEFAULT || s->request.bind_to == BP_OBJECT_CORE);
}

/* Ranks of size `each` stay inside groups of `size` cores when each divides size. */
static bool ranks_stay_inside(const struct scene *s, const struct bp_map *map, unsigned size)
{
    unsigned each = units_each(s);
    if (s->any_used || each == 0 || size % each != 0 || s->build.slow > 0)
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
    if (s->any_used || s->twins > 1 || units_each(s) != 1 || s->request.exclusive ||
        s->request.overlap || s->request.overload || s->build.slow > 0)
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

/* No slow core while a fast one of the node is free. */
static bool fast_comes_first(const struct scene *s, const struct bp_map *map)
{
    unsigned cores = build_cores(&s->build);
    if (s->build.slow == 0 || s->twins > 1 || s->request.exclusive || s->request.overlap ||
        s->any_used || units_each(s) != 1)
        return true;
    for (uint32_t n = 0; n < map->node_count; n++) {
        unsigned fast = 0, slow = 0;
        for (unsigned core = 0; core < cores; core++)
            if (bp_cpuset_has(map->nodes[n].taken, map->nodes[n].taken_bytes, core)) {
                fast += core < cores - s->build.slow;
                slow += core >= cores - s->build.slow;
            }
        if (slow > 0 && fast < cores - s->build.slow)
            return false;
    }
    return true;
}

static bool locality_is_good(const struct scene *s, const struct bp_map *map)
{
    unsigned l3 = s->build.cores, numa = l3 * s->build.l3s, package = numa * s->build.numas;
    if (!is_default(s) || map->shared || s->request.overload)
        return true;
    return ranks_stay_inside(s, map, l3) && ranks_stay_inside(s, map, numa) &&
           ranks_stay_inside(s, map, package) && groups_are_even(s, map, l3) &&
           groups_are_even(s, map, numa) && groups_are_even(s, map, package) &&
           fast_comes_first(s, map);
}

/* -N deals evenly, and so does --map-by node. */
static bool nodes_are_even(const struct scene *s, const struct bp_map *map)
{
    uint32_t least = UINT32_MAX, most = 0;
    bool dealt = is_default(s) && s->request.nodes_min > 0;
    if (!dealt || map->shared || s->any_used || s->twins > 1 || s->request.overload)
        return true;
    for (uint32_t n = 0; n < map->node_count; n++) {
        least = map->nodes[n].ranks < least ? map->nodes[n].ranks : least;
        most = map->nodes[n].ranks > most ? map->nodes[n].ranks : most;
    }
    return most - least <= 1;
}

static bool warnings_are_true(const struct scene *s, const struct bp_map *map)
{
    size_t unbound = 0;
    for (size_t i = 0; i < map->warning_count; i++)
        unbound += strstr(map->warnings[i], "ranks are not bound") != NULL;
    bool wanted = s->request.bind_to == BP_OBJECT_NONE ||
                  s->request.oversubscribe == BP_CHOICE_YES;
    return unbound == (map->shared && !wanted ? 1 : 0);
}

static bool maps_are_equal(const struct bp_map *a, const struct bp_map *b)
{
    if (a->rank_count != b->rank_count || a->node_count != b->node_count ||
        a->shared != b->shared)
        return false;
    for (uint32_t r = 0; r < a->rank_count; r++) {
        const struct bp_map_rank *x = &a->ranks[r], *y = &b->ranks[r];
        if (x->node != y->node || x->local != y->local || x->cpus_bytes != y->cpus_bytes ||
            x->gpu_count != y->gpu_count || x->nic != y->nic ||
            (x->cpus_bytes > 0 && memcmp(x->cpus, y->cpus, x->cpus_bytes) != 0) ||
            (x->gpu_count > 0 && memcmp(x->gpus, y->gpus, x->gpu_count * sizeof *x->gpus) != 0))
            return false;
    }
    return true;
}

static int place(const struct scene *s, struct bp_map **ret_map)
{
    struct bp_error err = {0};
    *ret_map = NULL;
    int r = bp_place(&s->request, s->nodes, s->node_count, ret_map, &err);
    if (r < 0 && (err.text[0] == '\0' || err.code != r))
        CU_FAIL("no sentence");
    return r;
}

/* The same input, and the same with its CPUs told in another order, gives the same map. */
static bool is_steady(const struct scene *s, const struct bp_map *map)
{
    static struct scene other;
    struct bp_map *again;
    other = *s;
    other.hardware.slots = other.slots;
    for (size_t i = 0; i < s->hardware.slot_count; i++)
        other.slots[i] = s->slots[s->hardware.slot_count - 1 - i];
    for (size_t i = 0; i < s->node_count; i++)
        other.nodes[i].hardware = &other.hardware;
    bool same = place(&other, &again) == 0 && maps_are_equal(map, again);
    bp_map_free(again);
    return same;
}

/* Without the other jobs. */
static bool fits_alone(const struct scene *s, bool *ret_shared)
{
    static struct scene idle;
    struct bp_map *map;
    idle = *s;
    for (size_t i = 0; i < s->node_count; i++)
        idle.nodes[i].used = NULL;
    int r = place(&idle, &map);
    *ret_shared = r == 0 && map->shared;
    bp_map_free(map);
    return r == 0;
}

static const struct check {
    const char *name;
    bool (*holds)(const struct scene *s, const struct bp_map *map);
} checks[] = {
    {"every rank exactly once, -N is kept", ranks_are_complete},
    {"no CPU twice, none of another job, none beyond the node's", masks_are_good},
    {"as many CPUs as asked for", sizes_are_right},
    {"ranks for each package, core and object", limits_are_kept},
    {"GPUs are one rank's while they last", gpus_are_good},
    {"memory near the CPUs", memory_is_good},
    {"inside one L3 or NUMA node, even over them, fast cores first", locality_is_good},
    {"even over nodes", nodes_are_even},
    {"shared CPUs and one warning, or neither", warnings_are_true},
    {"the same input gives the same map", is_steady},
};
#define CHECKS (sizeof checks / sizeof checks[0])

static unsigned failed[CHECKS], waits, wrong_waits, refused, shared, placed;

/* All scenes once; each check counts. */
static void run_scenes(void)
{
    static struct scene s;
    for (unsigned i = 0; i < CASES; i++) {
        struct bp_map *map;
        bool alone_shared;
        make_scene(&s, i);
        int r = place(&s, &map);
        refused += r < 0 && r != -EAGAIN;
        waits += r == -EAGAIN;
        placed += r == 0;
        shared += r == 0 && map->shared;
        bool wrong = r == -EAGAIN && (!s.any_used || s.request.overlap ||
                                      !fits_alone(&s, &alone_shared));
        if (wrong && wrong_waits++ == 0)
            tell_scene(&s, i);
        for (size_t c = 0; r == 0 && c < CHECKS; c++)
            if (!checks[c].holds(&s, map) && failed[c]++ == 0) {
                printf("# not so: %s\n", checks[c].name);
                tell_scene(&s, i);
            }
        bp_map_free(map);
    }
    printf("# %u placed (%u of them share CPUs), %u wait, %u refused\n", placed, shared, waits,
           refused);
    bp_words_done(&s.words);
    CU_ASSERT(placed > CASES / 2 && shared > CASES / 50 && waits > CASES / 50);
    CU_ASSERT(refused < CASES / 3);
}

#define CHECK(n)                                                                                   \
    static void check_##n(void)                                                                    \
    {                                                                                              \
        CU_ASSERT_EQUAL(failed[n], 0);                                                             \
    }
CHECK(0)
CHECK(1)
CHECK(2)
CHECK(3)
CHECK(4)
CHECK(5)
CHECK(6)
CHECK(7)
CHECK(8)
CHECK(9)

static void waiting(void)
{
    CU_ASSERT_EQUAL(wrong_waits, 0);
}

int main(void)
{
    const struct bp_test tests[] = {
        {"requests of all kinds are placed, shared, told to wait, refused", run_scenes},
        {checks[0].name, check_0}, {checks[1].name, check_1}, {checks[2].name, check_2},
        {checks[3].name, check_3}, {checks[4].name, check_4}, {checks[5].name, check_5},
        {checks[6].name, check_6}, {checks[7].name, check_7}, {checks[8].name, check_8},
        {checks[9].name, check_9},
        {"who is told to wait would fit alone", waiting},
        {NULL, NULL},
    };
    return bp_tap_run("place_many", tests);
}
