/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - bpshepherd: the PMIx server of one job on one node. Descriptor 3 is the socket to
 * bpnode; the first frame is the job, and the end of file is our end. Descriptor 4 may be the
 * node's topology. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "pmix/bridge.h"
#include "pmix/collective.h"
#include "pmix/dmodex.h"
#include "pmix/event.h"
#include "pmix/jobinfo.h"
#include "pmix/publish.h"
#include "pmix/server.h"
#include "proto/pack.h"

#define LINK_FD     3
#define TOPOLOGY_FD 4

/* bpnode may give us the node's topology as hwloc XML: hwloc would take 10 ms to find it again,
 * with each job, most of it in reading PCI devices. A user who set HWLOC_XMLFILE keeps it. */
static void use_topology(void)
{
    struct stat st;
    char path[32];
    if (fstat(TOPOLOGY_FD, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0 ||
        getenv("HWLOC_XMLFILE") != NULL)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", TOPOLOGY_FD);
    setenv("HWLOC_XMLFILE", path, 1);
    setenv("HWLOC_PLUGINS_PATH", "/dev/null", 1); /* they find what is in the file already */
    setenv("HWLOC_THISSYSTEM", "1", 1);
    setenv("HWLOC_THISSYSTEM_ALLOWED_RESOURCES", "1", 1);
}

/* ---- from PMIX_JOB to PMIX_READY ---- */

static int make_directory(const char *parent, const char *name, char **ret_path,
                          struct bp_error *err)
{
    auto_free char *path = bp_format("%s/%s", parent, name);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return bp_error_set(err, -errno, "mkdir %s: %s", path, strerror(errno));
    *ret_path = bp_take_ptr(path);
    return 0;
}

static int make_directories(struct bp_shepherd *shepherd, const char *parent,
                            struct bp_error *err)
{
    auto_free char *job = NULL;
    int rc = make_directory(parent, "pmix", &shepherd->tmp, err);
    if (rc == 0)
        rc = make_directory(parent, "session", &shepherd->session, err);
    if (rc == 0)
        rc = make_directory(shepherd->session, "job", &job, err);
    return rc;
}

static int start(struct bp_shepherd *shepherd, const Bpmix__PmixJob *job, struct bp_error *err)
{
    int rc = bp_map_new(job, &shepherd->map, err);
    if (rc < 0)
        return rc;
    bool bound = job->bound && job->n_cpus == bp_map_here(shepherd->map)->rank_count;
    shepherd->fanout = job->fanout;
    shepherd->uid = job->uid;
    shepherd->gid = job->gid;
    rc = make_directories(shepherd, job->directory, err);
    if (rc == 0)
        rc = bp_server_start(shepherd, err);
    if (rc == 0)
        rc = bp_jobinfo_register(shepherd, bound ? job->cpus : NULL, err);
    return rc;
}

static void free_ready(Bpmix__PmixReady *ready)
{
    for (size_t i = 0; i < ready->n_ranks; i++) {
        bp_server_env_free(ready->ranks[i]->env);
        free(ready->ranks[i]);
    }
    free(ready->ranks);
}

static int fill_ready(struct bp_shepherd *shepherd, Bpmix__PmixReady *ready, struct bp_error *err)
{
    const struct bp_map_node *here = bp_map_here(shepherd->map);
    ready->ranks = bp_calloc(here->rank_count, sizeof *ready->ranks);
    for (size_t i = 0; i < here->rank_count; i++) {
        char **env;
        int rc = bp_server_env(shepherd, here->ranks[i], &env, err);
        if (rc < 0)
            return rc;
        Bpmix__RankEnv *rank = ready->ranks[ready->n_ranks++] = bp_calloc(1, sizeof *rank);
        bpmix__rank_env__init(rank);
        rank->rank = here->ranks[i];
        rank->env = env;
        while (env[rank->n_env] != NULL)
            rank->n_env++;
    }
    return 0;
}

static void on_job(struct bp_shepherd *shepherd, const struct bp_frame *frame, const void *message)
{
    struct bp_error err = {0};
    Bpmix__PmixReady ready = BPMIX__PMIX_READY__INIT;
    if (shepherd->map != NULL) {
        bp_shepherd_refuse(shepherd, frame, "the job is known already");
        return;
    }
    shepherd->job = frame->job;
    int rc = start(shepherd, message, &err);
    if (rc == 0)
        rc = fill_ready(shepherd, &ready, &err);
    if (rc == 0 && bp_shepherd_send(shepherd, BP_PMIX_READY, 0, 0, &ready.base) < 0)
        rc = bp_error_set(&err, -EMSGSIZE, "too many ranks on one node: their environment is "
                          "too long for one message");
    free_ready(&ready);
    shepherd->ready = rc == 0;
    if (shepherd->ready)
        return;
    Bpmix__PmixReady failed = BPMIX__PMIX_READY__INIT;
    failed.error = err.text;
    bp_shepherd_send(shepherd, BP_PMIX_READY, 0, 0, &failed.base);
}

/* ---- the other frames ---- */

static void on_peer(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                    const void *message)
{
    const Bpmix__PmixPeer *peer = message;
    size_t index = bp_map_index(shepherd->map, frame->node);
    if (index == BP_NODE_NONE || index == shepherd->map->self) {
        bp_shepherd_refuse(shepherd, frame, "not a peer in this job");
        return;
    }
    switch (peer->kind) {
    case BPMIX__PMIX_PEER__KIND__FENCE_UP:
        bp_fences_up(shepherd, frame, peer);
        break;
    case BPMIX__PMIX_PEER__KIND__FENCE_DOWN:
        bp_fences_down(shepherd, frame, peer);
        break;
    case BPMIX__PMIX_PEER__KIND__MODEX_ASK:
        bp_modexes_ask(shepherd, frame, peer);
        break;
    case BPMIX__PMIX_PEER__KIND__MODEX_ANSWER:
        bp_modexes_answer(shepherd, frame, peer);
        break;
    case BPMIX__PMIX_PEER__KIND__EVENT:
        bp_event_peer(shepherd, frame, peer);
        break;
    default:
        bp_shepherd_refuse(shepherd, frame, "unknown kind");
    }
}

static void on_reply(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                     const void *message)
{
    bp_requests_reply(shepherd, frame, message);
}

static void on_gone(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                    const void *message)
{
    const Bpmix__PmixGone *gone = message;
    for (size_t i = 0; i < gone->n_ranks; i++) {
        if (gone->ranks[i] >= shepherd->map->rank_count) {
            bp_shepherd_refuse(shepherd, frame, "no such rank");
            return;
        }
    }
    for (size_t i = 0; i < gone->n_ranks; i++)
        shepherd->map->gone[gone->ranks[i]] = true;
    bp_event_gone(shepherd, gone->ranks, gone->n_ranks, gone->status);
    bp_fences_gone(shepherd);
    bp_modexes_gone(shepherd);
}

static void on_ping(struct bp_shepherd *shepherd, const struct bp_frame *frame,
                    const void *message)
{
    (void)message;
    bp_shepherd_send(shepherd, BP_PMIX_PONG, 0, frame->tag, NULL);
}

static const struct handler {
    const ProtobufCMessageDescriptor *body; /* NULL = none */
    bool early;                             /* allowed before PMIX_READY */
    void (*run)(struct bp_shepherd *shepherd, const struct bp_frame *frame, const void *message);
} handlers[BP_FRAME_TYPES] = {
    [BP_PMIX_JOB] = {&bpmix__pmix_job__descriptor, true, on_job},
    [BP_PMIX_PEER] = {&bpmix__pmix_peer__descriptor, false, on_peer},
    [BP_PMIX_REPLY] = {&bpmix__pmix_reply__descriptor, false, on_reply},
    [BP_PMIX_GONE] = {&bpmix__pmix_gone__descriptor, false, on_gone},
    [BP_PMIX_PING] = {NULL, true, on_ping},
};

static void on_frame(void *arg, const struct bp_frame *frame, const uint8_t *body)
{
    struct bp_shepherd *shepherd = arg;
    const struct handler *handler = &handlers[frame->type];
    struct bp_error err = {0};
    if (handler->run == NULL || (!shepherd->ready && !handler->early)) {
        bp_shepherd_refuse(shepherd, frame, "not now");
        return;
    }
    auto_unpack void *message = NULL;
    if (handler->body != NULL) {
        message = bp_unpack(handler->body, body, frame->length, &err);
        if (message == NULL) {
            bp_shepherd_refuse(shepherd, frame, err.text);
            return;
        }
    }
    handler->run(shepherd, frame, message);
}

static void on_closed(void *arg, const struct bp_error *why)
{
    (void)arg;
    if (why->code != 0)
        bp_log_error("link closed: %s", why->text);
    _exit(why->code != 0); /* never through libpmix's exit handlers: see bp_server_start */
}

int main(void)
{
    static const struct bp_link_events link_events = {on_frame, on_closed};
    struct bp_shepherd shepherd = {.refusals = {.burst = 10}};
    struct bp_error err = {0};
    struct stat st;
    bp_log_init("bpshepherd", BP_LOG_INFO);
    if (fstat(LINK_FD, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        bp_log_error("bpshepherd is started by bpnode, which gives it a socket as descriptor 3");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    use_topology();
    shepherd.base = event_base_new();
    shepherd.fences = bp_fences_new();
    shepherd.modexes = bp_modexes_new();
    shepherd.requests = bp_requests_new();
    if (shepherd.base != NULL && bp_bridge_open(shepherd.base, &shepherd, &err) == 0)
        shepherd.link = bp_link_new(shepherd.base, LINK_FD, &link_events, &shepherd);
    if (shepherd.link == NULL) {
        bp_log_error("no event loop: %s", err.text);
        return 1;
    }
    event_base_dispatch(shepherd.base);
    _exit(1);
}
