// sources: src/master/admin.c src/master/hardware.c src/master/job.c src/master/job_frames.c
// src/master/job_list.c src/master/limits.c src/master/listen.c src/master/machine.c
// src/common/cpu.c src/master/node.c src/master/order.c src/master/place.c src/master/proc.c src/master/in_place.c
// src/master/publish.c src/master/relay.c src/master/rights.c src/master/roster.c
// src/master/tool.c src/master/open.c src/master/signal.c src/master/start.c src/master/take.c
// src/master/tree.c src/placement/choice.c src/placement/count.c src/placement/crowd.c
// src/placement/deal.c src/placement/device.c src/placement/exact.c src/placement/hardware.c
// src/placement/hardware_wire.c src/placement/machine.c src/placement/map.c
// src/placement/map_bytes.c src/placement/mask.c src/placement/number.c src/placement/place.c
// src/placement/policy.c src/placement/seat.c src/placement/seek.c src/placement/units.c
// src/placement/wire.c src/placement/words.c src/proto/frame.c src/proto/relay.c src/proto/key.c
// src/proto/local.c src/proto/pack.c src/proto/preamble.c src/proto/bpmix.pb-c.c
// src/common/cpuset.c src/common/error.c src/common/log.c src/common/mem.c src/common/nodeset.c
// src/master/breed.c src/master/mirror.c src/master/nested.c src/master/splice.c src/proto/apps.c
// src/master/inside.c src/master/home.c src/master/resident.c src/master/onward.c src/master/stay.c
// src/master/spaces.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_master.c - bpmaster under nodes, tools and herders that say anything, in any order: every
 * frame it sends is one its peer takes, and in the end nothing is left of any job. */
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The PIDs of ghosts are this process's and those behind it, which may be anybody's: nobody gets a
 * signal, but what is killed has ended then. */
#define ALIVE 64
static int alive[ALIVE]; /* those that were asked for */
static unsigned alive_count;

