/* SPDX-License-Identifier: BSD-3-Clause */
/* bpctl.c - change nodes: state, who may use them; order them to restart or to go. */
#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/nodeset.h"
#include "common/std.h"
#include "lib/node.h"

enum { OPT_RECONNECT = 256 };

#define AT_A_TIME 256 /* orders to nodes */

struct options {
    const char *nodes, *state;
    Bpmix__NodeRights rights;
    int set_rights;
    Bpmix__NodeOrder order;
};

static const struct argp_option rows[] = {
    {NULL, 0, NULL, 0, "Whose:", 1},
    {"master", 'M', NULL, 0, "The master's", 1},
    {"slave", 'S', "NODES", 0, "These nodes', such as 0-3,7 or allup", 1},
    {NULL, 0, NULL, 0, "What:", 2},
    {"state", 's', "STATE", 0, "State: up, or a word such as unavailable: only root may use it", 2},
    {"user", 'u', "USER", 0, "Owner", 2},
    {"group", 'g', "GROUP", 0, "Group", 2},
    {"mode", 'm', "MODE", 0, "Who may use it: an octal number such as 110, its x bits count", 2},
    {"chroot", 'r', "DIR", 0, "The folder of the node that is / for its jobs", 2},
    {"reconnect", OPT_RECONNECT, "ADDRESS[:PORT]", 0, "Connect to the master there", 2},
    {"reboot", 'R', NULL, 0, "Reboot", 2},
    {"halt", 'H', NULL, 0, "Halt", 2},
    {"power-off", 'P', NULL, 0, "Switch off", 2},
    {"fast", 'f', NULL, 0, "Do not wait until that is done", 2},
    {NULL, 'h', NULL, 0, "Show this summary and exit", -1},
    {0}};

static unsigned number(const char *word, int base, unsigned long most, const char *what,
                       struct argp_state *state)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(word, &end, base);
    if (errno != 0 || end == word || *end != '\0' || word[0] == '-' || value > most)
        argp_error(state, "%s: %s", word, what);
    return (unsigned)value;
}

static unsigned user(const char *word, struct argp_state *state)
{
    const struct passwd *row = getpwnam(word);
    return row != NULL ? row->pw_uid : number(word, 10, UINT32_MAX - 1, "no such user", state);
}

static unsigned group(const char *word, struct argp_state *state)
{
    const struct group *row = getgrnam(word);
    return row != NULL ? row->gr_gid : number(word, 10, UINT32_MAX - 1, "no such group", state);
}

static void set_order(struct options *options, Bpmix__NodeOrder__Kind kind,
                      struct argp_state *state)
{
    if (options->order.kind != BPMIX__NODE_ORDER__KIND__NONE)
        argp_error(state, "one of -r, -R, -H, -P and --reconnect");
    options->order.kind = kind;
}

static void set_master(struct options *options, char *word, struct argp_state *state)
{
    struct in_addr ignored;
    char *colon = strchr(word, ':');
    set_order(options, BPMIX__NODE_ORDER__KIND__RECONNECT, state);
    if (colon != NULL) {
        *colon = '\0';
        options->order.port = number(colon + 1, 10, 65535, "no port", state);
    }
    if (inet_pton(AF_INET, word, &ignored) != 1)
        argp_error(state, "%s: no IPv4 address", word);
    options->order.host = word;
}

