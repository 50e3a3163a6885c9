/* SPDX-License-Identifier: BSD-3-Clause */
/* cores.c - the cores of one node in placement order, and taking some of them for a rank. */
#include <string.h>

#include "common/mem.h"
#include "placement/cores.h"

/* Where a slot stands, outermost first; the prefix of `level` numbers names its domain. */
static void slot_key(const struct bp_slot *s, uint32_t key[BP_LEVELS + 2])
{
    key[BP_LEVEL_NODE] = 0;
    key[BP_LEVEL_KIND] = BP_CPUS_MAX - s->kind; /* the fastest first */
    key[BP_LEVEL_PACKAGE] = s->package;
    key[BP_LEVEL_NUMA] = s->numa;
    key[BP_LEVEL_L3] = s->l3;
    key[BP_LEVELS] = s->core;
    key[BP_LEVELS + 1] = s->pu;
}

/* The first level at which two slots differ; BP_LEVELS = two cores of one L3, more = one core. */
static int slots_differ_at(const struct bp_slot *a, const struct bp_slot *b, int *ret_order)
{
    uint32_t key_a[BP_LEVELS + 2], key_b[BP_LEVELS + 2];
    slot_key(a, key_a);
    slot_key(b, key_b);
    int level = 0;
    while (level < BP_LEVELS + 1 && key_a[level] == key_b[level])
        level++;
    *ret_order = (key_a[level] > key_b[level]) - (key_a[level] < key_b[level]);
    return level;
}

static int compare_slots(const void *a, const void *b)
{
    int order;
    slots_differ_at(a, b, &order);
    return order;
}

/* Begin a core at slot `at`, and a domain at each level from `level` on. */
static void begin_core(struct bp_cores *cores, uint32_t at, int level)
{
    struct bp_core *core = &cores->cores[cores->count];
    for (int l = level; l < BP_LEVELS; l++)
        cores->domains[l][cores->domain_count[l]++].first = cores->count;
    for (int l = 0; l < BP_LEVELS; l++) {
        core->domain[l] = cores->domain_count[l] - 1;
        cores->domains[l][core->domain[l]].end = cores->count + 1;
    }
    core->first = at;
    cores->count++;
}

void bp_cores_init(struct bp_cores *cores, const struct bp_slot *slots, size_t slot_count,
                   struct bp_machine *machine)
{
    *cores = (struct bp_cores){.machine = machine, .slot_count = slot_count};
    cores->slots = bp_calloc(slot_count, sizeof *slots);
    cores->cores = bp_calloc(slot_count, sizeof *cores->cores);
    for (int l = 0; l < BP_LEVELS; l++)
        cores->domains[l] = bp_calloc(slot_count, sizeof **cores->domains);
    if (slot_count == 0)
        return;
    memcpy(cores->slots, slots, slot_count * sizeof *slots);
    qsort(cores->slots, slot_count, sizeof *slots, compare_slots);
    for (uint32_t i = 0; i < slot_count; i++) {
        int order, level = 0;
        if (i > 0)
            level = slots_differ_at(&cores->slots[i - 1], &cores->slots[i], &order);
        if (level <= BP_LEVELS)
            begin_core(cores, i, level);
        cores->cores[cores->count - 1].end = i + 1;
    }
}

void bp_cores_done(struct bp_cores *cores)
{
    free(cores->slots);
    free(cores->cores);
    for (int l = 0; l < BP_LEVELS; l++)
        free(cores->domains[l]);
}

static bool core_is_free(const struct bp_cores *cores, const struct bp_core *core)
{
    const struct bp_machine *machine = cores->machine;
    for (uint32_t i = core->first; i < core->end; i++)
        if (bp_cpuset_has(machine->taken, machine->taken_bytes, cores->slots[i].pu))
            return false;
    return true;
}

uint32_t bp_cores_free(const struct bp_cores *cores)
{
    uint32_t free_cores = 0;
    for (uint32_t i = 0; i < cores->count; i++)
        free_cores += core_is_free(cores, &cores->cores[i]);
    return free_cores;
}

static void count_free(struct bp_cores *cores)
{
    for (int l = 0; l < BP_LEVELS; l++)
        for (uint32_t d = 0; d < cores->domain_count[l]; d++)
            cores->domains[l][d].free = 0;
    for (uint32_t i = 0; i < cores->count; i++)
        if (core_is_free(cores, &cores->cores[i]))
            for (int l = 0; l < BP_LEVELS; l++)
                cores->domains[l][cores->cores[i].domain[l]].free++;
}

