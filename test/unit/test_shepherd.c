/* SPDX-License-Identifier: BSD-3-Clause */
/* test_shepherd.c - bpshepherd as a program, from the side of a bpnode and of peers that lie. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/mem.h"
#include "proto/pack.h"
#include "tap.h"

#define WAIT_MS 20000

struct shepherd {
    pid_t pid;
    int fd;
    char directory[64];
};

static int start(struct shepherd *s)
{
    int pair[2];
    strcpy(s->directory, "/tmp/bp.shepherd.XXXXXX");
    if (mkdtemp(s->directory) == NULL ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    s->pid = fork();
    if (s->pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(null, STDERR_FILENO); /* what it refuses it logs */
        if (pair[1] == 3)
            fcntl(3, F_SETFD, 0);
        else
            dup2(pair[1], 3);
        execl("./bpshepherd", "bpshepherd", (char *)NULL);
        _exit(127);
    }
    close(pair[1]);
    s->fd = pair[0];
    return s->pid;
}

static int stop(struct shepherd *s)
{
    int status = -1;
    close(s->fd);
    waitpid(s->pid, &status, 0);
    auto_free char *command = bp_format("rm -rf %s", s->directory);
    if (system(command) != 0)
        return -1;
    return status;
}

static void put(struct shepherd *s, unsigned type, int32_t node, uint64_t tag, const void *body,
                size_t length)
{
    uint8_t head[BP_FRAME_BYTES];
    struct bp_frame frame = {.type = (uint16_t)type, .length = (uint32_t)length, .node = node,
                             .job = 7, .tag = tag};
    bp_frame_encode(&frame, head);
    CU_ASSERT_EQUAL(send(s->fd, head, sizeof head, MSG_NOSIGNAL), (ssize_t)sizeof head);
    if (length > 0)
        CU_ASSERT_EQUAL(send(s->fd, body, length, MSG_NOSIGNAL), (ssize_t)length);
}

static void put_message(struct shepherd *s, unsigned type, int32_t node, const void *message)
{
    size_t length;
    auto_free uint8_t *body = bp_pack(message, &length);
    put(s, type, node, 0, body, length);
}

static int get_bytes(struct shepherd *s, void *bytes, size_t length)
{
    for (size_t got = 0; got < length;) {
        struct pollfd ready = {.fd = s->fd, .events = POLLIN};
        if (poll(&ready, 1, WAIT_MS) != 1)
            return -ETIMEDOUT;
        ssize_t n = recv(s->fd, (char *)bytes + got, length - got, 0);
        if (n <= 0)
            return -EPIPE;
        got += (size_t)n;
    }
    return 0;
}

/* The next frame; the body is the caller's. */
static int get(struct shepherd *s, struct bp_frame *frame, uint8_t **ret_body)
{
    uint8_t head[BP_FRAME_BYTES];
    int rc = get_bytes(s, head, sizeof head);
    if (rc == 0)
        rc = bp_frame_decode(head, BP_PEER_SHEPHERD, BP_PEER_NODE, frame, NULL);
    if (rc < 0)
        return rc;
    *ret_body = bp_calloc(1, frame->length);
    return get_bytes(s, *ret_body, frame->length);
}

/* Rank 0 here (node 10, one of two), rank 1 on node 11. */
static void put_job(struct shepherd *s, const char *directory)
{
    Bpmix__PmixJob job = BPMIX__PMIX_JOB__INIT;
    Bpmix__MapNode here = BPMIX__MAP_NODE__INIT, there = BPMIX__MAP_NODE__INIT;
    Bpmix__MapNode *map[] = {&here, &there};
    uint32_t ranks[] = {0, 1};
    char a[] = "n0", b[] = "n1", nspace[] = "bp.unit.1";
    here.node = 10, here.name = a, here.n_ranks = 1, here.ranks = &ranks[0];
    there.node = 11, there.name = b, there.n_ranks = 1, there.ranks = &ranks[1];
    job.map = map;
    job.n_map = 2;
    job.node = 10;
    job.nspace = nspace;
    job.uid = getuid();
    job.gid = getgid();
    job.directory = bp_strdup(directory);
    job.fanout = 2;
    put_message(s, BP_PMIX_JOB, 0, &job);
    free(job.directory);
}

static Bpmix__PmixReady *get_ready(struct shepherd *s)
{
    struct bp_frame frame;
    auto_free uint8_t *body = NULL;
    if (get(s, &frame, &body) < 0 || frame.type != BP_PMIX_READY || frame.job != 7)
        return NULL;
    return BP_UNPACK(PmixReady, pmix_ready, body, frame.length, NULL);
}

/* It is alive, and the next thing it says is this. */
static bool pongs(struct shepherd *s, uint64_t tag)
{
    struct bp_frame frame;
    auto_free uint8_t *body = NULL;
    put(s, BP_PMIX_PING, 0, tag, NULL, 0);
    return get(s, &frame, &body) == 0 && frame.type == BP_PMIX_PONG && frame.tag == tag;
}

