/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - bpnode: options, one event loop. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/std.h"
#include "nodeagent/agent.h"

#define BUSY_NICE (-10) /* ranks get their launcher's; the agent goes on when its node is crowded */

struct options {
    const char *key, *host;
    const char *reboot, *halt, *power_off;
    int port, foreground, verbose;
};

enum { OPT_REBOOT = 256, OPT_HALT, OPT_POWER_OFF };

static int number(const char *text, int low, int high)
{
    char *end;
    long value = strtol(text, &end, 10);
    return end == text || *end != '\0' || value < low || value > high ? -1 : (int)value;
}

static int parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'k':
        options->key = arg;
        return 0;
    case 'd':
        options->foreground = 1;
        return 0;
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    case 'v':
        options->verbose = 1;
        return 0;
    case OPT_REBOOT:
        options->reboot = arg;
        return 0;
    case OPT_HALT:
        options->halt = arg;
        return 0;
    case OPT_POWER_OFF:
        options->power_off = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0)
            options->host = arg;
        else if (state->arg_num > 1 || (options->port = number(arg, 1, 65535)) < 0)
            argp_error(state, "%s is not a port", arg);
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num < 1)
            argp_error(state, "the master's host name or address is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_base_loopbreak(arg);
}

/* Everything here ends, then this program starts anew. */
static void on_hangup(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct agent *agent = arg;
    agent->restarting = 1;
    if (agent->channel != NULL)
        join_lost(agent, "told to restart");
    else if (agent->spaces == NULL)
        order_restart(agent);
}

/* Our arguments once more; a daemon is one already. */
static char **restart_words(int argc, char **argv, const struct options *options)
{
    char **words = bp_calloc((size_t)argc + 2, sizeof *words);
    int count = 0;
    words[count++] = argv[0];
    if (!options->foreground)
        words[count++] = (char *)"-d";
    for (int i = 1; i < argc; i++)
        words[count++] = argv[i];
    return words;
}

static int setup(struct agent *agent, const struct options *options, struct bp_error *err)
{
    char identity[64], id_text[2 * BP_KEY_ID_BYTES + 1];
    uint8_t id[BP_KEY_ID_BYTES];
    int r = bp_key_read_node(options->key, &agent->node, &agent->key, err);
    if (r < 0)
        return r;
    bp_key_id(&agent->key, id);
    bp_key_hex(id, sizeof id, id_text);
    snprintf(identity, sizeof identity, "%d:%s", agent->node, id_text);
    agent->tls = bp_tls_client_new(identity, &agent->key, err);
    if (agent->tls == NULL)
        return err->code;
    /* The mount point of every job's own directory; each space mounts over it for itself. */
    if ((mkdir(BP_RUNDIR, 0755) < 0 && errno != EEXIST) ||
        (mkdir(BP_RUNDIR "/job", 0755) < 0 && errno != EEXIST))
        return bp_error_set(err, -errno, BP_RUNDIR "/job: %s", strerror(errno));
    r = topology_read(agent, err);
    if (r < 0)
        return r;
    agent->topology = topology_export(err);
    if (agent->topology < 0) /* jobs start slower, no more */
        bp_log_warning("no-topology why=\"%s\"", err->text);
    r = cpu_read(agent, err);
    if (r < 0)
        return r;
    agent->hfi = access("/dev/hfi1_0", F_OK) == 0 || access("/dev/ipath", F_OK) == 0;
    agent->base = event_base_new();
    return agent->base != NULL ? 0 : bp_error_set(err, -ENOMEM, "libevent has no memory");
}

static void run(struct agent *agent)
{
    event_add(evsignal_new(agent->base, SIGTERM, on_signal, agent->base), NULL);
    event_add(evsignal_new(agent->base, SIGINT, on_signal, agent->base), NULL);
    event_add(evsignal_new(agent->base, SIGHUP, on_hangup, agent), NULL);
    join_start(agent);
    event_base_dispatch(agent->base);
    /* Our end is the end of every space here: bpspace sees its socket closed. */
    bp_log_info("ending");
}

int main(int argc, char **argv)
{
    static const struct argp_option rows[] = {
        {"key", 'k', "FILE", 0, "Key file of this node", 0},
        {"foreground", 'd', NULL, 0, "Stay in the foreground", 0},
        {"verbose", 'v', NULL, 0, "Log more", 0},
        {"reboot", OPT_REBOOT, "COMMAND", 0, "How bpctl --reboot reboots this node", 0},
        {"halt", OPT_HALT, "COMMAND", 0, "How bpctl --halt halts it", 0},
        {"power-off", OPT_POWER_OFF, "COMMAND", 0, "How bpctl --power-off switches it off", 0},
        {NULL, 'h', NULL, 0, "Show this summary and exit", -1},
        {0}};
    static const struct argp argp = {rows, parse, "MASTER [PORT]",
                                     "bpnode - the agent of a bpmix node.", NULL, NULL, NULL};
    argp_program_version = "bpnode (bpmix) " BP_VERSION;
    struct options options = {.key = BP_SYSCONFDIR "/node.key", .port = BP_PORT};
    /* everything hangs on it to the end */
    static struct agent agent = {.retry_ms = 100, .first_mounts = -1};
    struct bp_error err = {0};
    bp_std_open();
    /* argp changes their order */
    char **words = bp_memdup(argv, (size_t)(argc + 1) * sizeof *argv);
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    bp_log_init("bpnode", options.verbose ? BP_LOG_DEBUG : BP_LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    setpriority(PRIO_PROCESS, 0, BUSY_NICE);
    if (getrlimit(RLIMIT_NOFILE, &agent.files) == 0)
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){agent.files.rlim_max, agent.files.rlim_max});
    snprintf(agent.host, sizeof agent.host, "%s", options.host);
    agent.port = options.port;
    agent.reboot = options.reboot;
    agent.halt = options.halt;
    agent.power_off = options.power_off;
    agent.restart_argv = restart_words(argc, words, &options);
    int r = setup(&agent, &options, &err);
    if (r == 0 && !options.foreground && daemon(0, 1) < 0)
        r = bp_error_set(&err, -errno, "daemon: %s", strerror(errno));
    if (r < 0) {
        bp_log_error("%s", err.text);
        return 1;
    }
    run(&agent);
    return 0;
}
