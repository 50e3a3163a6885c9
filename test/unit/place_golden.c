/* SPDX-License-Identifier: BSD-3-Clause */
/* place_golden.c - maps written down in text files: what is asked, on what, and what comes out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "place_golden.h"
#include "placement/topology.h"
#include "placement/wire.h"

#define NODES_MAX 64

/* Equal nodes, of which others use some CPUs. */
struct golden {
    const char *folder;
    struct bp_hardware hardware;
    struct bp_place_node nodes[NODES_MAX];
    size_t node_count;
    uint8_t *used;
};

/* The value of "key=value" if that is what the word is. */
static char *value_of(char *word, const char *key)
{
    size_t length = strlen(key);
    return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

/* "computer 2 xml=FILE" or "computer 2 pack:2 core:4 pu:2". */
static int set_computer(struct golden *g, char *text)
{
    struct bp_error err = {0};
    bp_hardware_done(&g->hardware);
    g->node_count = strtoul(text, &text, 10);
    text += strspn(text, " ");
    char *xml = value_of(text, "xml");
    auto_free char *path = xml != NULL ? bp_format("%s/%s", g->folder, xml) : NULL;
    int r = xml != NULL ? bp_topology_load(path, &g->hardware, &err)
                        : bp_topology_synthetic(text, &g->hardware, &err);
    if (r < 0 || g->node_count == 0 || g->node_count > NODES_MAX) {
        printf("# %s: %s\n", text, err.text);
        return -1;
    }
    for (size_t i = 0; i < g->node_count; i++)
        g->nodes[i] = (struct bp_place_node){.number = (int)i, .machine = (uint32_t)i,
                                             .hardware = &g->hardware};
    return 0;
}

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

/* "n0:2,n1" */
static void add_hosts(Bpmix__Place *place, char *text)
{
    for (char *word; (word = strsep(&text, ",")) != NULL;) {
        Bpmix__PlaceHost *host = bp_calloc(1, sizeof *host);
        bpmix__place_host__init(host);
        host->node = strsep(&word, ":");
        host->slots = word != NULL ? number(word) : 0;
        place->hosts = bp_realloc(place->hosts, place->n_hosts + 1, sizeof *place->hosts);
        place->hosts[place->n_hosts++] = host;
    }
}

/* "n0/0-1;n1/1:0": rows of a rankfile. */
static void add_rows(Bpmix__Place *place, char *text)
{
    for (char *word; (word = strsep(&text, ";")) != NULL;) {
        Bpmix__PlaceRow *row = bp_calloc(1, sizeof *row);
        bpmix__place_row__init(row);
        row->rank = (uint32_t)place->n_rankfile;
        row->node = strsep(&word, "/");
        row->slots = word != NULL ? word : (char *)"";
        place->rankfile = bp_realloc(place->rankfile, place->n_rankfile + 1,
                                     sizeof *place->rankfile);
        place->rankfile[place->n_rankfile++] = row;
    }
}

static void add_cpu_maps(Bpmix__Place *place, char *text)
{
    for (char *word; (word = strsep(&text, ";")) != NULL;) {
        place->cpu_maps = bp_realloc(place->cpu_maps, place->n_cpu_maps + 1,
                                     sizeof *place->cpu_maps);
        place->cpu_maps[place->n_cpu_maps++] = word;
    }
}

static bool set_number(Bpmix__Place *place, char *word)
{
    const struct {
        const char *key;
        uint32_t *field;
    } fields[] = {{"n", &place->ranks},
                  {"N", &place->nodes_min},
                  {"most", &place->nodes_max},
                  {"c", &place->cpus_per_rank},
                  {"threads", &place->threads_per_rank},
                  {"per-node", &place->ranks_per_node},
                  {"per-package", &place->ranks_per_package},
                  {"per-core", &place->ranks_per_core},
                  {"gpus", &place->gpus_per_rank}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (value_of(word, fields[i].key) != NULL) {
            *fields[i].field = number(value_of(word, fields[i].key));
            return true;
        }
    return false;
}

static bool set_text(Bpmix__Place *place, char *word)
{
    const struct {
        const char *key;
        char **field;
    } fields[] = {{"w", &place->node_list},   {"x", &place->exclude},
                  {"map", &place->map_by},    {"rank", &place->rank_by},
                  {"bind", &place->bind_to},  {"m", &place->distribution},
                  {"mem", &place->mem_bind},  {"cpus", &place->cpu_list},
                  {"gpu-bind", &place->gpu_bind}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (value_of(word, fields[i].key) != NULL) {
            *fields[i].field = value_of(word, fields[i].key);
            return true;
        }
    return false;
}

/* False: what does the word mean? */
static bool set_word(struct golden *g, Bpmix__Place *place, char *word)
{
    if (set_number(place, word) || set_text(place, word))
        return true;
    size_t bytes;
    if (value_of(word, "hosts") != NULL)
        add_hosts(place, value_of(word, "hosts"));
    else if (value_of(word, "rankfile") != NULL)
        add_rows(place, value_of(word, "rankfile"));
    else if (value_of(word, "cpu-map") != NULL)
        add_cpu_maps(place, value_of(word, "cpu-map"));
    else if (value_of(word, "used") != NULL &&
             bp_cpuset_parse(value_of(word, "used"), &g->used, &bytes, NULL) == 0)
        g->nodes[0].used = g->used, g->nodes[0].used_bytes = bytes;
    else if (strcmp(word, "exclusive") == 0)
        place->exclusive = true;
    else if (strcmp(word, "overlap") == 0)
        place->overlap = true;
    else if (strcmp(word, "one-each") == 0)
        place->one_each = true;
    else
        return false;
    return true;
}

static void place_done(Bpmix__Place *place)
{
    for (size_t i = 0; i < place->n_hosts; i++)
        free(place->hosts[i]);
    for (size_t i = 0; i < place->n_rankfile; i++)
        free(place->rankfile[i]);
    free(place->hosts);
    free(place->rankfile);
    free(place->cpu_maps);
}

/* " 3:0,8", and in brackets GPUs, NIC and memory if they were asked for. */
static void put_rank(FILE *out, const struct golden *g, const struct bp_map *map, uint32_t r,
                     const Bpmix__Place *place)
{
    const struct bp_map_rank *rank = &map->ranks[r];
    auto_free char *cpus = bp_cpuset_format(rank->cpus, rank->cpus_bytes);
    auto_free char *mems = bp_cpuset_format(rank->mems, rank->mems_bytes);
    fprintf(out, "  %u:%s", r, rank->cpus_bytes > 0 ? cpus : "-");
    for (uint32_t k = 0; k < rank->gpu_count; k++)
        fprintf(out, "%s%s", k == 0 ? " gpu " : ",", g->hardware.devices[rank->gpus[k]].name);
    if ((place->gpus_per_rank > 0 || strstr(place->map_by, "device") != NULL) &&
        rank->nic != BP_NOWHERE)
        fprintf(out, " nic %s", g->hardware.devices[rank->nic].name);
    if (rank->mems_bytes > 0)
        fprintf(out, " mem %s", mems);
}

static void put_map(FILE *out, const struct golden *g, const struct bp_map *map,
                    const Bpmix__Place *place)
{
    for (uint32_t n = 0; n < map->node_count; n++) {
        fprintf(out, "   n%d", map->nodes[n].number);
        for (uint32_t r = 0; r < map->rank_count; r++)
            if (map->ranks[r].node == n)
                put_rank(out, g, map, r, place);
        fputc('\n', out);
    }
    for (size_t i = 0; i < map->warning_count; i++)
        fprintf(out, "   ! %s\n", map->warnings[i]);
}

/* The lines that belong below a line of words. */
static char *answer(struct golden *g, const char *words)
{
    Bpmix__Place place = BPMIX__PLACE__INIT;
    struct bp_asked asked = {0};
    struct bp_map *map = NULL;
    struct bp_error err = {0};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    auto_free char *copy = bp_strdup(words);
    char *rest = copy;
    int r = 0;
    for (char *word; r == 0 && (word = strsep(&rest, " ")) != NULL;)
        if (word[0] != '\0' && !set_word(g, &place, word))
            r = bp_error_set(&err, -EINVAL, "what is %s?", word);
    if (r == 0)
        r = bp_asked_init(&asked, &place, NULL, 0, &err);
    if (r == 0)
        r = bp_place(&asked.request, g->nodes, g->node_count, &map, &err);
    if (r < 0)
        fprintf(out, "   %s: %s\n", r == -EAGAIN ? "wait" : "no", err.text);
    else
        put_map(out, g, map, &place);
    fclose(out);
    bp_map_free(map);
    bp_asked_done(&asked);
    place_done(&place);
    g->nodes[0].used = NULL;
    g->nodes[0].used_bytes = 0;
    free(bp_take_ptr(g->used));
    return text;
}

/* The lines of a file from `at` on that belong to one line of words. */
static size_t written_length(const char *at)
{
    size_t length = 0;
    while (strncmp(at + length, "   ", 3) == 0) {
        length += strcspn(at + length, "\n");
        length += at[length] == '\n';
    }
    return length;
}

static int check_text(struct golden *g, const char *text)
{
    int wrong = 0;
    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        auto_free char *line = strndup(at, length);
        at += length + (at[length] == '\n');
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (strncmp(line, "computer ", 9) == 0) {
            if (set_computer(g, line + 9) < 0)
                return -1;
            continue;
        }
        auto_free char *is = answer(g, line);
        length = written_length(at);
        if (strlen(is) != length || memcmp(is, at, length) != 0) {
            printf("# %s\n%s", line, is);
            wrong++;
        }
        at += length;
    }
    return wrong;
}

int place_golden_check(const char *name, const char *folder)
{
    const char *source = getenv("BPMIX_SOURCE");
    if (source == NULL)
        source = getenv("srcdir"); /* Automake's */
    auto_free char *path = bp_format("%s/test/unit/golden/%s", source != NULL ? source : ".", name);
    struct golden g = {.folder = folder};
    auto_free char *text = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        printf("# %s: %s\n", path, strerror(errno));
        return -1;
    }
    ssize_t length = getdelim(&text, &room, '\0', file);
    fclose(file);
    int wrong = length > 0 ? check_text(&g, text) : -1;
    bp_hardware_done(&g.hardware);
    return wrong;
}
