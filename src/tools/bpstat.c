/* SPDX-License-Identifier: BSD-3-Clause */
/* bpstat.c - the nodes and the jobs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "common/mem.h"
#include "common/nodeset.h"
#include "common/std.h"
#include "lib/client.h"
#include "tools/text.h"
#include "tools/wait_up.h"
#include "tools/words.h"

enum { OPT_JSON = 256, OPT_HOSTFILE, OPT_WAIT };

#define WAIT_MS 30000

struct options {
    int jobs, json, hostfile;
    uint32_t wait_up;
    const char *nodes;
};

static const struct argp_option rows[] = {
    {"jobs", 'j', NULL, 0, "List jobs instead of nodes", 0},
    {"json", OPT_JSON, NULL, 0, "As JSON", 0},
    {"hostfile", OPT_HOSTFILE, NULL, 0, "Print the nodes that are up as a hostfile for mpirun", 0},
    {"wait-up", OPT_WAIT, "N", 0, "Wait until N nodes are up, 30 s at most (exit status 1)", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'j':
        options->jobs = 1;
        return 0;
    case OPT_JSON:
        options->json = 1;
        return 0;
    case OPT_HOSTFILE:
        options->hostfile = 1;
        return 0;
    case OPT_WAIT:
        options->wait_up = word_number(state, "--wait-up", arg, 1, 65536);
        return 0;
    case ARGP_KEY_ARG:
        if (options->nodes != NULL)
            argp_error(state, "one node specification, with commas");
        options->nodes = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static Bpmix__NodeList *ask_nodes(int fd, struct bp_error *err)
{
    struct bp_local_message message;
    if (bp_client_ask(fd, BP_NODE_LIST, NULL, BP_NODES, &message, err) < 0)
        return NULL;
    Bpmix__NodeList *list =
        BP_UNPACK(NodeList, node_list, message.body, message.frame.length, err);
    bp_local_done(&message);
    return list;
}

static Bpmix__JobList *ask_jobs(int fd, struct bp_error *err)
{
    struct bp_local_message message;
    if (bp_client_ask(fd, BP_JOB_LIST, NULL, BP_JOBS, &message, err) < 0)
        return NULL;
    Bpmix__JobList *list = BP_UNPACK(JobList, job_list, message.body, message.frame.length, err);
    bp_local_done(&message);
    return list;
}

/* Leave only the nodes that the specification names. */
static int filter(Bpmix__NodeList *list, const char *text, struct bp_error *err)
{
    auto_free struct bp_nodeset_node *table = bp_calloc(list->n_nodes, sizeof *table);
    struct bp_nodeset set;
    for (size_t i = 0; i < list->n_nodes; i++)
        table[i] = (struct bp_nodeset_node){list->nodes[i]->number, list->nodes[i]->state};
    int r = bp_nodeset_parse(text, table, list->n_nodes, &set, err);
    if (r < 0)
        return r;
    size_t kept = 0;
    for (size_t i = 0; i < list->n_nodes; i++) {
        int wanted = 0;
        for (size_t k = 0; k < set.count && !wanted; k++)
            wanted = set.numbers[k] == list->nodes[i]->number;
        if (wanted)
            list->nodes[kept++] = list->nodes[i];
        else
            bpmix__node__free_unpacked(list->nodes[i], NULL);
    }
    list->n_nodes = kept;
    bp_nodeset_done(&set);
    return 0;
}

static void print_nodes(const Bpmix__NodeList *list)
{
    printf("%-8s %-6s %6s %6s %6s %5s  %-15s %s\n", "NODE", "STATE", "CORES", "CPUS", "USED",
           "JOBS", "ADDRESS", "KERNEL");
    for (size_t i = 0; i < list->n_nodes; i++) {
        const Bpmix__Node *n = list->nodes[i];
        printf("%-8s %-6s %6u %6u %6u %5u  %-15s %s\n", n->name, n->state, n->cores, n->threads,
               n->used, n->jobs, n->address[0] != '\0' ? n->address : "-",
               n->release[0] != '\0' ? n->release : "-");
    }
}

