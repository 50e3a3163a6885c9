/* SPDX-License-Identifier: BSD-3-Clause */
/* shepherd_driver.c - plays bpmaster and every bpnode for one job: makes N nodes out of namespaces,
 * starts a bpshepherd and the ranks on each, routes frames, keeps what is published, and applies
 * the abort policy. Nothing of it outlives the driver. Root only.
 *
 *     shepherd_driver [options] -- program [arguments]
 *
 * It exits as the job did: status of MPI_Abort, else of the first rank that failed (128 + signal),
 * 125 if the machinery failed, 124 on time-out.
 *
 * More than 600 lines, since it stands in for two programs and must not lean on either. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/mem.h"
#include "proto/channel.h"
#include "proto/pack.h"

#define NODES_MAX 250
#define JOB       42
#define NUMBER(i) (100 + 3 * (int32_t)(i)) /* node numbers are not positions */

struct node {
    pid_t holder; /* PID 1 of the node */
    int holder_fd;
    pid_t shepherd;
    struct bp_channel *channel;
    Bpmix__PmixReady *ready;
    uint32_t *ranks;
    size_t rank_count;
};

struct item { /* published */
    struct item *next;
    char *key, *nspace;
    uint8_t *value;
    size_t length;
    uint32_t rank, persistence;
};

struct parked { /* a lookup that waits */
    struct parked *next;
    size_t node;
    uint64_t tag;
    Bpmix__PmixLookup *lookup;
};

static struct {
    size_t nodes, ranks;
    uint32_t fanout;
    const char *shepherd;
    unsigned uid, gid;
    int kill_rank;
    bool keep, verbose, cyclic, bind;
    long timeout_s;
    char *env[64];
    size_t env_count;
    char **argv;
} opt = {.nodes = 2, .ranks = 4, .fanout = 16, .shepherd = "./bpshepherd", .kill_rank = -1,
         .timeout_s = 60};

