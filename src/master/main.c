/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - bpmaster: options, configuration, one event loop. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/std.h"
#include "master/master.h"
#include "proto/tick.h"
#include "proto/vault.h"

#define BUSY_NICE (-10) /* the master goes on when its machine is crowded */

struct options {
    const char *config;
    int node_key; /* -1 = not asked */
    int foreground, verbose;
};

static int parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    char *end;
    switch (key) {
    case 'c':
        options->config = arg;
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
    case 'k':
        options->node_key = (int)strtol(arg, &end, 10);
        if (end == arg || *end != '\0' || options->node_key < 0)
            argp_error(state, "--node-key needs a node's number, not %s", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The key that a node's connection must know: its identity is "node:keyid". */
static int find_key(void *arg, const char *identity, struct bp_key *ret_key)
{
    struct master *master = arg;
    int node, used = 0;
    if (sscanf(identity, "%d%n", &node, &used) != 1 || identity[used] != ':' ||
        node_get(master, node) == NULL)
        return -ENOENT;
    return bp_key_derive(&master->cluster_key, node, ret_key, NULL);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_base_loopbreak(arg);
}

static void on_reload(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct master *master = arg;
    reload(master, master->config_path);
}

static void on_lease(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    node_send_leases(arg);
}

static void on_judge(void *arg, int late)
{
    struct master *master = arg;
    node_tick(master, late);
    struct job *job, *next;
    HASH_ITER(hh, master->jobs, job, next) {
        herd_tick(job, late);
        mirror_tick(job, late);
        job_check_end(job);
    }
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    listen_tick(arg);
    publish_tick(arg);
    queue_tick(arg);
}

static int run(struct master *master, struct bp_error *err)
{
    master->base = event_base_new();
    if (master->base == NULL)
        return bp_error_set(err, -ENOMEM, "libevent cannot make an event loop");
    queue_init(master);
    master->tls = bp_tls_server_new(find_key, master, err);
    if (master->tls == NULL)
        return err->code;
    master->rights.mode = BP_RIGHTS_MODE;
    bp_cpu_read(master->cpu);
    for (int i = 0; i < BP_NODES_MAX; i++)
        if (master->config.node[i])
            node_add(master, i);
    int r = listen_open(master, err);
    if (r == 0)
        r = tool_listen(master, err);
    if (r < 0)
        return r;
    long quarter_us = (long)master->config.lease_ms * 250;
    struct timeval quarter = {.tv_sec = quarter_us / 1000000, .tv_usec = quarter_us % 1000000};
    struct event *lease = event_new(master->base, -1, EV_PERSIST, on_lease, master);
    event_add(lease, &quarter);
    bp_tick_start(bp_tick_new(master->base, on_judge, master), master->config.lease_ms / 4);
    struct event *second = event_new(master->base, -1, EV_PERSIST, on_second, master);
    event_add(second, &(struct timeval){.tv_sec = 1});
    event_add(evsignal_new(master->base, SIGTERM, on_signal, master->base), NULL);
    event_add(evsignal_new(master->base, SIGINT, on_signal, master->base), NULL);
    event_add(evsignal_new(master->base, SIGHUP, on_reload, master), NULL);
    bp_log_info("ready port=%d lease_ms=%u", master->config.port, master->config.lease_ms);
    event_base_dispatch(master->base);
    bp_log_info("ending");
    return 0;
}

static int print_node_key(const struct master *master, int node, struct bp_error *err)
{
    struct bp_key key;
    char hex[2 * BP_KEY_BYTES + 1];
    if (node >= BP_NODES_MAX)
        return bp_error_set(err, -EINVAL, "node numbers are 0 to %d", BP_NODES_MAX - 1);
    int r = bp_key_derive(&master->cluster_key, node, &key, err);
    if (r < 0)
        return r;
    bp_key_hex(key.bytes, sizeof key.bytes, hex);
    printf("node %d\nkey %s\n", node, hex);
    return 0;
}

static void raise_limits(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

int main(int argc, char **argv)
{
    static const struct argp_option rows[] = {
        {"config", 'c', "FILE", 0, "Read the configuration from FILE", 0},
        {"foreground", 'd', NULL, 0, "Stay in the foreground", 0},
        {"verbose", 'v', NULL, 0, "Log more", 0},
        {"node-key", 'k', "NODE", 0, "Print the key file of NODE and exit", 0},
        {NULL, 'h', NULL, 0, "Show this summary and exit", -1},
        {0}};
    static const struct argp argp = {rows, parse, NULL,
                                     "bpmaster - the master of a bpmix cluster: nodes, jobs, the "
                                     "process table.", NULL, NULL, NULL};
    argp_program_version = "bpmaster (bpmix) " BP_VERSION;
    struct options options = {.config = BP_SYSCONFDIR "/bpmix.conf", .node_key = -1};
    bp_std_open();
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    bp_log_init("bpmaster", options.verbose ? BP_LOG_DEBUG : BP_LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    setpriority(PRIO_PROCESS, 0, BUSY_NICE); /* where it may */
    raise_limits();
    struct bp_error err = {0};
    if (bp_vault_open() < 0)
        bp_log_warning("no-vault why=\"OpenSSL was used before\"");
    static struct master the_master; /* everything hangs on it to the end */
    struct master *master = &the_master;
    master->next_job = (uint64_t)time(NULL) << 16 | 1;
    /* A daemon leaves its folder, and will want to find the file again. */
    master->config_path = realpath(options.config, NULL);
    if (master->config_path == NULL)
        master->config_path = options.config;
    int r = bp_config_read(master->config_path, &master->config, &err);
    if (r == 0)
        r = bp_key_read_cluster(master->config.cluster_key, &master->cluster_key, &err);
    if (r == 0 && options.node_key >= 0)
        r = print_node_key(master, options.node_key, &err);
    else if (r == 0 && !options.foreground && daemon(0, 1) < 0)
        r = bp_error_set(&err, -errno, "daemon: %s", strerror(errno));
    if (r == 0 && options.node_key < 0)
        r = run(master, &err);
    if (r < 0)
        bp_log_error("%s", err.text);
    return r < 0 ? 1 : 0;
}