__attribute__((no_sanitize("address"))) long syscall(long number, ...)
{
    long words[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        words[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_pidfd_send_signal)
        return words[1] == SIGKILL ? eventfd_write((int)words[0], 1) : 0;
    if (number == SYS_pidfd_open) {
        int fd = eventfd(0, EFD_CLOEXEC);
        if (alive_count < ALIVE)
            alive[alive_count++] = dup(fd);
        return fd;
    }
    long (*real)(long number, ...) = (long (*)(long number, ...))dlsym(RTLD_NEXT, "syscall");
    return real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

/* Ghosts are what they say: children of this process, traced by it. */
static FILE *fuzz_fopen(const char *path, const char *mode)
{
    static char text[128];
    (void)path;
    snprintf(text, sizeof text, "Name:\tx\nPPid:\t%d\nTracerPid:\t%d\nUid:\t%u\t%u\t%u\t%u\n",
             getpid(), getpid(), getuid(), getuid(), getuid(), getuid());
    return fmemopen(text, strlen(text), mode[0] == 'r' ? "r" : "w");
}
#define fopen fuzz_fopen
#include "master/herd.c"
#undef fopen
#include "master/queue.c"
#include "proto/relay.h"
#include "bodies.h"

#define NODES    3
#define CHANNELS 24
#define TOOLS    3
#define HERDS    16
#define JOBS     8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- maps, without a child ---- */

struct placing {
    const struct job *job;
    void (*done)(void *arg, struct placed *placed);
    void *arg;
};

static struct placing *placing; /* the one under way */

struct placing *placing_start(const struct job *job,
                              void (*done)(void *arg, struct placed *placed), void *arg,
                              struct bp_error *err)
{
    (void)err;
    if (placing != NULL)
        abort(); /* one at a time */
    placing = bp_calloc(1, sizeof *placing);
    *placing = (struct placing){job, done, arg};
    return placing;
}

void placing_free(struct placing *gone)
{
    if (gone != NULL)
        placing = NULL;
    free(gone);
}

/* Every map goes through its bytes, as from a child. */
static void place_one(void)
{
    struct placed placed = {0};
    struct bp_map *map = NULL;
    if (placing == NULL)
        return;
    placed.r = place_map(placing->job, placed.nodes, &map, &placed.err);
    if (placed.r == 0) {
        size_t length;
        auto_free uint8_t *bytes = bp_map_pack(map, &length);
        if (bp_map_unpack(bytes, length, &placed.map) < 0)
            abort();
    }
    bp_map_free(map);
    placing->done(placing->arg, &placed);
    bp_map_free(placed.map);
}

/* ---- connections of nodes, without a network ---- */

struct bp_channel {
    struct bp_channel_events events;
    void *arg;
    int busy, freed; /* in a callback; to be freed after it */
};

static struct bp_channel *channels[CHANNELS];
static unsigned channel_count;
static struct master *master;
static int tools[TOOLS];
static int herds[HERDS];
static unsigned herd_count;
static uint64_t jobs[JOBS];
static unsigned job_count;

struct bp_channel *bp_channel_new(struct event_base *base, int fd, SSL_CTX *ctx, int opened_here,
                                  enum bp_peer from, enum bp_peer to,
                                  const struct bp_channel_events *events, void *arg)
{
    (void)base, (void)ctx, (void)opened_here, (void)from, (void)to;
    close(fd);
    if (channel_count == CHANNELS)
        return NULL;
    struct bp_channel *channel = bp_calloc(1, sizeof *channel);
    *channel = (struct bp_channel){.events = *events, .arg = arg};
    return channels[channel_count++] = channel;
}

void bp_channel_free(struct bp_channel *channel)
{
    if (channel == NULL)
        return;
    for (unsigned i = 0; i < channel_count; i++)
        if (channels[i] == channel)
            channels[i] = channels[--channel_count];
    channel->freed = 1;
    if (!channel->busy)
        free(channel);
}

void bp_channel_rebind(struct bp_channel *channel, const struct bp_channel_events *events,
                       void *arg)
{
    channel->events = *events;
    channel->arg = arg;
}

void bp_channel_send(struct bp_channel *channel, const struct bp_frame *frame, const void *body)
{
    uint8_t bytes[BP_FRAME_BYTES];
    struct bp_frame taken;
    bp_frame_encode(frame, bytes);
    const uint8_t *inner;
    if (channel->freed || (frame->length > 0 && body == NULL) ||
        bp_frame_decode(bytes, BP_PEER_MASTER, BP_PEER_NODE, &taken, NULL) < 0 ||
        (frame->type == BP_TOOL_HEARS &&
         bp_relay_unpack(body, frame->length, BP_PEER_MASTER, BP_PEER_CALLER, &taken, &inner,
                         NULL) < 0))
        abort(); /* the node would end the connection */
    if (frame->type == BP_TOOL_HEARS && taken.type == BP_JOB_MAP)
        jobs[job_count++ % JOBS] = taken.job;
}

size_t bp_channel_backlog(const struct bp_channel *channel)
{
    (void)channel;
    return 0;
}

static void node_says(struct bp_channel *channel, unsigned type, uint64_t job, uint64_t tag,
                      const uint8_t *body, size_t length)
{
    struct bp_frame frame = {.type = (uint16_t)type, .length = (uint32_t)length, .job = job,
                             .tag = tag, .node = (int32_t)(tag % NODES)};
    uint8_t bytes[BP_FRAME_BYTES];
    struct bp_error err = {0};
    bp_frame_encode(&frame, bytes);
    if (bp_frame_decode(bytes, BP_PEER_NODE, BP_PEER_MASTER, &frame, NULL) < 0)
        return;
    channel->busy = 1;
    int r = channel->events.frame(channel->arg, &frame, body, &err);
    channel->busy = 0;
    if (channel->freed)
        free(channel);
    else if (r < 0)
        channel->events.closed(channel->arg, &err);
}

static void join(unsigned number, unsigned slot_count, char *boot_id)
{
    int fd = dup(STDIN_FILENO);
    Bpmix__Join message = BPMIX__JOIN__INIT;
    Bpmix__Slot rows[8], *slots[8];
    size_t length;
    node_accept(master, (int)(number % NODES), fd, "10.0.0.1");
    if (channel_count == 0)
        return;
    for (unsigned i = 0; i < slot_count % 8; i++) {
        slots[i] = &rows[i];
        bpmix__slot__init(&rows[i]);
        rows[i].pu = rows[i].core = i;
    }
    message.slots = slots;
    message.n_slots = slot_count % 8;
    message.boot_id = boot_id;
    auto_free uint8_t *body = bp_pack(&message, &length);
    node_says(channels[channel_count - 1], BP_JOIN, 0, 0, body, length);
}

/* A process on a node says this to its bpnode. */
static void relayed(struct bp_channel *channel, unsigned type, uint64_t job, uint64_t tag,
                    uint64_t asker, const uint8_t *body, size_t length)
{
    struct bp_frame inner = {.type = (uint16_t)type, .length = (uint32_t)length, .job = asker,
                             .node = (int32_t)(tag % 8) - 4};
    auto_free uint8_t *bytes = bp_relay_pack(&inner, body, &length);
    node_says(channel, BP_TOOL_SAYS, job, tag, bytes, length);
}

/* ---- tools and herders ---- */

/* Read all that bpmaster said to this tool; herders' sockets and numbers of jobs are kept. */
static void tool_listens(int *tool)
{
    struct bp_local_message message;
    struct bp_error err = {0};
    int r;
    while ((r = bp_local_receive(*tool, BP_PEER_MASTER, BP_PEER_TOOL, &message, &err)) == 1) {
        if (message.frame.type == BP_JOB_MAP || message.frame.type == BP_JOB_WAIT) {
            jobs[job_count++ % JOBS] = message.frame.job;
            for (unsigned i = 0; i < message.fd_count && herd_count < HERDS; i++)
                herds[herd_count++] = bp_take_fd(message.fds[i]);
        }
        bp_local_done(&message);
    }
    if (r == 0) {
        close(*tool);
        *tool = -1;
    } else if (r != -EAGAIN) {
        abort(); /* the tool would give up */
    }
}

static void turn(void)
{
    event_base_loop(master->base, EVLOOP_NONBLOCK);
    place_one();
    event_base_loop(master->base, EVLOOP_NONBLOCK);
    for (int i = 0; i < TOOLS; i++)
        if (tools[i] >= 0)
            tool_listens(&tools[i]);
}

static void tool_gives(unsigned number, unsigned type, int node, uint64_t job, const uint8_t *body,
                       size_t length, unsigned fd_count)
{
    int fds[BP_LOCAL_FDS_MAX];
    int *tool = &tools[number % TOOLS];
    for (unsigned i = 0; i < fd_count; i++)
        fds[i] = STDIN_FILENO;
    if (*tool < 0) {
        *tool = bp_local_connect("./master.sock", NULL);
        evutil_make_socket_nonblocking(*tool);
    }
    bp_local_send(*tool, &(struct bp_frame){.type = (uint16_t)type, .node = node, .job = job,
                                            .length = (uint32_t)length}, body, fds, fd_count);
}

static void tool_says(unsigned number, unsigned type, int node, uint64_t job, const uint8_t *body,
                      size_t length)
{
    tool_gives(number, type, node, job, body, length, 0);
}

/* A JOB_OPEN's body. */
static uint8_t *pack_job(unsigned ranks, unsigned options, char *list, size_t *ret_length)
{
    Bpmix__JobRequest request = BPMIX__JOB_REQUEST__INIT;
    Bpmix__Place place = BPMIX__PLACE__INIT;
    Bpmix__Launcher launcher = BPMIX__LAUNCHER__INIT;
    Bpmix__App app = BPMIX__APP__INIT, *apps[] = {&app, &app};
    Bpmix__RankRange range = BPMIX__RANK_RANGE__INIT, *ranges[] = {&range};
    char *argv[] = {(char *)"prog"};
    place.ranks = ranks;
    place.node_list = list;
    place.nodes_min = options >> 1 & 3;
    place.one_each = (options & 8) != 0;
    place.overlap = (options & 32) != 0;
    place.exclusive = (options & 128) != 0;
    request.immediate = (options & 64) != 0;
    launcher.pid = getpid();
    request.argv = argv;
    request.n_argv = 1;
    request.cwd = (char *)"/";
    request.place = &place;
    request.launcher = &launcher;
    request.mpi = options & 1;
    range.count = ranks;
    app.argv = argv;
    app.ranks = ranges;
    app.n_argv = app.n_ranks = 1;
    request.apps = apps;
    request.n_apps = options >> 8 & 3; /* 2, 3: ranks with two programs */
    if (request.n_apps == 3)
        request.n_apps = 0;
    return bp_pack(&request, ret_length);
}

static void herder_says(unsigned number, const struct bp_ghost_record *records, size_t count)
{
    if (herd_count > 0)
        send(herds[number % herd_count], records, count * sizeof *records,
             MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* All is as it should be with so many ghosts; the first one is this process, which can so be its
 * own bphome. */
static void herder_born(unsigned number, unsigned count)
{
    struct bp_ghost_record records[BP_GHOST_BATCH] = {0};
    count %= BP_GHOST_BATCH;
    for (unsigned i = 0; i < count; i++)
        records[i] = (struct bp_ghost_record){
            .type = BP_GHOST_BORN, .slot = i, .pid = getpid() + (int)i};
    records[count] = (struct bp_ghost_record){.type = BP_GHOST_HERDING, .pid = getpid()};
    herder_says(number, records, count + 1);
}

/* What a herder says of `count` ghosts that it was ordered to make, or of placeholders. */
static size_t children_born(struct bp_ghost_record *records, unsigned slot, unsigned base,
                            unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        records[i] = (struct bp_ghost_record){
            .type = BP_GHOST_BORN, .slot = slot + i, .pid = getpid() + 100 + (int)(base + i)};
    return count;
}

static void tick(void)
{
    struct job *job, *next;
    node_tick(master, 0);
    HASH_ITER(hh, master->jobs, job, next) {
        herd_tick(job, 0);
        mirror_tick(job, 0);
        job_check_end(job);
    }
    publish_tick(master);
    queue_tick(master);
}

/* ---- from the beginning to the end ---- */

static void begin(void)
{
    struct bp_error err = {0};
    bp_log_init("fuzz", BP_LOG_ERROR);
    master = bp_calloc(1, sizeof *master);
    master->base = event_base_new();
    master->next_job = 1;
    master->config = (struct bp_config){
        .lease_ms = 30000, .rundir = ".", .root_jobs = 1, .fanout = 2};
    queue_init(master);
    for (int i = 0; i < NODES; i++)
        node_add(master, i);
    if (tool_listen(master, &err) < 0)
        abort();
    for (int i = 0; i < TOOLS; i++)
        tools[i] = -1;
    channel_count = herd_count = job_count = 0;
    for (unsigned i = 0; i < NODES; i++)
        join(i, 4, (char *)(i < 2 ? "one" : "two"));
}

static void end(void)
{
    for (int i = 0; i < TOOLS; i++)
        if (tools[i] >= 0)
            close(bp_take_fd(tools[i]));
    while (herd_count > 0)
        close(herds[--herd_count]);
    turn();
    while (channel_count > 0)
        channels[0]->events.closed(channels[0]->arg, &(struct bp_error){.code = 0});
    for (int i = 0; i < NODES; i++)
        job_node_gone(master, master->nodes[i], "it is over");
    while (alive_count > 0) {
        eventfd_write(alive[--alive_count], 1);
        close(alive[alive_count]);
    }
    turn();
    tick();
    if (master->jobs != NULL || master->tools != NULL || master->tickets != NULL ||
        master->queue->waiters != NULL || placing != NULL || master->publications != NULL ||
        master->lookups != NULL || master->orders != NULL || master->splices != NULL ||
        master->homings != NULL || master->residents != NULL)
        abort();
    for (int i = 0; i < NODES; i++) {
        struct node *node = master->nodes[i];
        if (node->jobs != 0 || (node->machine != NULL && machine_used(node->machine) != 0))
            abort();
        node_free(node);
    }
    event_free(master->queue->look);
    free(master->queue);
    libraries_clear(master);
    attributes_free(&master->attributes);
    close(event_get_fd(master->local_event));
    event_free(master->local_event);
    event_base_free(master->base);
    free(master);
}

static const uint8_t *next_byte, *end_byte;

static unsigned byte(void)
{
    return next_byte < end_byte ? *next_byte++ : 0;
}

/* What follows in the input, at most 255 bytes of it, as a body of its own. */
static uint8_t *take_body(size_t *ret_length)
{
    size_t length = byte(), left = (size_t)(end_byte - next_byte);
    if (length > left)
        length = left;
    uint8_t *body = bp_calloc(1, length);
    memcpy(body, next_byte, length);
    next_byte += length;
    *ret_length = length;
    return body;
}

/* By its number, or from 128 on the newest and those before it. */
static uint64_t a_job(void)
{
    unsigned which = byte();
    return jobs[(which < 128 ? which : job_count + 127 - which) % JOBS];
}

/* A job whose ranks run, without the luck that it takes to say all this one by one. */
static void run_job(unsigned who, unsigned options)
{
    size_t length;
    auto_free uint8_t *body = pack_job(4, options, (char *)"all", &length);
    unsigned herd = herd_count;
    tool_says(who, BP_JOB_OPEN, 0, 0, body, length);
    turn();
    if (herd == herd_count)
        return;
    herder_born(herd, 4);
    turn();
    uint64_t id = jobs[(job_count - 1) % JOBS];
    for (unsigned rank = 0; rank < 4; rank++) {
        const struct job *job = job_find(master, id);
        if (job != NULL && rank < job->proc_count)
            node_says(proc_node(job, &job->procs[rank])->channel, BP_PROC_CREATED, id, rank + 1,
                      NULL, 0);
    }
}

/* A frame that may come from there, with a body that has its fields. */
static void made(unsigned what, unsigned who)
{
    unsigned type = byte() % BP_FRAME_TYPES, fd_count = 0;
    uint64_t job = a_job(), tag = byte();
    size_t length;
    if (what == 14 && type == BP_JOB_HOME)
        fd_count = byte() % BP_LOCAL_FDS_MAX;
    auto_free uint8_t *body = body_make(type, byte, &length);
    if (what == 14)
        tool_gives(who, type, (int)(who >> 5) - 4, job, body, length, fd_count);
    else if (channel_count > 0 && what == 13)
        node_says(channels[who % channel_count], type, job, tag, body, length);
    else if (channel_count > 0)
        relayed(channels[who % 8 % channel_count], type, job, tag,
                type == BP_JOB_MOVE ? (uint64_t)getpid() + who / 8 % 4 : jobs[tag % JOBS], body,
                length);
}

static void step(void)
{
    size_t length;
    unsigned what = byte() % 17, who = byte();
    if (what == 0 && channel_count > 0) {
        unsigned type = byte();
        uint64_t job = a_job(), tag = byte();
        auto_free uint8_t *body = take_body(&length);
        node_says(channels[who % channel_count], type, job, tag, body, length);
    } else if (what == 1) {
        join(who, byte(), (char *)((who & 64) != 0 ? "one" : "two"));
    } else if (what == 2) {
        unsigned type = byte();
        uint64_t job = a_job();
        int node = (int)(who >> 5) - 4;
        auto_free uint8_t *body = take_body(&length);
        tool_says(who, type, node, job, body, length);
    } else if (what == 3) {
        unsigned ranks = byte(), options = byte();
        auto_free uint8_t *body = pack_job(ranks, options | (who & 192) << 2,
                                           (char *)((options & 16) != 0 ? "all" : ""), &length);
        tool_says(who, BP_JOB_OPEN, 0, 0, body, length);
    } else if (what == 4) {
        herder_born(who, byte());
    } else if (what == 5) {
        struct bp_ghost_record record = {.type = byte(), .slot = byte(), .pid = (int8_t)byte(),
                                         .signo = (int8_t)byte(), .status = (int32_t)byte() << 4};
        herder_says(who, &record, 1);
    } else if (what == 6 && channel_count > 0) {
        struct bp_channel *channel = channels[who % channel_count];
        channel->events.closed(channel->arg, &(struct bp_error){.code = 0});
    } else if (what == 7) {
        tick();
    } else if (what == 9 && channel_count > 0) {
        unsigned type = byte();
        uint64_t job = a_job(), tag = byte();
        auto_free uint8_t *body = take_body(&length);
        relayed(channels[who % channel_count], type, job, tag, jobs[tag % JOBS], body, length);
    } else if (what == 10 && channel_count > 0) {
        uint64_t job = a_job(), tag = byte();
        unsigned asker = byte(), ranks = byte(), options = byte();
        auto_free uint8_t *body =
            pack_job(ranks, options, (char *)((options & 16) != 0 ? "all" : ""), &length);
        relayed(channels[who % channel_count], BP_JOB_OPEN, job, tag, (uint64_t)getpid() + asker,
                body, length);
    } else if (what == 11) {
        struct bp_ghost_record records[8];
        unsigned slot = byte();
        herder_says(who, records, children_born(records, slot, slot, byte() % 8));
    } else if (what == 12 && channel_count > 0) {
        struct bp_ghost_record records[9];
        uint64_t job = a_job(), tag = byte();
        unsigned base = byte();
        size_t count = children_born(records, 0, base, byte() % 8);
        records[count] = (struct bp_ghost_record){.type = byte(), .slot = byte(), .pid = 1,
                                                  .signo = (int8_t)byte()};
        node_says(channels[who % channel_count], BP_HERD_SAYS, job, tag,
                  (const uint8_t *)records, (count + 1) * sizeof records[0]);
    } else if (what == 16) {
        run_job(who, byte());
    } else if (what >= 13) {
        made(what, who);
    } else if (what == 8 && tools[who % TOOLS] >= 0) {
        close(bp_take_fd(tools[who % TOOLS]));
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    body_check();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(jobs, 0, sizeof jobs);
    next_byte = data;
    end_byte = data + size;
    begin();
    while (next_byte < end_byte) {
        step();
        turn();
    }
    end();
    return 0;
}
