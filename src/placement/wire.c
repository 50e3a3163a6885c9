/* SPDX-License-Identifier: BSD-3-Clause */
/* wire.c - what Place asks becomes a request of placement. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "placement/wire.h"

/* The one node that a text names. */
static int one_node(const char *text, const struct bp_nodeset_node *nodes, size_t node_count,
                    const char *option, int *ret_number, struct bp_error *err)
{
    struct bp_nodeset set = {0};
    int r = bp_nodeset_parse(text, nodes, node_count, &set, err);
    if (r == 0 && set.count != 1)
        r = bp_error_set(err, -EINVAL, "%s: '%.60s' is not one node", option, text);
    if (r == 0)
        *ret_number = set.numbers[0];
    bp_nodeset_done(&set);
    return r;
}

static int take_hosts(struct bp_asked *asked, const Bpmix__Place *place,
                      const struct bp_nodeset_node *nodes, size_t node_count, struct bp_error *err)
{
    size_t count = 0;
    int r = 0;
    for (size_t i = 0; r == 0 && i < place->n_hosts; i++) {
        struct bp_nodeset set = {0};
        r = bp_nodeset_parse(place->hosts[i]->node, nodes, node_count, &set, err);
        if (r == 0 && count + set.count > BP_PLACE_RANKS_MAX)
            r = bp_error_set(err, -E2BIG, "more than %d hosts", BP_PLACE_RANKS_MAX);
        if (r == 0 && set.count > 0)
            asked->hosts = bp_realloc(asked->hosts, count + set.count, sizeof *asked->hosts);
        for (size_t k = 0; r == 0 && k < set.count; k++)
            asked->hosts[count++] = (struct bp_place_host){.number = set.numbers[k],
                                                           .slots = place->hosts[i]->slots,
                                                           .most = place->hosts[i]->most};
        bp_nodeset_done(&set);
    }
    asked->request.hosts = asked->hosts;
    asked->request.host_count = count;
    if (r == 0 && place->n_hosts > 0 && count == 0)
        r = bp_error_set(err, -ENOENT, "no node is meant by the hosts given");
    return r;
}

/* "0-3" are CPUs of the node, "1:0-1" cores of a package, "" any. */
static int take_row_slots(struct bp_place_row *row, const char *slots, uint32_t rank,
                          struct bp_error *err)
{
    struct bp_error why;
    row->package = -1;
    size_t digits = strspn(slots, "0123456789");
    if (digits > 0 && digits < 5 && slots[digits] == ':') {
        row->package = atoi(slots);
        slots += digits + 1;
        if (strcmp(slots, "*") == 0)
            return 0;
    } else if (slots[0] == '\0') {
        return 0;
    }
    int r = bp_cpuset_parse(slots, &row->cpus, &row->cpus_bytes, &why);
    return r == 0 ? 0 : bp_error_set(err, r, "rankfile: rank %u: %s", rank, why.text);
}

static int take_row(struct bp_asked *asked, const Bpmix__PlaceRow *row, bool *seen, size_t count,
                    const struct bp_nodeset_node *nodes, size_t node_count, struct bp_error *err)
{
    if (row->rank >= count || seen[row->rank])
        return bp_error_set(err, -EINVAL, "rankfile: rank %u is %s", row->rank,
                            row->rank < count ? "there twice" : "beyond the number of lines");
    seen[row->rank] = true;
    struct bp_place_row *ret = &asked->rankfile[row->rank];
    int r = one_node(row->node, nodes, node_count, "rankfile", &ret->number, err);
    return r == 0 ? take_row_slots(ret, row->slots, row->rank, err) : r;
}

static int take_rankfile(struct bp_asked *asked, const Bpmix__Place *place,
                         const struct bp_nodeset_node *nodes, size_t node_count,
                         struct bp_error *err)
{
    size_t count = place->n_rankfile;
    if (count > BP_PLACE_RANKS_MAX)
        return bp_error_set(err, -E2BIG, "%zu ranks, but %d is the most", count,
                            BP_PLACE_RANKS_MAX);
    auto_free bool *seen = bp_calloc(count, sizeof *seen);
    asked->rankfile = bp_calloc(count, sizeof *asked->rankfile);
    asked->request.rankfile = asked->rankfile;
    asked->request.rankfile_count = count;
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = take_row(asked, place->rankfile[i], seen, count, nodes, node_count, err);
    if (count > 0 && asked->request.map_by == BP_MAP_DEFAULT)
        asked->request.map_by = BP_MAP_RANKFILE;
    return r;
}