static bool has(const Bpmix__RankEnv *rank, const char *prefix)
{
    for (size_t i = 0; i < rank->n_env; i++)
        if (strncmp(rank->env[i], prefix, strlen(prefix)) == 0)
            return true;
    return false;
}

static void test_ready(void)
{
    struct shepherd s;
    if (start(&s) < 0)
        return;
    CU_ASSERT(pongs(&s, 1)); /* also before the job is known */
    put_job(&s, s.directory);
    auto_unpack Bpmix__PmixReady *ready = get_ready(&s);
    CU_ASSERT(ready != NULL);
    if (ready != NULL) {
        CU_ASSERT_STRING_EQUAL(ready->error, "");
        CU_ASSERT_EQUAL(ready->n_ranks, 1);
        CU_ASSERT(ready->n_ranks == 1 && ready->ranks[0]->rank == 0 &&
                  has(ready->ranks[0], "PMIX_NAMESPACE=bp.unit.1") &&
                  has(ready->ranks[0], "PMIX_RANK=0") && has(ready->ranks[0], "JSM_JSRUN_PORT="));
    }
    CU_ASSERT(pongs(&s, 2));
    CU_ASSERT_EQUAL(stop(&s), 0);
}

static void test_no_directory(void)
{
    struct shepherd s;
    if (start(&s) < 0)
        return;
    put_job(&s, "/nonexistent/directory");
    auto_unpack Bpmix__PmixReady *ready = get_ready(&s);
    CU_ASSERT(ready != NULL && strstr(ready->error, "/nonexistent/directory") != NULL);
    CU_ASSERT(pongs(&s, 3));
    CU_ASSERT_EQUAL(stop(&s), 0);
}

/* What nobody should send: it is dropped, and nothing else changes. */
static void test_lies(void)
{
    struct shepherd s;
    if (start(&s) < 0)
        return;
    Bpmix__PmixPeer peer = BPMIX__PMIX_PEER__INIT;
    peer.kind = BPMIX__PMIX_PEER__KIND__FENCE_UP;
    put_message(&s, BP_PMIX_PEER, 11, &peer); /* before the job */
    put_job(&s, s.directory);
    auto_unpack Bpmix__PmixReady *ready = get_ready(&s);
    CU_ASSERT(ready != NULL && ready->n_ranks == 1);

    put_job(&s, s.directory);                         /* a second job */
    put(&s, BP_PMIX_PEER, 11, 0, "\xff\xff\xff", 3);  /* no protobuf */
    put(&s, BP_PMIX_GONE, 0, 0, "\x0a\x01", 2);       /* cut off */
    put_message(&s, BP_PMIX_PEER, 11, &peer);         /* no participants */
    uint8_t all[] = {1}, odd[] = {1, 9, 9, 9}, me_only[] = {1, 0, 0, 0, 0};
    peer.signature = (ProtobufCBinaryData){sizeof odd, odd};
    put_message(&s, BP_PMIX_PEER, 11, &peer);
    peer.signature = (ProtobufCBinaryData){sizeof me_only, me_only};
    put_message(&s, BP_PMIX_PEER, 11, &peer); /* rank 1's node is not in it */
    peer.signature = (ProtobufCBinaryData){sizeof all, all};
    put_message(&s, BP_PMIX_PEER, 12, &peer); /* a node that is not in the job */
    put_message(&s, BP_PMIX_PEER, 10, &peer); /* itself */
    peer.kind = BPMIX__PMIX_PEER__KIND__FENCE_DOWN;
    put_message(&s, BP_PMIX_PEER, 11, &peer); /* an answer from below */
    peer.kind = (Bpmix__PmixPeer__Kind)77;
    put_message(&s, BP_PMIX_PEER, 11, &peer);
    peer.kind = BPMIX__PMIX_PEER__KIND__MODEX_ANSWER;
    peer.number = 12345;
    put_message(&s, BP_PMIX_PEER, 11, &peer); /* nobody asked */
    uint32_t far = 1000000;
    Bpmix__PmixGone gone = BPMIX__PMIX_GONE__INIT;
    gone.n_ranks = 1, gone.ranks = &far;
    put_message(&s, BP_PMIX_GONE, 0, &gone);
    Bpmix__PmixReply reply = BPMIX__PMIX_REPLY__INIT;
    put_message(&s, BP_PMIX_REPLY, 0, &reply); /* nobody asked */
    CU_ASSERT(pongs(&s, 4));
    CU_ASSERT_EQUAL(stop(&s), 0);
}

