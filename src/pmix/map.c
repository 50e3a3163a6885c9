/* SPDX-License-Identifier: BSD-3-Clause */
/* map.c - the job's map, checked once, so that nobody after it has to. */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "pmix/map.h"

#define NAME_MAX_BYTES 255

void bp_map_free(struct bp_map *map)
{
    if (map == NULL)
        return;
    for (size_t i = 0; i < map->node_count; i++) {
        free(map->nodes[i].name);
        free(map->nodes[i].ranks);
    }
    free(map->nodes);
    free(map->node_of);
    free(map->local_of);
    free(map->gone);
    free(map->app_of);
    free(map);
}

size_t bp_map_index(const struct bp_map *map, int32_t number)
{
    for (size_t i = 0; i < map->node_count; i++)
        if (map->nodes[i].number == number)
            return i;
    return BP_NODE_NONE;
}

/* A host name goes into libpmix's lists, which "," and ";" separate. */
static bool name_is_sane(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");
    return length > 0 && length <= NAME_MAX_BYTES && name[length] == '\0';
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_numbers(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

/* Two nodes with one host name would share Open MPI's shared-memory files and crash it. */
static int check_distinct(const struct bp_map *map, struct bp_error *err)
{
    auto_free char **names = bp_calloc(map->node_count, sizeof *names);
    auto_free int32_t *numbers = bp_calloc(map->node_count, sizeof *numbers);
    for (size_t i = 0; i < map->node_count; i++) {
        names[i] = map->nodes[i].name;
        numbers[i] = map->nodes[i].number;
    }
    qsort(names, map->node_count, sizeof *names, compare_strings);
    qsort(numbers, map->node_count, sizeof *numbers, compare_numbers);
    for (size_t i = 1; i < map->node_count; i++) {
        if (strcmp(names[i - 1], names[i]) == 0)
            return bp_error_set(err, -EINVAL, "two nodes of the job are called %s: give each "
                                "node its own host name", names[i]);
        if (numbers[i - 1] == numbers[i])
            return bp_error_set(err, -EINVAL, "node %d stands twice in the job's map", numbers[i]);
    }
    return 0;
}

static int place_ranks(struct bp_map *map, struct bp_error *err)
{
    auto_free bool *seen = bp_calloc(map->rank_count, sizeof *seen);
    for (size_t i = 0; i < map->node_count; i++) {
        const struct bp_map_node *node = &map->nodes[i];
        for (size_t local = 0; local < node->rank_count; local++) {
            uint32_t rank = node->ranks[local];
            if (rank >= map->rank_count || seen[rank])
                return bp_error_set(err, -EINVAL, "rank %u of the job's map is %s", rank,
                                    rank >= map->rank_count ? "beyond its end" : "there twice");
            seen[rank] = true;
            map->node_of[rank] = (uint32_t)i;
            map->local_of[rank] = (uint32_t)local;
        }
    }
    return 0;
}

static int copy_nodes(struct bp_map *map, const Bpmix__PmixJob *job, struct bp_error *err)
{
    uint64_t total = 0;
    for (size_t i = 0; i < job->n_map; i++) {
        const Bpmix__MapNode *from = job->map[i];
        struct bp_map_node *to = &map->nodes[i];
        if (!name_is_sane(from->name))
            return bp_error_set(err, -EINVAL, "node %d has no usable host name", from->node);
        total += from->n_ranks;
        if (total > BP_RANKS_MAX)
            return bp_error_set(err, -EINVAL, "the job has more than %u ranks", BP_RANKS_MAX);
        to->number = from->node;
        to->name = bp_strdup(from->name);
        to->rank_count = from->n_ranks;
        to->ranks = bp_calloc(from->n_ranks, sizeof *to->ranks);
        if (from->n_ranks > 0)
            memcpy(to->ranks, from->ranks, from->n_ranks * sizeof *to->ranks);
    }
    map->rank_count = (uint32_t)total;
    map->node_of = bp_calloc(total, sizeof *map->node_of);
    map->local_of = bp_calloc(total, sizeof *map->local_of);
    map->gone = bp_calloc(total, sizeof *map->gone);
    return 0;
}

static int fill(struct bp_map *map, const Bpmix__PmixJob *job, struct bp_error *err)
{
    size_t length = strlen(job->nspace);
    if (length == 0 || length > BP_NSPACE_MAX)
        return bp_error_set(err, -EINVAL, "the nspace has %zu bytes, not 1 to %u", length,
                            BP_NSPACE_MAX);
    memcpy(map->nspace, job->nspace, length);
    int rc = copy_nodes(map, job, err);
    if (rc == 0)
        rc = check_distinct(map, err);
    if (rc == 0)
        rc = place_ranks(map, err);
    if (rc < 0)
        return rc;
    map->self = bp_map_index(map, job->node);
    if (map->self == BP_NODE_NONE || map->nodes[map->self].rank_count == 0)
        return bp_error_set(err, -EINVAL, "node %d has no rank of this job", job->node);
    map->app_count = job->n_apps > 0 ? (uint32_t)job->n_apps : 1;
    return job->n_apps == 0 ? 0
                            : bp_apps_ranks(job->apps, job->n_apps, map->rank_count,
                                            &map->app_of, err);
}

int bp_map_new(const Bpmix__PmixJob *job, struct bp_map **ret_map, struct bp_error *err)
{
    struct bp_map *map = bp_calloc(1, sizeof *map);
    map->nodes = bp_calloc(job->n_map, sizeof *map->nodes);
    map->node_count = job->n_map;
    int rc = fill(map, job, err);
    if (rc < 0) {
        bp_map_free(map);
        return rc;
    }
    *ret_map = map;
    return 0;
}
