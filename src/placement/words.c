/* SPDX-License-Identifier: BSD-3-Clause */
/* words.c - the words of options: --map-by, --rank-by, --bind-to, -m, --mem-bind, --gpu-bind. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "placement/request.h"

#define NUMBER_MAX 100000 /* no count of an option is higher */

struct word {
    const char *text;
    int value;
};

static const struct word objects[] = {
    {"hwthread", BP_OBJECT_HWTHREAD}, {"thread", BP_OBJECT_HWTHREAD},
    {"core", BP_OBJECT_CORE},         {"l1", BP_OBJECT_L1},
    {"l1cache", BP_OBJECT_L1},        {"l2", BP_OBJECT_L2},
    {"l2cache", BP_OBJECT_L2},        {"l3", BP_OBJECT_L3},
    {"l3cache", BP_OBJECT_L3},        {"numa", BP_OBJECT_NUMA},
    {"package", BP_OBJECT_PACKAGE},   {"socket", BP_OBJECT_PACKAGE},
    {"node", BP_OBJECT_NODE},         {"none", BP_OBJECT_NONE},
    {NULL, 0}};
static const struct word maps[] = {{"slot", BP_MAP_SLOT},
                                   {"node", BP_MAP_NODE},
                                   {"seq", BP_MAP_SEQ},
                                   {"rankfile", BP_MAP_RANKFILE},
                                   {NULL, 0}};
static const struct word ranks[] = {{"slot", BP_RANK_SLOT},
                                    {"node", BP_RANK_NODE},
                                    {"fill", BP_RANK_FILL},
                                    {"span", BP_RANK_SPAN},
                                    {NULL, 0}};
static const struct word deals[] = {{"block", BP_DEAL_BLOCK},
                                    {"cyclic", BP_DEAL_CYCLIC},
                                    {"fcyclic", BP_DEAL_FCYCLIC},
                                    {"*", BP_DEAL_DEFAULT},
                                    {NULL, 0}};

static int find(const struct word *words, const char *text)
{
    for (; words->text != NULL; words++)
        if (strcmp(words->text, text) == 0)
            return words->value;
    return 0;
}

