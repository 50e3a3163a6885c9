/* SPDX-License-Identifier: BSD-3-Clause */
/* srun_words.c - the values of srun's options, put into Place. */
#include <errno.h>
#include <string.h>

#include "common/cpuset.h"
#include "common/mem.h"
#include "placement/request.h"
#include "tools/place_words.h"
#include "tools/words.h"

#define NODES_MAX 65536

int place_nodes(Bpmix__Place *place, const char *value, struct bp_error *err)
{
    auto_free char *copy = bp_strdup(value);
    char *dash = strchr(copy, '-');
    uint32_t low, high = 0;
    if (dash != NULL)
        *dash++ = '\0';
    if (word_value(copy, 1, NODES_MAX, &low) < 0 ||
        (dash != NULL && word_value(dash, 1, NODES_MAX, &high) < 0))
        return bp_error_set(err, -EINVAL, "\"%.64s\" is not a number of nodes (4), nor from a "
                            "least to a most (2-4)", value);
    if (dash != NULL && high < low)
        return bp_error_set(err, -EINVAL, "%.64s runs backwards", value);
    place->nodes_min = low;
    place->nodes_max = high > low ? high : 0;
    return 0;
}

int place_deal(Bpmix__Place *place, const char *value, struct bp_error *err)
{
    struct bp_place_request request = {.ranks = 0};
    int r = bp_words_deal(value, &request, err);
    if (r == 0)
        place_text(&place->distribution, value);
    return r;
}

/* Cut "verbose," and its kind off in front: the rest, "" if that was all. */
static const char *cut_loudness(const char *value, int *report)
{
    static const struct {
        const char *word;
        int loud;
    } rows[] = {{"verbose", 1}, {"v", 1}, {"quiet", 0}, {"q", 0}};
    size_t length = strcspn(value, ",");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strlen(rows[i].word) != length || strncmp(value, rows[i].word, length) != 0)
            continue;
        *report = rows[i].loud;
        return value[length] == ',' ? value + length + 1 : "";
    }
    return value;
}

static void add_map(Bpmix__Place *place, char *take_list)
{
    place->cpu_maps = bp_realloc(place->cpu_maps, place->n_cpu_maps + 1, sizeof *place->cpu_maps);
    place->cpu_maps[place->n_cpu_maps++] = take_list;
}

/* "3" or "0x3" as the list of CPUs that it is. NULL = it is none. */
static char *map_item(const char *text)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return NULL;
    unsigned long cpu = strtoul(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    return *end == '\0' && cpu < BP_CPUS_MAX ? bp_format("%lu", cpu) : NULL;
}

/* "0xf0" or "f0". */
static char *mask_item(const char *text)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    uint8_t mask[BP_CPUSET_BYTES_MAX] = {0};
    if (strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0)
        text += 2;
    size_t length = strlen(text);
    if (length == 0 || length > sizeof mask * 2)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        const char *digit = memchr(digits, text[length - 1 - i], sizeof digits - 1);
        if (digit == NULL)
            return NULL;
        mask[i / 2] |= (uint8_t)((unsigned)(digit - digits) % 16 << (i % 2 * 4));
    }
    return bp_cpuset_count(mask, sizeof mask) > 0 ? bp_cpuset_format(mask, sizeof mask) : NULL;
}

/* Items joined by commas, each with "*TIMES" behind it where the user likes. */
static int read_maps(Bpmix__Place *place, const char *value, char *(*read)(const char *text),
                     const char *what, struct bp_error *err)
{
    auto_free char *copy = bp_strdup(value);
    char *rest = copy;
    for (char *item; (item = strsep(&rest, ",")) != NULL;) {
        char *star = strchr(item, '*');
        uint32_t times = 1;
        if (star != NULL)
            *star++ = '\0';
        auto_free char *list = read(item);
        if (list == NULL || (star != NULL && word_value(star, 1, BP_CPUS_MAX, &times) < 0))
            return bp_error_set(err, -EINVAL, "\"%.64s\" is not %s", item, what);
        if (place->n_cpu_maps + times > BP_CPUS_MAX)
            return bp_error_set(err, -E2BIG, "more than %d CPUs", BP_CPUS_MAX);
        while (times-- > 0)
            add_map(place, bp_strdup(list));
    }
    return 0;
}