/* Is domain a, at `level`, a better place for the next rank than b: judged from the package down,
 * the one where less is taken, then the one with more left. */
static bool domain_is_better(const struct bp_cores *cores, int level, const struct bp_domain *a,
                             const struct bp_domain *b)
{
    const struct bp_core *core_a = &cores->cores[a->first];
    const struct bp_core *core_b = &cores->cores[b->first];
    for (int l = BP_LEVEL_PACKAGE; l <= level; l++) {
        const struct bp_domain *outer_a = &cores->domains[l][core_a->domain[l]];
        const struct bp_domain *outer_b = &cores->domains[l][core_b->domain[l]];
        if (outer_a->load != outer_b->load)
            return outer_a->load < outer_b->load;
        if (outer_a->free != outer_b->free)
            return outer_a->free > outer_b->free;
    }
    return false;
}

/* The best domain of `level` inside kind with `want` free cores, or NULL. */
static const struct bp_domain *best_domain(const struct bp_cores *cores, int level,
                                           const struct bp_domain *kind, uint32_t want)
{
    const struct bp_domain *best = NULL;
    uint32_t last = cores->cores[kind->end - 1].domain[level];
    for (uint32_t d = cores->cores[kind->first].domain[level]; d <= last; d++) {
        const struct bp_domain *domain = &cores->domains[level][d];
        if (domain->free >= want && (best == NULL || domain_is_better(cores, level, domain, best)))
            best = domain;
    }
    return best;
}

static const struct bp_domain *find_domain(const struct bp_cores *cores, uint32_t want)
{
    for (uint32_t k = 0; k < cores->domain_count[BP_LEVEL_KIND]; k++) {
        const struct bp_domain *kind = &cores->domains[BP_LEVEL_KIND][k];
        for (int level = BP_LEVELS - 1; kind->free >= want && level >= BP_LEVEL_KIND; level--) {
            const struct bp_domain *best = best_domain(cores, level, kind, want);
            if (best != NULL)
                return best;
        }
    }
    const struct bp_domain *node = cores->domains[BP_LEVEL_NODE];
    return cores->count > 0 && node->free >= want ? node : NULL;
}

/* The first core of `want` free ones side by side in domain, or the first free core at all. */
static uint32_t find_start(const struct bp_cores *cores, const struct bp_domain *domain,
                           uint32_t want)
{
    uint32_t run = 0, first_free = domain->end;
    for (uint32_t i = domain->first; i < domain->end; i++) {
        bool is_free = core_is_free(cores, &cores->cores[i]);
        run = is_free ? run + 1 : 0;
        if (is_free && first_free == domain->end)
            first_free = i;
        if (run == want)
            return i + 1 - want;
    }
    return first_free;
}

static void take_core(struct bp_cores *cores, const struct bp_core *core)
{
    for (uint32_t i = core->first; i < core->end; i++)
        bp_cpuset_add(cores->machine->taken, cores->machine->taken_bytes, cores->slots[i].pu);
    for (int l = 0; l < BP_LEVELS; l++)
        cores->domains[l][core->domain[l]].load++;
}

bool bp_cores_take(struct bp_cores *cores, uint32_t want, uint32_t *ret_units)
{
    count_free(cores);
    const struct bp_domain *domain = find_domain(cores, want);
    if (domain == NULL)
        return false;
    uint32_t got = 0;
    for (uint32_t i = find_start(cores, domain, want); got < want; i++) {
        if (!core_is_free(cores, &cores->cores[i]))
            continue;
        take_core(cores, &cores->cores[i]);
        ret_units[got++] = i;
    }
    return true;
}

uint32_t bp_cores_take_all(struct bp_cores *cores)
{
    uint32_t taken = 0;
    for (uint32_t i = 0; i < cores->count; i++)
        if (core_is_free(cores, &cores->cores[i])) {
            take_core(cores, &cores->cores[i]);
            taken++;
        }
    return taken;
}

void bp_cores_mask(const struct bp_cores *cores, const uint32_t *units, uint32_t count,
                   uint8_t *mask, size_t bytes)
{
    for (uint32_t u = 0; u < count; u++) {
        const struct bp_core *core = &cores->cores[units[u]];
        for (uint32_t i = core->first; i < core->end; i++)
            bp_cpuset_add(mask, bytes, cores->slots[i].pu);
    }
}
