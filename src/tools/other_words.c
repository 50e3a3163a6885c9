/* SPDX-License-Identifier: BSD-3-Clause */
/* other_words.c - options of mpirun and srun that are others of bprun's, or nothing, or not had. */
#include <string.h>

#include "common/mem.h"
#include "tools/other_words.h"
#include "tools/said.h"

#define KEY_BASE 0x1000 /* and the number of the row */

enum takes { NOTHING, VALUE, MAYBE };

/* A name may have a row for each value that means something, then one for all others. */
static const struct row {
    const char *name;
    int letter; /* of srun's */
    enum takes takes;
    const char *value; /* the row is for this one; NULL = for all */
    const char *is;    /* the option; NULL = it is no other one: */
    const char *as;    /* why not; NULL = nothing is to be done */
} rows[] = { /* beside `is`: what to put before the value, or in its place where there is none */
    /* mpirun's */
    {"n", 0, VALUE, NULL, "np", ""},
    {"pernode", 0, NOTHING, NULL, "npernode", "1"},
    {"perhost", 0, VALUE, NULL, "npernode", ""},
    {"bynode", 0, NOTHING, NULL, "map-by", "node"},
    {"byslot", 0, NOTHING, NULL, "map-by", "slot"},
    {"bycore", 0, NOTHING, NULL, "map-by", "core"},
    {"bysocket", 0, NOTHING, NULL, "map-by", "package"},
    {"ppr", 0, VALUE, NULL, "map-by", "ppr:"},
    {"cpus-per-proc", 0, VALUE, NULL, "cpus-per-task", ""},
    {"cpus-per-rank", 0, VALUE, NULL, "cpus-per-task", ""},
    {"bind-to-core", 0, NOTHING, NULL, "bind-to", "core"},
    {"bind-to-socket", 0, NOTHING, NULL, "bind-to", "package"},
    {"bind-to-none", 0, NOTHING, NULL, "bind-to", "none"},
    {"default-hostfile", 0, VALUE, NULL, "hostfile", ""},
    {"rf", 0, VALUE, NULL, "rankfile", ""},
    {"nolocal", 0, NOTHING, NULL, NULL, NULL}, /* the master is no node */
    {"hetero-nodes", 0, NOTHING, NULL, NULL, NULL},
    {"display-map", 0, NOTHING, NULL, "display", "map"},
    {"display-devel-map", 0, NOTHING, NULL, "display", "map,bindings"},
    {"display-allocation", 0, NOTHING, NULL, "display", "allocation"},
    {"display-topo", 0, NOTHING, NULL, NULL, "--display map shows each node; lstopo shows more"},
    {"do-not-launch", 0, NOTHING, NULL, "dry-run", NULL},
    {"output-filename", 0, VALUE, NULL, "output", "file="},
    {"prepend-rank", 0, NOTHING, NULL, "label", NULL},
    {"gmca", 0, VALUE, NULL, "mca", ""},
    {"genvall", 0, NOTHING, NULL, NULL, NULL},
    {"genvnone", 0, NOTHING, NULL, "export", "NONE"},
    {"genvlist", 0, VALUE, NULL, "export", ""},
    {"gpus-per-proc", 0, VALUE, NULL, "gpus-per-task", ""},
    {"preload-binary", 0, NOTHING, NULL, "start", "ld"},
    {"preload-files", 0, VALUE, NULL, NULL, "bpcp copies files to nodes"},
    {"forward-signals", 0, VALUE, NULL, NULL, NULL}, /* all are */
    {"leave-session-attached", 0, NOTHING, NULL, NULL, NULL},
    {"tune", 0, VALUE, NULL, NULL, "files of parameters are not read; --mca and --env say them"},
    {"app", 0, VALUE, NULL, NULL, "programs stand on the command line, with a : between them, or "
     "in a file of srun's form (--multi-prog)"},
    {"configfile", 0, VALUE, NULL, NULL, "programs stand on the command line, with a : between "
     "them, or in a file of srun's form (--multi-prog)"},
    /* srun's */
    {"cpu_bind", 0, VALUE, NULL, "cpu-bind", ""},
    {"mem_bind", 0, VALUE, NULL, "mem-bind", ""},
    {"tasks-per-node", 0, VALUE, NULL, "ntasks-per-node", ""},
    {"threads-per-core", 0, VALUE, "1", "hint", "nomultithread"},
    {"threads-per-core", 0, VALUE, "2", "hint", "multithread"},
    {"threads-per-core", 0, VALUE, NULL, NULL, "a core has 1 thread for ranks, or 2"},
    {"test-only", 0, NOTHING, NULL, "dry-run", NULL},
    {"unbuffered", 'u', NOTHING, NULL, NULL, NULL},
    {"exact", 0, NOTHING, NULL, NULL, NULL}, /* it always is */
    {"job-name", 'J', VALUE, NULL, NULL, NULL},
    {"comment", 0, VALUE, NULL, NULL, NULL},
    {"account", 'A', VALUE, NULL, NULL, NULL},
    {"qos", 'q', VALUE, NULL, NULL, NULL},
    {"no-allocate", 'Z', NOTHING, NULL, NULL, NULL},
    {"disable-status", 'X', NOTHING, NULL, NULL, NULL},
    {"quit-on-interrupt", 0, NOTHING, NULL, NULL, NULL},
    {"partition", 'p', VALUE, NULL, NULL, "there are no partitions; -w and -x choose nodes"},
    {"constraint", 'C', VALUE, NULL, NULL, "nodes have no features; -w and -x choose nodes"},
    {"reservation", 0, VALUE, NULL, NULL, "nothing is reserved; -w and -x choose nodes"},
    {"relative", 'r', VALUE, NULL, NULL, "nodes are chosen by their numbers, with -w"},
    {"gpus", 'G', VALUE, NULL, NULL, "--gpus-per-task says how many GPUs each rank gets"},
    {"gpus-per-node", 0, VALUE, NULL, NULL, "--gpus-per-task says how many GPUs each rank gets"},
    {"gpus-per-socket", 0, VALUE, NULL, NULL, "--gpus-per-task says how many GPUs each rank gets"},
    {"gres", 0, VALUE, NULL, NULL, "--gpus-per-task says how many GPUs each rank gets"},
    {"mem", 0, VALUE, NULL, NULL, "memory is not given out to jobs; leave it away"},
    {"mem-per-cpu", 0, VALUE, NULL, NULL, "memory is not given out to jobs; leave it away"},
    {"mem-per-gpu", 0, VALUE, NULL, NULL, "memory is not given out to jobs; leave it away"},
    {"bcast", 0, MAYBE, NULL, NULL, "--start=ld sends the program along, --start=entry its "
     "libraries too"},
    {NULL, 0, NOTHING, NULL, NULL, NULL}};