static int starts_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void forget_maps(Bpmix__Place *place)
{
    while (place->n_cpu_maps > 0)
        free(place->cpu_maps[--place->n_cpu_maps]);
}

int place_cpu_bind(Bpmix__Place *place, const char *value, int *report, struct bp_error *err)
{
    static const char *const rows[][2] = {
        {"none", "none"},    {"no", "none"},       {"cores", "core"},    {"threads", "hwthread"},
        {"sockets", "package"}, {"ldoms", "numa"}, {"rank", "core"}};
    const char *word = cut_loudness(value, report);
    if (word[0] == '\0')
        return 0;
    forget_maps(place);
    if (starts_with(word, "map_cpu:"))
        return read_maps(place, strchr(word, ':') + 1, map_item, "the number of a CPU", err);
    if (starts_with(word, "mask_cpu:"))
        return read_maps(place, strchr(word, ':') + 1, mask_item, "a mask of CPUs (0x3)", err);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(word, rows[i][0]) != 0)
            continue;
        place_text(&place->bind_to, rows[i][1]);
        return 0;
    }
    return bp_error_set(err, -EINVAL, "\"%.64s\" is not one of none, cores, threads, sockets, "
                        "ldoms, rank, map_cpu:CPU,..., mask_cpu:MASK,... (or verbose, in front)",
                        word);
}

int place_mem_bind(Bpmix__Place *place, const char *value, int *report, struct bp_error *err)
{
    const char *word = cut_loudness(value, report);
    if (strcmp(word, "no") == 0)
        word = "none";
    if (word[0] != '\0' && strcmp(word, "none") != 0 && strcmp(word, "local") != 0)
        return bp_error_set(err, -EINVAL, "\"%.64s\" is not one of none, local (or verbose, in "
                            "front)", word);
    if (word[0] != '\0')
        place_text(&place->mem_bind, word);
    return 0;
}

int place_gpus(Bpmix__Place *place, const char *value, struct bp_error *err)
{
    if (word_value(value, 1, BP_DEVICES_MAX, &place->gpus_per_rank) == 0)
        return 0;
    return bp_error_set(err, -EINVAL, "\"%.64s\" is not a number of GPUs from 1 to %d (types are "
                        "not known)", value, BP_DEVICES_MAX);
}

int place_gpu_bind(Bpmix__Place *place, const char *value, int *report, struct bp_error *err)
{
    struct bp_place_request request = {.ranks = 0};
    struct bp_place_words words = {.gpu_map = NULL};
    const char *word = cut_loudness(value, report);
    auto_free char *kept = starts_with(word, "map_gpu:") ? bp_format("map:%s", word + 8)
                                                         : bp_strdup(word);
    int r = bp_words_gpu(kept, &request, &words, err);
    bp_words_done(&words);
    if (r == 0 && kept[0] != '\0')
        place_text(&place->gpu_bind, kept);
    return r;
}

int place_hint(Bpmix__Place *place, const char *value, struct bp_error *err)
{
    if (strcmp(value, "multithread") == 0)
        place_text(&place->map_by, "hwthread");
    else if (strcmp(value, "memory_bound") == 0)
        place->ranks_per_package = 1;
    else if (strcmp(value, "nomultithread") != 0 && strcmp(value, "compute_bound") != 0)
        return bp_error_set(err, -EINVAL, "\"%.64s\" is not one of compute_bound, memory_bound, "
                            "multithread, nomultithread", value);
    return 0; /* the others: a core for a rank is what placement does */
}