static error_t parse_whose(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    if (key == 'M' || key == 'S') {
        if (options->nodes != NULL)
            argp_error(state, "one of -M and -S");
        options->nodes = key == 'M' ? "master" : arg;
        return 0;
    }
    if (key == 'u') {
        options->rights.set_user = options->set_rights = 1;
        options->rights.user = user(arg, state);
    } else if (key == 'g') {
        options->rights.set_group = options->set_rights = 1;
        options->rights.group = group(arg, state);
    } else {
        options->rights.set_mode = options->set_rights = 1;
        options->rights.mode = number(arg, 8, 0777, "no mode of three octal digits", state);
    }
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'M':
    case 'S':
    case 'u':
    case 'g':
    case 'm':
        return parse_whose(key, arg, state);
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    case 's':
        options->state = arg;
        return 0;
    case 'r':
        set_order(options, BPMIX__NODE_ORDER__KIND__CHROOT, state);
        options->order.path = arg;
        return 0;
    case OPT_RECONNECT:
        set_master(options, arg, state);
        return 0;
    case 'R':
        set_order(options, BPMIX__NODE_ORDER__KIND__REBOOT, state);
        return 0;
    case 'H':
        set_order(options, BPMIX__NODE_ORDER__KIND__HALT, state);
        return 0;
    case 'P':
        set_order(options, BPMIX__NODE_ORDER__KIND__POWER_OFF, state);
        return 0;
    case 'f':
        options->order.no_wait = 1;
        return 0;
    case ARGP_KEY_END:
        if (options->nodes == NULL)
            argp_error(state, "-M or -S NODES is needed");
        if (options->state == NULL && !options->set_rights &&
            options->order.kind == BPMIX__NODE_ORDER__KIND__NONE)
            argp_error(state, "what to do?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The sentence may begin with the node already. */
static int complain(int node, const struct bp_error *err)
{
    char name[16] = "master";
    if (node >= 0)
        snprintf(name, sizeof name, "n%d", node);
    size_t length = strlen(name);
    if (strncmp(err->text, name, length) == 0 && err->text[length] == ' ')
        fprintf(stderr, "bpctl: %s\n", err->text);
    else
        fprintf(stderr, "bpctl: %s: %s\n", name, err->text);
    return 1;
}

/* State and rights of one node. 0, or 1 when a line was put on stderr. */
static int change(const struct options *options, int node)
{
    struct bp_error err = {0};
    if (options->state != NULL && bp_node_set_state(node, options->state, &err) < 0)
        return complain(node, &err);
    if (options->set_rights && bp_node_set_rights(node, &options->rights, &err) < 0)
        return complain(node, &err);
    return 0;
}

/* The order to all of them at once, then their answers. */
static int order(const struct options *options, const int *nodes, size_t count)
{
    struct bp_error err = {0};
    int fds[AT_A_TIME], failures = 0;
    for (size_t i = 0; i < count; i++) {
        fds[i] = bp_node_order_start(nodes[i], &options->order, &err);
        if (fds[i] < 0)
            failures += complain(nodes[i], &err);
    }
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0 && bp_node_order_end(fds[i], &err) < 0)
            failures += complain(nodes[i], &err);
    return failures;
}

static int obey(const struct options *options, const struct bp_nodeset *set)
{
    int failures = 0;
    for (size_t i = 0; i < set->count; i++)
        failures += change(options, set->numbers[i]);
    if (options->order.kind == BPMIX__NODE_ORDER__KIND__NONE || failures > 0)
        return failures;
    for (size_t i = 0; i < set->count; i += AT_A_TIME)
        failures += order(options, set->numbers + i,
                          set->count - i < AT_A_TIME ? set->count - i : AT_A_TIME);
    return failures;
}

static int parse_nodes(const char *spec, struct bp_nodeset *ret_set, struct bp_error *err)
{
    auto_unpack Bpmix__NodeList *list = bp_node_list(err);
    if (list == NULL)
        return err->code;
    auto_free struct bp_nodeset_node *table = bp_calloc(list->n_nodes, sizeof *table);
    for (size_t i = 0; i < list->n_nodes; i++)
        table[i] = (struct bp_nodeset_node){list->nodes[i]->number,
                                              list->nodes[i]->state, NULL};
    return bp_nodeset_parse(spec, table, list->n_nodes, ret_set, err);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        rows, parse, "-M|-S NODES",
        "bpctl - change nodes: their state, who may use them; order them to restart or to go.",
        NULL, NULL, NULL};
    argp_program_version = "bpctl (bpmix) " BP_VERSION;
    struct options options = {.rights = BPMIX__NODE_RIGHTS__INIT,
                              .order = BPMIX__NODE_ORDER__INIT};
    struct bp_error err = {0};
    struct bp_nodeset set;
    bp_std_open();
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (parse_nodes(options.nodes, &set, &err) < 0) {
        fprintf(stderr, "bpctl: %s\n", err.text);
        return 1;
    }
    int failures = obey(&options, &set);
    bp_nodeset_done(&set);
    return failures > 0 ? 1 : 0;
}