static void print_hostfile(const Bpmix__NodeList *list)
{
    for (size_t i = 0; i < list->n_nodes; i++)
        if (strcmp(list->nodes[i]->state, "up") == 0)
            printf("%s slots=%u\n", list->nodes[i]->name, list->nodes[i]->cores);
}

static void print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(value);
}

static json_t *nodes_json(const Bpmix__NodeList *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->n_nodes; i++) {
        const Bpmix__Node *n = list->nodes[i];
        auto_free char *release = text_plain(n->release);
        json_array_append_new(
            array, json_pack("{s:i s:s s:s s:i s:i s:i s:i s:s s:s}", "node", n->number, "name",
                             n->name, "state", n->state, "cores", (int)n->cores, "cpus",
                             (int)n->threads, "used", (int)n->used, "jobs", (int)n->jobs,
                             "address", n->address, "kernel", release));
    }
    return json_pack("{s:o}", "nodes", array);
}

static json_t *jobs_json(const Bpmix__JobList *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->n_jobs; i++) {
        const Bpmix__JobRow *j = list->jobs[i];
        auto_free char *command = text_plain(j->command);
        json_array_append_new(
            array, json_pack("{s:I s:i s:s s:i s:s s:i s:I s:s}", "job", (json_int_t)j->job,
                             "uid", (int)j->uid, "state", j->state, "ranks", (int)j->ranks,
                             "nodes", j->nodes, "launcher", (int)j->launcher_pid, "age_ms",
                             (json_int_t)j->age_ms, "command", command));
    }
    return json_pack("{s:o}", "jobs", array);
}

static void print_jobs(const Bpmix__JobList *list)
{
    printf("%-16s %6s %-9s %6s %-12s %8s %8s  %s\n", "JOB", "UID", "STATE", "RANKS", "NODES",
           "LAUNCHER", "SECONDS", "COMMAND");
    for (size_t i = 0; i < list->n_jobs; i++) {
        const Bpmix__JobRow *j = list->jobs[i];
        auto_free char *command = text_plain(j->command);
        printf("%-16llu %6u %-9s %6u %-12s %8d %8llu  %s\n", (unsigned long long)j->job, j->uid,
               j->state, j->ranks, j->nodes, j->launcher_pid,
               (unsigned long long)(j->age_ms / 1000), command);
    }
}

static int show_jobs(int fd, const struct options *options, struct bp_error *err)
{
    auto_unpack Bpmix__JobList *list = ask_jobs(fd, err);
    if (list == NULL)
        return err->code;
    if (options->json)
        print_json(jobs_json(list));
    else
        print_jobs(list);
    return 0;
}

static int show_nodes(int fd, const struct options *options, struct bp_error *err)
{
    auto_unpack Bpmix__NodeList *list = ask_nodes(fd, err);
    if (list == NULL)
        return err->code;
    int r = options->nodes != NULL ? filter(list, options->nodes, err) : 0;
    if (r < 0)
        return r;
    if (options->hostfile)
        print_hostfile(list);
    else if (options->json)
        print_json(nodes_json(list));
    else
        print_nodes(list);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {rows, parse, "[NODES]",
                                     "bpstat - the nodes and the jobs of the cluster.", NULL, NULL,
                                     NULL};
    argp_program_version = "bpstat (bpmix) " BP_VERSION;
    struct options options = {0};
    struct bp_error err = {0};
    bp_std_open();
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    int r;
    if (options.wait_up > 0) {
        r = wait_up(options.wait_up, WAIT_MS, &err);
    } else {
        auto_close int fd = r = bp_client_connect(&err);
        if (fd >= 0)
            r = options.jobs ? show_jobs(fd, &options, &err) : show_nodes(fd, &options, &err);
    }
    if (r < 0)
        fprintf(stderr, "bpstat: %s\n", err.text);
    return r < 0 ? 1 : 0;
}