static int take_cpus(struct bp_asked *asked, const Bpmix__Place *place, struct bp_error *err)
{
    struct bp_place_words *words = &asked->words;
    int r = 0;
    if (place->cpu_list[0] != '\0')
        r = bp_cpuset_parse(place->cpu_list, &words->cpu_list, &asked->request.cpu_list_bytes,
                            err);
    asked->request.cpu_list = words->cpu_list;
    if (r == 0 && place->n_cpu_maps > BP_PLACE_RANKS_MAX)
        r = bp_error_set(err, -E2BIG, "%zu CPU masks, but %d is the most", place->n_cpu_maps,
                         BP_PLACE_RANKS_MAX);
    if (r < 0)
        return r;
    words->cpu_maps = bp_calloc(place->n_cpu_maps, sizeof *words->cpu_maps);
    for (size_t i = 0; r == 0 && i < place->n_cpu_maps; i++) {
        struct bp_cpu_mask *mask = &words->cpu_maps[i];
        r = bp_cpuset_parse(place->cpu_maps[i], &mask->cpus, &mask->bytes, err);
        words->cpu_map_count += r == 0;
    }
    asked->request.cpu_maps = words->cpu_maps;
    asked->request.cpu_map_count = words->cpu_map_count;
    return r;
}

static int take_words(struct bp_asked *asked, const Bpmix__Place *place, struct bp_error *err)
{
    struct bp_place_request *request = &asked->request;
    int r = bp_words_map(place->map_by, request, &asked->words, err);
    if (r == 0)
        r = bp_words_rank(place->rank_by, request, err);
    if (r == 0)
        r = bp_words_bind(place->bind_to, request, err);
    if (r == 0)
        r = bp_words_deal(place->distribution, request, err);
    if (r == 0)
        r = bp_words_mem(place->mem_bind, request, err);
    if (r == 0)
        r = bp_words_gpu(place->gpu_bind, request, &asked->words, err);
    return r;
}

static void take_numbers(struct bp_place_request *request, const Bpmix__Place *place)
{
    *request = (struct bp_place_request){.ranks = place->ranks,
                                         .nodes_min = place->nodes_min,
                                         .nodes_max = place->nodes_max,
                                         .ranks_per_node = place->ranks_per_node,
                                         .ranks_per_package = place->ranks_per_package,
                                         .ranks_per_core = place->ranks_per_core,
                                         .cpus_per_rank = place->cpus_per_rank,
                                         .threads_per_rank = place->threads_per_rank,
                                         .gpus_per_rank = place->gpus_per_rank,
                                         .overload = place->overload,
                                         .exclusive = place->exclusive,
                                         .overlap = place->overlap,
                                         .one_each = place->one_each};
    if (place->oversubscribe == BPMIX__PLACE__CHOICE__YES)
        request->oversubscribe = BP_CHOICE_YES;
    else if (place->oversubscribe == BPMIX__PLACE__CHOICE__NO)
        request->oversubscribe = BP_CHOICE_NO;
}

static int take_nodes(const char *text, const struct bp_nodeset_node *nodes, size_t node_count,
                      struct bp_nodeset *ret_set, struct bp_error *err)
{
    if (text[0] == '\0')
        return 0;
    return bp_nodeset_parse(text, nodes, node_count, ret_set, err);
}

static int take_place(struct bp_asked *asked, const Bpmix__Place *place,
                      const struct bp_nodeset_node *nodes, size_t node_count, struct bp_error *err)
{
    take_numbers(&asked->request, place);
    int r = take_words(asked, place, err);
    if (r == 0)
        r = take_nodes(place->node_list, nodes, node_count, &asked->list, err);
    if (r == 0 && place->node_list[0] != '\0' && asked->list.count == 0)
        r = bp_error_set(err, -ENOENT, "no node is meant by %s", place->node_list);
    if (r == 0)
        r = take_nodes(place->exclude, nodes, node_count, &asked->exclude, err);
    if (r == 0)
        r = take_hosts(asked, place, nodes, node_count, err);
    if (r == 0)
        r = take_rankfile(asked, place, nodes, node_count, err);
    if (r == 0)
        r = take_cpus(asked, place, err);
    asked->request.list = asked->list.numbers;
    asked->request.list_count = asked->list.count;
    asked->request.exclude = asked->exclude.numbers;
    asked->request.exclude_count = asked->exclude.count;
    return r;
}

int bp_asked_init(struct bp_asked *asked, const Bpmix__Place *place,
                  const struct bp_nodeset_node *nodes, size_t node_count, struct bp_error *err)
{
    *asked = (struct bp_asked){0};
    int r = take_place(asked, place, nodes, node_count, err);
    if (r < 0)
        bp_asked_done(asked);
    return r;
}

void bp_asked_done(struct bp_asked *asked)
{
    for (size_t i = 0; asked->rankfile != NULL && i < asked->request.rankfile_count; i++)
        free(asked->rankfile[i].cpus);
    free(asked->rankfile);
    free(asked->hosts);
    bp_words_done(&asked->words);
    bp_nodeset_done(&asked->list);
    bp_nodeset_done(&asked->exclude);
    *asked = (struct bp_asked){0};
}

bool bp_asked_node(const struct bp_asked *asked, size_t i, int *ret_number)
{
    const struct bp_place_request *request = &asked->request;
    if (i < request->list_count) {
        *ret_number = request->list[i];
        return true;
    }
    i -= request->list_count;
    if (i < request->host_count) {
        *ret_number = request->hosts[i].number;
        return true;
    }
    i -= request->host_count;
    if (i >= request->rankfile_count)
        return false;
    *ret_number = request->rankfile[i].number;
    return true;
}
