/* SPDX-License-Identifier: BSD-3-Clause */
/* map_options.c - bprun's options that show where the ranks are, or would be. */
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "tools/map_options.h"
#include "tools/words.h"

enum { OPT_DRY = 256, OPT_TOPOLOGY, OPT_SVG, OPT_JSON, OPT_DISPLAY };

static const struct argp_option rows[] = {
    {"display", OPT_DISPLAY, "WHAT", 0,
     "Show the map before the launch, as a picture (map), a line for each rank (bind) or both "
     "(map,bind)", 0},
    {"dry-run", OPT_DRY, NULL, 0, "Show the map and run nothing (as bpmap does)", 0},
    {"topology", OPT_TOPOLOGY, "FILE[:COUNT]", 0,
     "Dry run for COUNT (1) nodes as this hwloc XML file describes; may be given again", 0},
    {"svg", OPT_SVG, "FILE", 0, "Dry run: draw the map into FILE (- for standard output)", 0},
    {"json", OPT_JSON, NULL, 0, "Dry run: print the map as JSON", 0},
    {0}};

static void add_file(struct argp_state *state, struct map_options *options, char *arg)
{
    uint32_t count = 1;
    char *path = bp_strdup(arg), *colon = strrchr(path, ':');
    if (colon != NULL && access(arg, F_OK) < 0) {
        count = word_number(state, "--topology FILE:", colon + 1, 1, MAP_NODES_MAX);
        *colon = '\0';
    }
    options->files = bp_realloc(options->files, options->file_count + 1, sizeof *options->files);
    options->files[options->file_count++] = (struct map_file){.path = path, .count = count};
}

static void add_display(struct argp_state *state, struct map_options *options, const char *arg)
{
    auto_free char *copy = bp_strdup(arg);
    char *save = NULL;
    for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        if (strcmp(word, "map") == 0 || strcmp(word, "allocation") == 0)
            options->show_map = 1;
        else if (strcmp(word, "bind") == 0 || strcmp(word, "bindings") == 0)
            options->show_bindings = 1;
        else
            argp_error(state, "--display takes map, bind or both, not \"%s\"", word);
    }
}

static int parse_option(struct map_options *options, const struct said *said)
{
    claims_job(options->claims, said);
    switch (said->key) {
    case OPT_DISPLAY:
        add_display(said->state, options, said->arg);
        return 0;
    case OPT_DRY:
        options->dry = 1;
        return 0;
    case OPT_TOPOLOGY:
        add_file(said->state, options, said->arg);
        return 0;
    case OPT_SVG:
        claims_add(options->claims, FACT_SELF, said, said->arg);
        options->svg = said->arg;
        return 0;
    case OPT_JSON:
        options->json = 1;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct map_options *options = state->input;
    struct said said;
    if (said_is_option(key)) {
        said_init(&said, state, rows, key, arg);
        return parse_option(options, &said);
    }
    if (key != ARGP_KEY_SUCCESS)
        return ARGP_ERR_UNKNOWN;
    if (!options->dry && (options->file_count > 0 || options->svg != NULL || options->json))
        argp_error(state, "%s is for --dry-run (or bpmap)",
                   options->file_count > 0 ? "--topology"
                   : options->json         ? "--json"
                                           : "--svg");
    return 0;
}

const struct argp map_argp = {.options = rows, .parser = parse};

void map_options_done(struct map_options *options)
{
    for (size_t i = 0; i < options->file_count; i++)
        free(options->files[i].path);
    free(options->files);
}
