/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - bpnode: options, one event loop. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
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
    int port, foreground, verbose;
};

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
    case 'v':
        options->verbose = 1;
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
    agent->hfi = access("/dev/hfi1_0", F_OK) == 0 || access("/dev/ipath", F_OK) == 0;
    agent->base = event_base_new();
    return agent->base != NULL ? 0 : bp_error_set(err, -ENOMEM, "libevent has no memory");
}

static void run(struct agent *agent)
{
    event_add(evsignal_new(agent->base, SIGTERM, on_signal, agent->base), NULL);
    event_add(evsignal_new(agent->base, SIGINT, on_signal, agent->base), NULL);
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
        {0}};
    static const struct argp argp = {rows, parse, "MASTER [PORT]",
                                     "bpnode - the agent of a bpmix node.", NULL, NULL, NULL};
    argp_program_version = "bpnode (bpmix) " BP_VERSION;
    struct options options = {.key = BP_SYSCONFDIR "/node.key", .port = BP_PORT};
    static struct agent agent = {.retry_ms = 100}; /* everything hangs on it to the end */
    struct bp_error err = {0};
    bp_std_open();
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    bp_log_init("bpnode", options.verbose ? BP_LOG_DEBUG : BP_LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    setpriority(PRIO_PROCESS, 0, BUSY_NICE);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    snprintf(agent.host, sizeof agent.host, "%s", options.host);
    agent.port = options.port;
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
