/* SPDX-License-Identifier: BSD-3-Clause */
/* place_words.c - the values of mpirun's options, and what both grammars need, put into Place. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "common/cpuset.h"
#include "common/mem.h"
#include "placement/request.h"
#include "tools/place_words.h"

void place_text(char **field, const char *text)
{
    if (*field != protobuf_c_empty_string)
        free(*field);
    *field = text[0] != '\0' ? bp_strdup(text) : (char *)protobuf_c_empty_string;
}

void place_words_done(Bpmix__Place *place)
{
    char **fields[] = {&place->map_by, &place->rank_by, &place->bind_to, &place->distribution,
                       &place->cpu_list, &place->mem_bind, &place->gpu_bind};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        place_text(fields[i], "");
    for (size_t i = 0; i < place->n_cpu_maps; i++)
        free(place->cpu_maps[i]);
    free(place->cpu_maps);
    place->cpu_maps = NULL;
    place->n_cpu_maps = 0;
}

static char *lower(const char *text)
{
    char *copy = bp_strdup(text);
    for (char *p = copy; *p != '\0'; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

/* Is the part one that says nothing here, or that has a field of its own? */
static int take_modifier(Bpmix__Place *place, const char *part)
{
    if (strcmp(part, "oversubscribe") == 0)
        place->oversubscribe = BPMIX__PLACE__CHOICE__YES;
    else if (strcmp(part, "nooversubscribe") == 0)
        place->oversubscribe = BPMIX__PLACE__CHOICE__NO;
    else if (strcmp(part, "overload-allowed") == 0)
        place->overload = 1;
    else /* the master is no node for ranks; a map is for cores unless it names hwthreads; */
        return strcmp(part, "nolocal") == 0 || strcmp(part, "corecpus") == 0 ||
               strcmp(part, "if-supported") == 0; /* and bind to what is there is the rule */
    return 1;
}

/* The parts that are left for placement's own words. */
static char *strip(Bpmix__Place *place, const char *value)
{
    auto_free char *copy = lower(value);
    char *rest = copy, *kept = bp_calloc(strlen(value) + 2, 1);
    int first = 1;
    for (const char *part; (part = strsep(&rest, ":")) != NULL; first = 0) {
        if (!first && take_modifier(place, part))
            continue;
        if (!first)
            strcat(kept, ":");
        strcat(kept, part);
    }
    return kept;
}

int place_map_by(Bpmix__Place *place, const char *value, struct bp_error *err)
{
    struct bp_place_request request = {.ranks = 0};
    struct bp_place_words words = {.pe_list = NULL};
    auto_free char *kept = strip(place, value);
    int r = bp_words_map(kept, &request, &words, err);
    bp_words_done(&words);
    if (r == 0)
        place_text(&place->map_by, kept);
    return r;
}

int place_rank_by(Bpmix__Place *place, const char *value, struct bp_error *err)
{
    struct bp_place_request request = {.ranks = 0};
    auto_free char *kept = lower(value);
    int r = bp_words_rank(kept, &request, err);
    if (r == 0)
        place_text(&place->rank_by, kept);
    return r;
}

int place_bind_to(Bpmix__Place *place, const char *value, struct bp_error *err)
{
    struct bp_place_request request = {.ranks = 0};
    auto_free char *kept = strip(place, value);
    int r = bp_words_bind(kept, &request, err);
    if (r == 0)
        place_text(&place->bind_to, kept);
    return r;
}

int place_cpu_set(Bpmix__Place *place, const char *value, struct bp_error *err)
{
    auto_free uint8_t *mask = NULL;
    size_t bytes;
    int r = bp_cpuset_parse(value, &mask, &bytes, err);
    if (r == 0)
        place_text(&place->cpu_list, value);
    return r;
}
