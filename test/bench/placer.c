/* SPDX-License-Identifier: BSD-3-Clause */
/* placer.c - bpmaster with simulated nodes is asked for a big job: when is the map there, and how
 * long is its loop deaf meanwhile? Connections of nodes encode and drop what they are sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "master/master.h"

/* ---- connections of nodes, without a network ---- */

struct bp_channel {
    struct bp_channel_events events;
    void *arg;
};

static struct bp_channel *last;

struct bp_channel *bp_channel_new(struct event_base *base, int fd, SSL_CTX *ctx, int opened_here,
                                  enum bp_peer from, enum bp_peer to,
                                  const struct bp_channel_events *events, void *arg)
{
    (void)base, (void)ctx, (void)opened_here, (void)from, (void)to;
    close(fd);
    last = bp_calloc(1, sizeof *last);
    *last = (struct bp_channel){.events = *events, .arg = arg};
    return last;
}

void bp_channel_free(struct bp_channel *channel)
{
    free(channel);
}

void bp_channel_rebind(struct bp_channel *channel, const struct bp_channel_events *events,
                       void *arg)
{
    channel->events = *events;
    channel->arg = arg;
}

static size_t sent_bytes;

void bp_channel_send(struct bp_channel *channel, const struct bp_frame *frame, const void *body)
{
    (void)channel, (void)body;
    sent_bytes += frame->length;
}

size_t bp_channel_backlog(const struct bp_channel *channel)
{
    (void)channel;
    return 0;
}

static void join(struct master *master, int number, unsigned cpus)
{
    char boot_id[32];
    struct bp_error err = {0};
    Bpmix__Join message = BPMIX__JOIN__INIT;
    Bpmix__Slot *rows = bp_calloc(cpus, sizeof *rows);
    Bpmix__Slot **slots = bp_calloc(cpus, sizeof *slots);
    size_t length;
    for (unsigned i = 0; i < cpus; i++) { /* two packages, 16 cores an L3, two threads a core */
        unsigned core = i % (cpus / 2);
        slots[i] = &rows[i];
        bpmix__slot__init(&rows[i]);
        rows[i].pu = i;
        rows[i].core = rows[i].l1 = rows[i].l2 = core;
        rows[i].l3 = core / 16;
        rows[i].numa = rows[i].package = core / (cpus / 4);
    }
    snprintf(boot_id, sizeof boot_id, "computer-%d", number);
    message.slots = slots;
    message.n_slots = cpus;
    message.boot_id = boot_id;
    auto_free uint8_t *body = bp_pack(&message, &length);
    node_accept(master, number, dup(STDIN_FILENO), "10.0.0.1");
    struct bp_frame frame = {.type = BP_JOIN, .length = (uint32_t)length};
    if (last->events.frame(last->arg, &frame, body, &err) < 0) {
        fprintf(stderr, "placer: %s\n", err.text);
        exit(1);
    }
    free(rows);
    free(slots);
}

/* ---- how deaf is the loop ---- */

static uint64_t last_turn_us, deaf_us;

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    uint64_t now = bp_clock_us();
    if (last_turn_us != 0 && now - last_turn_us > deaf_us)
        deaf_us = now - last_turn_us;
    last_turn_us = now;
}

static int open_job(unsigned ranks)
{
    Bpmix__JobRequest request = BPMIX__JOB_REQUEST__INIT;
    Bpmix__Place place = BPMIX__PLACE__INIT;
    Bpmix__Launcher launcher = BPMIX__LAUNCHER__INIT;
    char *argv[] = {(char *)"prog"};
    size_t length;
    place.ranks = ranks;
    launcher.pid = getpid();
    request.argv = argv;
    request.n_argv = 1;
    request.cwd = (char *)"/";
    request.place = &place;
    request.launcher = &launcher;
    request.immediate = 1;
    auto_free uint8_t *body = bp_pack(&request, &length);
    int tool = bp_local_connect("./master.sock", NULL);
    bp_local_send(tool, &(struct bp_frame){.type = BP_JOB_OPEN, .length = (uint32_t)length}, body,
                  NULL, 0);
    return tool;
}

/* From the request to the map; the loop's longest turn is in deaf_us. */
static uint64_t one_job(struct master *master, unsigned ranks)
{
    struct bp_local_message message;
    struct bp_error err = {0};
    uint64_t began = bp_clock_us();
    deaf_us = last_turn_us = 0;
    int tool = open_job(ranks), r;
    evutil_make_socket_nonblocking(tool);
    while ((r = bp_local_receive(tool, BP_PEER_MASTER, BP_PEER_TOOL, &message, &err)) == -EAGAIN)
        event_base_loop(master->base, EVLOOP_ONCE);
    uint64_t took = bp_clock_us() - began;
    event_base_loop(master->base, EVLOOP_NONBLOCK);
    if (r != 1 || message.frame.type != BP_JOB_MAP) {
        fprintf(stderr, "placer: no map: %s\n", err.text);
        exit(1);
    }
    bp_local_done(&message);
    close(tool);
    event_base_loop(master->base, EVLOOP_NONBLOCK);
    struct job *job, *next;
    HASH_ITER(hh, master->jobs, job, next)
        while (job->open_places > 0 || job->live > 0)
            for (unsigned i = 0; i < job->place_count; i++)
                job_place_ended(job, &job->places[i], 0, "");
    return took;
}

int main(int argc, char **argv)
{
    unsigned nodes = argc > 1 ? (unsigned)atoi(argv[1]) : 256;
    unsigned cpus = argc > 2 ? (unsigned)atoi(argv[2]) : 128;
    unsigned ranks = argc > 3 ? (unsigned)atoi(argv[3]) : 16384;
    struct bp_error err = {0};
    static struct master master;
    bp_log_init("placer", BP_LOG_ERROR);
    master.base = event_base_new();
    master.next_job = 1;
    master.config = (struct bp_config){
        .lease_ms = 30000, .rundir = ".", .root_jobs = 1, .fanout = 32};
    queue_init(&master);
    for (unsigned i = 0; i < nodes; i++) {
        node_add(&master, (int)i);
        join(&master, (int)i, cpus);
    }
    if (tool_listen(&master, &err) < 0) {
        fprintf(stderr, "placer: %s\n", err.text);
        return 1;
    }
    struct event *turn = event_new(master.base, -1, EV_PERSIST, on_turn, NULL);
    event_add(turn, &(struct timeval){.tv_usec = 200});
    for (int round = 0; round < 5; round++) {
        sent_bytes = 0;
        uint64_t took = one_job(&master, ranks);
        printf("%u ranks on %u nodes of %u threads: map after %.1f ms, loop deaf for %.1f ms, "
               "%.1f MB for nodes\n", ranks, nodes, cpus, took / 1e3, deaf_us / 1e3,
               sent_bytes / 1e6);
    }
    return 0;
}