static struct node nodes[NODES_MAX];
static struct event_base *base;
static pid_t *pids;          /* by rank; 0 = gone */
static bool *finalized;      /* by rank */
static size_t ready_count, connected_count, running;
static bool launched;
static int verdict;          /* exit status of the job */
static bool have_verdict, aborted;
static struct item *items;
static struct parked *parked;
static int own_pid_ns = -1;
static int own_directory = -1;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    va_list args;
    if (!opt.verbose)
        return;
    fprintf(stderr, "driver: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void fail(const char *format, ...)
{
    va_list args;
    fprintf(stderr, "driver: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(125); /* the holders die with us, and the nodes with them */
}

/* ---- nodes out of namespaces ---- */

static int holder_pipe[2];

static int run_holder(void *arg)
{
    close(holder_pipe[0]);
    size_t index = (size_t)(uintptr_t)arg;
    char name[32];
    snprintf(name, sizeof name, "n%zu", index);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (sethostname(name, strlen(name)) < 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", 0, NULL) < 0 ||
        mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777") < 0 ||
        mkdir("/dev/shm/job", 0700) < 0 || chown("/dev/shm/job", opt.uid, opt.gid) < 0)
        _exit(1);
    signal(SIGCHLD, SIG_IGN);
    if (write(holder_pipe[1], "", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

/* Fork a direct child of ours inside the node; 0 in the child, which has no other descriptors to
 * worry about (all are CLOEXEC). */
static pid_t fork_in(const struct node *node)
{
    if (setns(node->holder_fd, CLONE_NEWPID) < 0)
        fail("setns: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        fail("fork: %s", strerror(errno));
    if (pid > 0) {
        if (setns(own_pid_ns, CLONE_NEWPID) < 0)
            fail("setns back: %s", strerror(errno));
        return pid;
    }
    if (setns(node->holder_fd, CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS) < 0 ||
        fchdir(own_directory) < 0)
        _exit(125);
    return 0;
}

static void shell(const struct node *node, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void shell(const struct node *node, const char *format, ...)
{
    char command[512];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    pid_t pid = node != NULL ? fork_in(node) : fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0)
        fail("%s: status %#x", command, status);
}

static pid_t clone_holder(size_t index)
{
    static char stack[65536] __attribute__((aligned(16)));
    return clone(run_holder, stack + sizeof stack,
                 CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS | SIGCHLD,
                 (void *)(uintptr_t)index);
}

static void make_node(size_t index)
{
    struct node *node = &nodes[index];
    char byte;
    if (pipe2(holder_pipe, O_CLOEXEC) < 0)
        fail("pipe: %s", strerror(errno));
    node->holder = clone_holder(index);
    if (node->holder < 0)
        fail("clone: %s", strerror(errno));
    close(holder_pipe[1]);
    if (read(holder_pipe[0], &byte, 1) != 1)
        fail("node %zu cannot be made", index);
    close(holder_pipe[0]);
    node->holder_fd = (int)syscall(SYS_pidfd_open, node->holder, 0);
    if (node->holder_fd < 0)
        fail("pidfd_open: %s", strerror(errno));
    fcntl(node->holder_fd, F_SETFD, FD_CLOEXEC);
    shell(NULL, "ip link add v%zu type veth peer name eth0 netns %d && "
                "ip link set v%zu master br0 up", index, (int)node->holder, index);
    shell(node, "ip link set lo up && ip addr add 10.77.0.%zu/24 dev eth0 && "
                "ip link set eth0 up", index + 1);
}

static void make_nodes(void)
{
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        fail("unshare: %s", strerror(errno));
    own_directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    own_pid_ns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    shell(NULL, "ip link set lo up && ip link add br0 type bridge && ip link set br0 up");
    for (size_t i = 0; i < opt.nodes; i++)
        make_node(i);
}

/* ---- the job ---- */

static void place_ranks(void)
{
    for (size_t i = 0; i < opt.nodes; i++)
        nodes[i].ranks = bp_calloc(opt.ranks, sizeof(uint32_t));
    for (size_t rank = 0; rank < opt.ranks; rank++) {
        struct node *node = &nodes[opt.cyclic ? rank % opt.nodes : rank * opt.nodes / opt.ranks];
        node->ranks[node->rank_count++] = (uint32_t)rank;
    }
}

static void become_user(void)
{
    if (setgroups(0, NULL) < 0 || setgid(opt.gid) < 0 || setuid(opt.uid) < 0)
        _exit(125);
}

static void drop_to_exec(char **argv, char **env)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvpe(argv[0], argv, env);
    fprintf(stderr, "driver: %s: %s\n", argv[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

static void send_message(struct node *node, unsigned type, int32_t from, uint64_t tag,
                         const void *message)
{
    size_t length = 0;
    auto_free uint8_t *body = message != NULL ? bp_pack(message, &length) : NULL;
    struct bp_frame frame = {.type = (uint16_t)type, .length = (uint32_t)length, .node = from,
                             .job = JOB, .tag = tag};
    if (node->channel != NULL)
        bp_channel_send(node->channel, &frame, body);
}

static void send_job(size_t index)
{
    Bpmix__PmixJob job = BPMIX__PMIX_JOB__INIT;
    Bpmix__MapNode map[NODES_MAX], *list[NODES_MAX];
    char names[NODES_MAX][24];
    for (size_t i = 0; i < opt.nodes; i++) {
        bpmix__map_node__init(&map[i]);
        snprintf(names[i], sizeof names[i], "n%zu", i);
        map[i].node = NUMBER(i);
        map[i].name = names[i];
        map[i].n_ranks = nodes[i].rank_count;
        map[i].ranks = nodes[i].ranks;
        list[i] = &map[i];
    }
    char nspace[64];
    snprintf(nspace, sizeof nspace, "bp.driver.%d.%llx", (int)getpid(),
             (unsigned long long)bp_clock_us());
    static char saved[64];
    if (saved[0] == '\0')
        memcpy(saved, nspace, sizeof saved);
    char directory[] = "/dev/shm/job", command[] = "test";
    char *cpus[1024];
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    for (size_t i = 0; i < nodes[index].rank_count; i++)
        cpus[i] = bp_format("%ld", (long)i % online);
    job.nspace = saved;
    job.n_map = opt.nodes;
    job.map = list;
    job.node = NUMBER(index);
    job.uid = opt.uid;
    job.gid = opt.gid;
    job.directory = directory;
    job.fanout = opt.fanout;
    job.command = command;
    job.bound = opt.bind;
    job.n_cpus = opt.bind ? nodes[index].rank_count : 0;
    job.cpus = cpus;
    send_message(&nodes[index], BP_PMIX_JOB, 0, 0, &job);
    for (size_t i = 0; i < nodes[index].rank_count; i++)
        free(cpus[i]);
}

static void launch_rank(struct node *node, uint32_t rank, const Bpmix__RankEnv *env, size_t local)
{
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    auto_free char **full = bp_calloc(count + opt.env_count + env->n_env + 1, sizeof *full);
    memcpy(full, environ, count * sizeof *full);
    memcpy(full + count, opt.env, opt.env_count * sizeof *full);
    memcpy(full + count + opt.env_count, env->env, env->n_env * sizeof *full);
    pid_t pid = fork_in(node);
    if (pid == 0) {
        if (opt.bind) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(local % (size_t)sysconf(_SC_NPROCESSORS_ONLN), &set);
            sched_setaffinity(0, sizeof set, &set);
        }
        become_user();
        drop_to_exec(opt.argv, full);
    }
    pids[rank] = pid;
    running++;
}

static void launch(void)
{
    say("launching %zu ranks", opt.ranks);
    launched = true;
    for (size_t i = 0; i < opt.nodes; i++)
        for (size_t k = 0; k < nodes[i].ready->n_ranks; k++)
            launch_rank(&nodes[i], nodes[i].ready->ranks[k]->rank, nodes[i].ready->ranks[k], k);
}

static void kill_all(void)
{
    for (size_t rank = 0; rank < opt.ranks; rank++)
        if (pids[rank] > 0)
            kill(pids[rank], SIGKILL);
}

static void judge(int status)
{
    if (!have_verdict)
        verdict = status;
    have_verdict = true;
}

static void tell_gone(uint32_t rank, int status)
{
    Bpmix__PmixGone gone = BPMIX__PMIX_GONE__INIT;
    gone.n_ranks = 1;
    gone.ranks = &rank;
    gone.status = finalized[rank] ? 0 : status;
    for (size_t i = 0; i < opt.nodes; i++)
        send_message(&nodes[i], BP_PMIX_GONE, 0, 0, &gone);
}

static void rank_ended(uint32_t rank, int status)
{
    pids[rank] = 0;
    running--;
    int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    say("rank %u ended: %d%s", rank, code, finalized[rank] ? " (finalized)" : "");
    if (code != 0 && !(opt.kill_rank == (int)rank && opt.keep))
        judge(code);
    tell_gone(rank, status);
    if (code != 0 && !opt.keep)
        kill_all();
    if (running == 0)
        event_base_loopbreak(base);
}

static void on_child(evutil_socket_t signo, short what, void *arg)
{
    (void)signo;
    (void)what;
    (void)arg;
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        for (uint32_t rank = 0; rank < opt.ranks; rank++)
            if (pids[rank] == pid)
                rank_ended(rank, status);
        for (size_t i = 0; i < opt.nodes; i++)
            if (nodes[i].shepherd == pid)
                fail("the shepherd of node %zu ended: status %#x", i, status);
    }
}

/* ---- what is published ---- */

static struct item **find(const char *key)
{
    struct item **item = &items;
    while (*item != NULL && strcmp((*item)->key, key) != 0)
        item = &(*item)->next;
    return item;
}

static void drop(struct item **link)
{
    struct item *item = *link;
    *link = item->next;
    free(item->key);
    free(item->nspace);
    free(item->value);
    free(item);
}

static void reply_status(size_t node, uint64_t tag, int status)
{
    Bpmix__PmixReply reply = BPMIX__PMIX_REPLY__INIT;
    reply.status = status;
    send_message(&nodes[node], BP_PMIX_REPLY, 0, tag, &reply);
}

/* false: it waits for more. */
static bool answer_lookup(size_t node, uint64_t tag, const Bpmix__PmixLookup *lookup)
{
    Bpmix__PmixReply reply = BPMIX__PMIX_REPLY__INIT;
    auto_free Bpmix__PmixItem *found = bp_calloc(lookup->n_keys, sizeof *found);
    auto_free Bpmix__PmixItem **list = bp_calloc(lookup->n_keys, sizeof *list);
    for (size_t i = 0; i < lookup->n_keys; i++) {
        struct item *item = *find(lookup->keys[i]);
        if (item == NULL)
            continue;
        Bpmix__PmixItem *to = list[reply.n_items] = &found[reply.n_items];
        bpmix__pmix_item__init(to);
        to->key = item->key;
        to->nspace = item->nspace;
        to->rank = item->rank;
        to->value = (ProtobufCBinaryData){item->length, item->value};
        reply.n_items++;
    }
    if (lookup->wait && reply.n_items < lookup->n_keys)
        return false;
    enum { NOT_FOUND = -46, PARTIAL = -52, FIRST_READ = 1 };
    reply.items = list;
    reply.status = reply.n_items == lookup->n_keys ? 0 : reply.n_items > 0 ? PARTIAL : NOT_FOUND;
    send_message(&nodes[node], BP_PMIX_REPLY, 0, tag, &reply);
    for (size_t i = 0; i < lookup->n_keys; i++)
        if (*find(lookup->keys[i]) != NULL && (*find(lookup->keys[i]))->persistence == FIRST_READ)
            drop(find(lookup->keys[i]));
    return true;
}

static void on_publish(size_t node, const struct bp_frame *frame, const uint8_t *body,
                       struct bp_error *err)
{
    auto_unpack Bpmix__PmixPublish *publish =
        BP_UNPACK(PmixPublish, pmix_publish, body, frame->length, err);
    for (size_t i = 0; i < publish->n_items; i++) {
        struct item *item = bp_calloc(1, sizeof *item);
        const Bpmix__PmixItem *from = publish->items[i];
        item->key = bp_strdup(from->key);
        item->nspace = bp_strdup(publish->nspace);
        item->rank = publish->rank;
        item->persistence = publish->persistence;
        item->length = from->value.len;
        item->value = bp_calloc(1, from->value.len);
        memcpy(item->value, from->value.data, from->value.len);
        item->next = items;
        items = item;
        say("published %s by rank %u", item->key, item->rank);
    }
    reply_status(node, frame->tag, 0);
    for (struct parked **link = &parked; *link != NULL;) {
        struct parked *p = *link;
        if (answer_lookup(p->node, p->tag, p->lookup)) {
            *link = p->next;
            bp_unpack_free(p->lookup);
            free(p);
        } else {
            link = &p->next;
        }
    }
}

static void on_lookup(size_t node, const struct bp_frame *frame, const uint8_t *body,
                      struct bp_error *err)
{
    Bpmix__PmixLookup *lookup = BP_UNPACK(PmixLookup, pmix_lookup, body, frame->length, err);
    say("lookup %s by rank %u wait %d timeout %u", lookup->n_keys > 0 ? lookup->keys[0] : "",
        lookup->rank, lookup->wait, lookup->timeout_s);
    if (frame->type == BP_PMIX_UNPUBLISH) {
        for (size_t i = 0; i < lookup->n_keys; i++)
            if (*find(lookup->keys[i]) != NULL)
                drop(find(lookup->keys[i]));
        reply_status(node, frame->tag, 0);
        bp_unpack_free(lookup);
    } else if (answer_lookup(node, frame->tag, lookup)) {
        bp_unpack_free(lookup);
    } else {
        struct parked *p = bp_calloc(1, sizeof *p);
        *p = (struct parked){parked, node, frame->tag, lookup};
        parked = p;
    }
}

/* ---- frames of shepherds ---- */

static void on_ready(size_t index, const struct bp_frame *frame, const uint8_t *body,
                     struct bp_error *err)
{
    Bpmix__PmixReady *ready = BP_UNPACK(PmixReady, pmix_ready, body, frame->length, err);
    if (ready == NULL || ready->error[0] != '\0')
        fail("node %zu: %s", index, ready != NULL ? ready->error : err->text);
    for (size_t i = 0; opt.verbose && index == 0 && i < ready->ranks[0]->n_env; i++)
        say("  %s", ready->ranks[0]->env[i]);
    nodes[index].ready = ready;
    send_message(&nodes[index], BP_PMIX_PING, 0, 1000 + index, NULL);
}

static void on_pong(size_t index, const struct bp_frame *frame)
{
    if (frame->tag != 1000 + index || nodes[index].ready == NULL)
        fail("node %zu: a wrong PONG", index);
    if (++ready_count == opt.nodes)
        launch();
}

static void on_state(const struct bp_frame *frame, const uint8_t *body, struct bp_error *err)
{
    auto_unpack Bpmix__PmixState *state =
        BP_UNPACK(PmixState, pmix_state, body, frame->length, err);
    if (state == NULL || state->rank >= opt.ranks)
        fail("a bad STATE");
    if (state->finalized)
        finalized[state->rank] = true;
    else if (++connected_count == opt.ranks && opt.kill_rank >= 0)
        kill(pids[opt.kill_rank], SIGKILL);
}

static void on_abort(const struct bp_frame *frame, const uint8_t *body, struct bp_error *err)
{
    auto_unpack Bpmix__PmixAbort *abort =
        BP_UNPACK(PmixAbort, pmix_abort, body, frame->length, err);
    if (abort == NULL)
        fail("a bad ABORT");
    say("rank %u aborts: %d all %d", abort->rank, abort->status, abort->all);
    judge(abort->status & 0xff);
    aborted = true;
    kill_all();
}

static void route(size_t from, const struct bp_frame *frame, const uint8_t *body)
{
    for (size_t i = 0; i < opt.nodes; i++) {
        if (NUMBER(i) != frame->node)
            continue;
        struct bp_frame forward = *frame;
        forward.node = NUMBER(from);
        bp_channel_send(nodes[i].channel, &forward, body);
        return;
    }
    fail("node %zu sends to node number %d", from, frame->node);
}

static int on_frame(void *arg, const struct bp_frame *frame, const uint8_t *body,
                    struct bp_error *err)
{
    size_t index = (size_t)((struct node *)arg - nodes);
    if (frame->job != JOB)
        fail("node %zu: a frame of job %llu", index, (unsigned long long)frame->job);
    switch (frame->type) {
    case BP_PMIX_READY:
        on_ready(index, frame, body, err);
        break;
    case BP_PMIX_PONG:
        on_pong(index, frame);
        break;
    case BP_PMIX_PEER:
        route(index, frame, body);
        break;
    case BP_PMIX_PUBLISH:
        on_publish(index, frame, body, err);
        break;
    case BP_PMIX_LOOKUP:
    case BP_PMIX_UNPUBLISH:
        on_lookup(index, frame, body, err);
        break;
    case BP_PMIX_STATE:
        on_state(frame, body, err);
        break;
    case BP_PMIX_ABORT:
        on_abort(frame, body, err);
        break;
    default:
        fail("node %zu: frame type %u", index, frame->type);
    }
    return 0;
}

static void on_closed(void *arg, const struct bp_error *why)
{
    struct node *node = arg;
    bp_channel_free(node->channel);
    node->channel = NULL;
    int status = 0;
    waitpid(node->shepherd, &status, 0);
    fail("the shepherd of node %zu is gone: status %#x %s", (size_t)(node - nodes), status,
         why->text);
}

static void start_shepherd(size_t index)
{
    static const struct bp_channel_events events = {.frame = on_frame, .closed = on_closed};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        fail("socketpair: %s", strerror(errno));
    char *argv[] = {(char *)(uintptr_t)opt.shepherd, NULL};
    pid_t pid = fork_in(&nodes[index]);
    if (pid == 0) {
        if (pair[1] == 3)
            fcntl(3, F_SETFD, 0);
        else
            dup2(pair[1], 3);
        become_user();
        drop_to_exec(argv, environ);
    }
    close(pair[1]);
    nodes[index].shepherd = pid;
    nodes[index].channel = bp_channel_new(base, pair[0], NULL, 0, BP_PEER_SHEPHERD, BP_PEER_NODE,
                                          &events, &nodes[index]);
    if (nodes[index].channel == NULL)
        fail("no channel");
    send_job(index);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    fprintf(stderr, "driver: time-out; %zu of %zu nodes ready, %zu ranks connected; running:",
            ready_count, opt.nodes, connected_count);
    for (size_t rank = 0; rank < opt.ranks; rank++)
        if (pids[rank] > 0)
            fprintf(stderr, " %zu", rank);
    fputc('\n', stderr);
    exit(124);
}

/* Every shepherd must go by itself, with status 0, when its socket is closed. */
static void end_shepherds(void)
{
    for (size_t i = 0; i < opt.nodes; i++)
        bp_channel_free(nodes[i].channel);
    event_base_loop(base, EVLOOP_NONBLOCK); /* libevent closes them there */
    for (size_t i = 0; i < opt.nodes; i++) {
        int status = 0;
        if (waitpid(nodes[i].shepherd, &status, 0) != nodes[i].shepherd || status != 0)
            fail("the shepherd of node %zu ended with status %#x", i, status);
    }
}

static void parse(int argc, char **argv)
{
    static const char usage[] =
        "usage: shepherd_driver [-N nodes] [-n ranks] [-k fanout] [-S shepherd] [-u uid] "
        "[-x NAME=value]\n    [-t seconds] [-K rank to kill once all are connected] "
        "[-C cyclic] [-B bind] [-G keep going after failures] [-v] -- program ...\n";
    for (int c; (c = getopt(argc, argv, "+N:n:k:S:u:x:t:K:CBGv")) != -1;) {
        switch (c) {
        case 'N': opt.nodes = (size_t)atoi(optarg); break;
        case 'n': opt.ranks = (size_t)atoi(optarg); break;
        case 'k': opt.fanout = (uint32_t)atoi(optarg); break;
        case 'S': opt.shepherd = optarg; break;
        case 'u': opt.uid = opt.gid = (unsigned)atoi(optarg); break;
        case 't': opt.timeout_s = atol(optarg); break;
        case 'K': opt.kill_rank = atoi(optarg); break;
        case 'C': opt.cyclic = true; break;
        case 'B': opt.bind = true; break;
        case 'G': opt.keep = true; break;
        case 'v': opt.verbose = true; break;
        case 'x':
            if (opt.env_count < 60)
                opt.env[opt.env_count++] = optarg;
            break;
        default: fputs(usage, stderr); exit(125);
        }
    }
    opt.argv = argv + optind;
    if (opt.argv[0] == NULL || opt.nodes == 0 || opt.nodes > NODES_MAX || opt.ranks < opt.nodes ||
        opt.ranks > 1024) {
        fputs(usage, stderr);
        exit(125);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    if (geteuid() != 0)
        fail("only root can make nodes");
    signal(SIGPIPE, SIG_IGN);
    pids = bp_calloc(opt.ranks, sizeof *pids);
    finalized = bp_calloc(opt.ranks, sizeof *finalized);
    place_ranks();
    make_nodes();
    base = event_base_new();
    struct event *child = evsignal_new(base, SIGCHLD, on_child, NULL);
    event_add(child, NULL);
    struct event *timer = evtimer_new(base, on_timeout, NULL);
    evtimer_add(timer, &(struct timeval){.tv_sec = opt.timeout_s});
    for (size_t i = 0; i < opt.nodes; i++)
        start_shepherd(i);
    event_base_dispatch(base);
    event_free(child);
    event_free(timer);
    end_shepherds();
    return verdict;
}