static bool said(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* A whole number from 1 to NUMBER_MAX. */
static bool read_count(const char *text, uint32_t *ret_count)
{
    size_t length = strlen(text);
    if (length == 0 || length > 6 || strspn(text, "0123456789") != length)
        return false;
    *ret_count = (uint32_t)strtoul(text, NULL, 10);
    return *ret_count >= 1 && *ret_count <= NUMBER_MAX;
}

/* CPUs in the order written, such as "6,0-3"; each may come again. */
static int read_list(const char *text, const char *option, uint32_t **ret_list, size_t *ret_count,
                     struct bp_error *err)
{
    auto_free uint32_t *list = NULL;
    size_t count = 0;
    for (const char *at = text; ; at++) {
        unsigned first, last;
        int length = 0;
        if (sscanf(at, "%4u%n", &first, &length) != 1 || *at < '0' || *at > '9')
            return bp_error_set(err, -EINVAL, "%s: '%.40s' is no list of numbers", option, text);
        at += length;
        last = first;
        if (*at == '-' && at[1] >= '0' && at[1] <= '9' &&
            sscanf(at + 1, "%4u%n", &last, &length) == 1)
            at += 1 + length;
        if (last < first || last >= BP_CPUS_MAX || count + last - first >= BP_CPUS_MAX)
            return bp_error_set(err, -EINVAL, "%s: '%.40s' is no list of numbers below %d", option,
                                text, BP_CPUS_MAX);
        list = bp_realloc(list, count + last - first + 1, sizeof *list);
        while (first <= last)
            list[count++] = first++;
        if (*at == '\0')
            break;
        if (*at != ',')
            return bp_error_set(err, -EINVAL, "%s: '%.40s' is no list of numbers", option, text);
    }
    *ret_list = bp_take_ptr(list);
    *ret_count = count;
    return 0;
}

static int map_modifier(const char *text, struct bp_place_request *request, struct bp_error *err)
{
    if (strncmp(text, "pe=", 3) == 0) {
        request->said_pe = true;
        if (!read_count(text + 3, &request->cpus_per_rank))
            return bp_error_set(err, -EINVAL, "--map-by: '%.40s' is not pe= and a number", text);
    } else if (strcmp(text, "span") == 0) {
        request->map_span = true;
    } else if (strcmp(text, "fill") == 0) {
        request->map_fill = true;
    } else if (strcmp(text, "oversubscribe") == 0) {
        request->oversubscribe = BP_CHOICE_YES;
    } else if (strcmp(text, "nooversubscribe") == 0) {
        request->oversubscribe = BP_CHOICE_NO;
    } else {
        return bp_error_set(err, -EINVAL, "--map-by: '%.40s' is not one of pe=N, span, fill, "
                            "oversubscribe, nooversubscribe", text);
    }
    return 0;
}

static int map_device(const char *text, struct bp_place_request *request, struct bp_error *err)
{
    if (strcmp(text, "gpu") == 0)
        request->map_device = BP_DEVICE_GPU;
    else if (strcmp(text, "nic") == 0)
        request->map_device = BP_DEVICE_NIC;
    else
        return bp_error_set(err, -EINVAL, "--map-by: device '%.40s' is not one of gpu, nic", text);
    request->map_by = BP_MAP_DEVICE;
    return 0;
}

/* The first word of map_by. */
static int map_policy(const char *text, struct bp_place_request *request,
                      struct bp_place_words *words, struct bp_error *err)
{
    if (strncmp(text, "device=", 7) == 0)
        return map_device(text + 7, request, err);
    if (strncmp(text, "pe-list=", 8) == 0) {
        request->map_by = BP_MAP_PE_LIST;
        int r = read_list(text + 8, "--map-by pe-list=", &words->pe_list, &request->pe_list_count,
                          err);
        request->pe_list = words->pe_list;
        return r;
    }
    request->map_by = (enum bp_map_by)find(maps, text);
    request->map_object = (enum bp_object)find(objects, text);
    if (request->map_by == BP_MAP_DEFAULT && request->map_object > BP_OBJECT_NONE)
        request->map_by = BP_MAP_OBJECT;
    if (request->map_by == BP_MAP_DEFAULT)
        return bp_error_set(err, -EINVAL, "--map-by '%.40s' is not one of slot, hwthread, core, "
                            "l1, l2, l3, numa, package, node, device=gpu, device=nic, "
                            "ppr:N:OBJECT, seq, rankfile, pe-list=CPUS", text);
    return 0;
}

static int map_ppr(char **rest, struct bp_place_request *request, struct bp_error *err)
{
    const char *count = strsep(rest, ":"), *object = strsep(rest, ":");
    request->map_by = BP_MAP_PPR;
    if (count == NULL || !read_count(count, &request->map_count))
        return bp_error_set(err, -EINVAL, "--map-by ppr: '%.40s' is no number of ranks",
                            count != NULL ? count : "");
    request->map_object = object != NULL ? (enum bp_object)find(objects, object) : 0;
    if (request->map_object <= BP_OBJECT_NONE)
        return bp_error_set(err, -EINVAL, "--map-by ppr:%u: '%.40s' is not one of hwthread, core, "
                            "l1, l2, l3, numa, package, node", request->map_count,
                            object != NULL ? object : "");
    return 0;
}

int bp_words_map(const char *text, struct bp_place_request *request, struct bp_place_words *words,
                 struct bp_error *err)
{
    if (!said(text))
        return 0;
    auto_free char *copy = bp_strdup(text);
    char *rest = copy;
    const char *word = strsep(&rest, ":");
    int r = 0;
    if (strcmp(word, "ppr") == 0)
        r = map_ppr(&rest, request, err);
    else if (word[0] != '\0') /* ":pe=2" is modifiers alone */
        r = map_policy(word, request, words, err);
    while (r == 0 && (word = strsep(&rest, ":")) != NULL)
        r = map_modifier(word, request, err);
    return r;
}

int bp_words_rank(const char *text, struct bp_place_request *request, struct bp_error *err)
{
    request->rank_by = said(text) ? (enum bp_rank_by)find(ranks, text) : BP_RANK_DEFAULT;
    if (said(text) && request->rank_by == BP_RANK_DEFAULT)
        return bp_error_set(err, -EINVAL, "--rank-by '%.40s' is not one of slot, node, fill, span",
                            text);
    return 0;
}

int bp_words_bind(const char *text, struct bp_place_request *request, struct bp_error *err)
{
    if (!said(text))
        return 0;
    auto_free char *copy = bp_strdup(text);
    char *rest = copy;
    const char *word = strsep(&rest, ":");
    request->bind_to = (enum bp_object)find(objects, word);
    if ((request->bind_to == BP_OBJECT_DEFAULT && word[0] != '\0') ||
        request->bind_to == BP_OBJECT_NODE)
        return bp_error_set(err, -EINVAL, "--bind-to '%.40s' is not one of none, hwthread, core, "
                            "l1, l2, l3, numa, package", word);
    while ((word = strsep(&rest, ":")) != NULL) {
        if (strcmp(word, "overload-allowed") != 0)
            return bp_error_set(err, -EINVAL, "--bind-to: '%.40s' is not overload-allowed", word);
        request->overload = true;
    }
    return 0;
}

int bp_words_deal(const char *text, struct bp_place_request *request, struct bp_error *err)
{
    if (!said(text))
        return 0;
    enum bp_deal *const fields[] = {&request->deal_nodes, &request->deal_packages,
                                    &request->deal_cores};
    auto_free char *copy = bp_strdup(text);
    char *rest = copy;
    for (int i = 0; rest != NULL; i++) {
        const char *word = strsep(&rest, ":");
        if (i == 0 && strcmp(word, "arbitrary") == 0) {
            request->map_by = BP_MAP_SEQ;
        } else if (i == 0 && strncmp(word, "plane=", 6) == 0 &&
                   read_count(word + 6, &request->plane)) {
            request->deal_nodes = BP_DEAL_PLANE;
        } else {
            int deal = find(deals, word);
            if (i > 2 || (deal == BP_DEAL_DEFAULT && strcmp(word, "*") != 0) ||
                (i == 0 && deal == BP_DEAL_FCYCLIC))
                return bp_error_set(err, -EINVAL, "-m '%.60s' is not block, cyclic, plane=N or "
                                    "arbitrary, then :block, :cyclic or :fcyclic for packages and "
                                    "for cores", text);
            *fields[i] = (enum bp_deal)deal;
        }
    }
    return 0;
}

int bp_words_mem(const char *text, struct bp_place_request *request, struct bp_error *err)
{
    if (said(text) && strcmp(text, "none") != 0 && strcmp(text, "local") != 0)
        return bp_error_set(err, -EINVAL, "--mem-bind '%.40s' is not one of none, local", text);
    request->mem_local = said(text) && text[0] == 'l';
    return 0;
}

int bp_words_gpu(const char *text, struct bp_place_request *request, struct bp_place_words *words,
                 struct bp_error *err)
{
    if (!said(text))
        return 0;
    if (strcmp(text, "closest") == 0) {
        request->gpu_bind = BP_GPU_CLOSEST;
    } else if (strcmp(text, "none") == 0) {
        request->gpu_bind = BP_GPU_NONE;
    } else if (strncmp(text, "single:", 7) == 0 && read_count(text + 7, &request->gpu_share)) {
        request->gpu_bind = BP_GPU_SINGLE;
    } else if (strncmp(text, "map:", 4) == 0) {
        request->gpu_bind = BP_GPU_MAP;
        int r = read_list(text + 4, "--gpu-bind map:", &words->gpu_map, &request->gpu_map_count,
                          err);
        request->gpu_map = words->gpu_map;
        return r;
    } else {
        return bp_error_set(err, -EINVAL, "--gpu-bind '%.40s' is not one of closest, none, "
                            "map:GPU,GPU..., single:N", text);
    }
    return 0;
}

void bp_words_done(struct bp_place_words *words)
{
    for (size_t i = 0; i < words->cpu_map_count; i++)
        free(words->cpu_maps[i].cpus);
    free(words->cpu_maps);
    free(words->cpu_list);
    free(words->pe_list);
    free(words->gpu_map);
    *words = (struct bp_place_words){0};
}