/* The row of the option, for its value. */
static const struct row *find_row(int key, const char *arg)
{
    const struct row *row = rows;
    if (key >= KEY_BASE)
        row += key - KEY_BASE;
    while (key < KEY_BASE && row->letter != key)
        row++;
    while (row->value != NULL && strcmp(row->value, arg) != 0)
        row++;
    return row;
}

/* The key of the option that has this name, among a parser's own; 0 = it has none. */
static int find_key(const struct argp_option *options, const char *name)
{
    int key = 0;
    for (; options->name != NULL || options->key != 0 || options->doc != NULL; options++) {
        if (!(options->flags & OPTION_ALIAS) || options->key != 0)
            key = options->key;
        if (options->name != NULL && strcmp(options->name, name) == 0)
            return key;
    }
    return 0;
}

/* As if the other option had been said; those that rows name copy their values. */
static error_t say(const struct other_words *others, const struct row *row, char *arg,
                   struct argp_state *state)
{
    size_t i = 0;
    int key;
    while ((key = find_key(others->parsers[i]->options, row->is)) == 0)
        i++;
    auto_free char *made = NULL;
    if (row->as != NULL && (row->as[0] != '\0' || row->value != NULL))
        made = bp_format("%s%s", row->as, arg != NULL && row->value == NULL ? arg : "");
    state->hook = &arg;
    state->input = others->inputs[i];
    error_t r = others->parsers[i]->parser(key, made != NULL ? made : arg, state);
    state->input = (void *)others;
    state->hook = NULL;
    return r;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct said said;
    if (!said_is_option(key))
        return ARGP_ERR_UNKNOWN;
    const struct row *row = find_row(key, arg);
    if (row->is != NULL)
        return say(state->input, row, arg, state);
    if (row->as != NULL) {
        said_init(&said, state, NULL, key, arg);
        argp_error(state, "%s: %s", said.name, row->as);
    }
    return 0;
}

void other_words_init(struct other_words *others)
{
    size_t count = sizeof rows / sizeof *rows, kept = 0;
    struct argp_option *options = bp_calloc(count, sizeof *options);
    for (size_t i = 0; rows[i].name != NULL; i++) {
        if (i > 0 && strcmp(rows[i].name, rows[i - 1].name) == 0)
            continue;
        options[kept].name = rows[i].name;
        options[kept].key = rows[i].letter != 0 ? rows[i].letter : KEY_BASE + (int)i;
        options[kept].arg = rows[i].takes != NOTHING ? "VALUE" : NULL;
        options[kept].flags = OPTION_HIDDEN | (rows[i].takes == MAYBE ? OPTION_ARG_OPTIONAL : 0);
        kept++;
    }
    others->argp = (struct argp){.options = options, .parser = parse};
}

void other_words_done(struct other_words *others)
{
    free((void *)others->argp.options);
}