static bool answers_not_found(struct shepherd *s, const char *nspace, uint32_t rank)
{
    struct bp_frame frame;
    auto_free uint8_t *body = NULL;
    Bpmix__PmixPeer ask = BPMIX__PMIX_PEER__INIT;
    ask.kind = BPMIX__PMIX_PEER__KIND__MODEX_ASK;
    ask.number = 99;
    ask.nspace = bp_strdup(nspace);
    ask.rank = rank;
    put_message(s, BP_PMIX_PEER, 11, &ask);
    free(ask.nspace);
    if (get(s, &frame, &body) < 0 || frame.type != BP_PMIX_PEER || frame.node != 11)
        return false;
    auto_unpack Bpmix__PmixPeer *answer =
        BP_UNPACK(PmixPeer, pmix_peer, body, frame.length, NULL);
    return answer != NULL && answer->kind == BPMIX__PMIX_PEER__KIND__MODEX_ANSWER &&
           answer->number == 99 && answer->status == -46; /* PMIX_ERR_NOT_FOUND */
}

static void test_modex(void)
{
    struct shepherd s;
    if (start(&s) < 0)
        return;
    put_job(&s, s.directory);
    auto_unpack Bpmix__PmixReady *ready = get_ready(&s);
    CU_ASSERT(ready != NULL);
    CU_ASSERT(answers_not_found(&s, "another", 0));
    CU_ASSERT(answers_not_found(&s, "bp.unit.1", 1)); /* not ours */
    CU_ASSERT(answers_not_found(&s, "bp.unit.1", 5));
    uint32_t rank = 0;
    Bpmix__PmixGone gone = BPMIX__PMIX_GONE__INIT;
    gone.n_ranks = 1, gone.ranks = &rank, gone.status = 9;
    put_message(&s, BP_PMIX_GONE, 0, &gone);
    CU_ASSERT(answers_not_found(&s, "bp.unit.1", 0)); /* it will never commit anything */
    CU_ASSERT(pongs(&s, 5));
    CU_ASSERT_EQUAL(stop(&s), 0);
}

/* All ranks of this node have ended: a fence of the rank below is finished at once, not well. */
static void test_fence_without_us(void)
{
    struct shepherd s;
    struct bp_frame frame;
    auto_free uint8_t *body = NULL;
    if (start(&s) < 0)
        return;
    put_job(&s, s.directory);
    auto_unpack Bpmix__PmixReady *ready = get_ready(&s);
    CU_ASSERT(ready != NULL);
    uint32_t rank = 0;
    uint8_t all[] = {1}, data[] = "blob";
    Bpmix__PmixPeer peer = BPMIX__PMIX_PEER__INIT;
    peer.kind = BPMIX__PMIX_PEER__KIND__FENCE_UP;
    peer.signature = (ProtobufCBinaryData){sizeof all, all};
    peer.data = (ProtobufCBinaryData){sizeof data, data};
    put_message(&s, BP_PMIX_PEER, 11, &peer);
    CU_ASSERT(pongs(&s, 6)); /* it waits for rank 0 */
    Bpmix__PmixGone gone = BPMIX__PMIX_GONE__INIT;
    gone.n_ranks = 1, gone.ranks = &rank, gone.status = 9;
    put_message(&s, BP_PMIX_GONE, 0, &gone);
    CU_ASSERT(get(&s, &frame, &body) == 0 && frame.type == BP_PMIX_PEER && frame.node == 11);
    auto_unpack Bpmix__PmixPeer *down = BP_UNPACK(PmixPeer, pmix_peer, body, frame.length, NULL);
    CU_ASSERT(down != NULL && down->kind == BPMIX__PMIX_PEER__KIND__FENCE_DOWN &&
              down->status == -52 && down->data.len == sizeof data);
    CU_ASSERT_EQUAL(stop(&s), 0);
}

static void test_garbage(void)
{
    struct shepherd s;
    char byte;
    if (start(&s) < 0)
        return;
    static const char garbage[BP_FRAME_BYTES] = "GET / HTTP/1.1";
    CU_ASSERT(send(s.fd, garbage, sizeof garbage, MSG_NOSIGNAL) > 0);
    CU_ASSERT_EQUAL(get_bytes(&s, &byte, 1), -EPIPE); /* it leaves */
    int status = stop(&s);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void test_killed_node(void)
{
    struct shepherd s;
    if (start(&s) < 0)
        return;
    put_job(&s, s.directory);
    CU_ASSERT_EQUAL(stop(&s), 0); /* in the middle of its start */
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"ready with an environment", test_ready},
        {"a directory that is not there", test_no_directory},
        {"lies are dropped", test_lies},
        {"direct modex of what is not there", test_modex},
        {"a fence when all ranks here have ended", test_fence_without_us},
        {"no frames", test_garbage},
        {"bpnode dies while it starts", test_killed_node},
        {NULL, NULL},
    };
    return bp_tap_run("shepherd", tests);
}
