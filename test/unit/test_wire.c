/* SPDX-License-Identifier: BSD-3-Clause */
/* test_wire.c - keys, preambles, stream heads, bodies, local packets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/key.h"
#include "proto/local.h"
#include "proto/pack.h"
#include "proto/preamble.h"
#include "proto/stream.h"
#include "tap.h"

static void keys_differ(void)
{
    struct bp_key cluster = {{1, 2, 3}}, a, b, again;
    uint8_t id_a[BP_KEY_ID_BYTES], id_b[BP_KEY_ID_BYTES];
    CU_ASSERT_EQUAL(bp_key_derive(&cluster, 1, &a, NULL), 0);
    CU_ASSERT_EQUAL(bp_key_derive(&cluster, 2, &b, NULL), 0);
    CU_ASSERT_EQUAL(bp_key_derive(&cluster, 1, &again, NULL), 0);
    CU_ASSERT(memcmp(&a, &b, sizeof a) != 0);
    CU_ASSERT(memcmp(&a, &again, sizeof a) == 0);
    bp_key_id(&a, id_a);
    bp_key_id(&b, id_b);
    CU_ASSERT(memcmp(id_a, id_b, sizeof id_a) != 0);
    CU_ASSERT(memcmp(id_a, a.bytes, sizeof id_a) != 0);
}

static int write_key(char *path, const char *text, mode_t mode)
{
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return -1;
    fchmod(fd, mode);
    return close(fd);
}

static void key_files(void)
{
    static const char hex[] = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
    struct bp_error err;
    struct bp_key key;
    char text[128], path[] = "/tmp/bp-test-key-XXXXXX", open_path[] = "/tmp/bp-test-key-XXXXXX",
        bad[] = "/tmp/bp-test-key-XXXXXX";
    int node = -1;
    snprintf(text, sizeof text, "node 12\nkey %s\n", hex);
    CU_ASSERT_EQUAL(write_key(path, text, 0600), 0);
    CU_ASSERT_EQUAL(bp_key_read_node(path, &node, &key, &err), 0);
    CU_ASSERT_EQUAL(node, 12);
    CU_ASSERT_EQUAL(key.bytes[1], 0x11);
    CU_ASSERT_EQUAL(key.bytes[31], 0xff);
    CU_ASSERT(bp_key_read_cluster(path, &key, &err) < 0);
    CU_ASSERT_EQUAL(write_key(open_path, text, 0644), 0);
    CU_ASSERT_EQUAL(bp_key_read_node(open_path, &node, &key, &err), -EPERM);
    CU_ASSERT_EQUAL(write_key(bad, "node 1\nkey 123\n", 0600), 0);
    CU_ASSERT(bp_key_read_node(bad, &node, &key, &err) < 0);
    CU_ASSERT(bp_key_read_node("/nonexistent", &node, &key, &err) < 0);
    unlink(path);
    unlink(open_path);
    unlink(bad);
}

static void preambles(void)
{
    struct bp_preamble in = {.version = 9, .kind = BP_PREAMBLE_STREAM, .node = -5}, out;
    uint8_t bytes[BP_PREAMBLE_BYTES];
    memset(in.id, 0xab, sizeof in.id);
    bp_preamble_encode(&in, bytes);
    CU_ASSERT_EQUAL(bp_preamble_decode(bytes, &out), 0);
    CU_ASSERT(out.version == 9 && out.kind == BP_PREAMBLE_STREAM && out.node == -5);
    CU_ASSERT(memcmp(out.id, in.id, sizeof in.id) == 0);
    bytes[0] ^= 1;
    CU_ASSERT_EQUAL(bp_preamble_decode(bytes, &out), -EPROTO);
}

static void stream_heads(void)
{
    struct bp_stream_head in = {.kind = BP_STREAM_DATA, .channel = 2, .rank = 70000,
                                .length = BP_STREAM_DATA_MAX}, out;
    struct bp_error err;
    uint8_t bytes[BP_STREAM_HEAD_BYTES];
    bp_stream_encode(&in, bytes);
    CU_ASSERT_EQUAL(bp_stream_decode(bytes, &out, &err), 0);
    CU_ASSERT(out.rank == 70000 && out.channel == 2 && out.length == BP_STREAM_DATA_MAX);
    static const struct bp_stream_head bad[] = {
        {.kind = 0}, {.kind = 99}, {.kind = BP_STREAM_DATA, .channel = 3},
        {.kind = BP_STREAM_DATA, .length = BP_STREAM_DATA_MAX + 1},
        {.kind = BP_STREAM_IMAGE, .length = BP_STREAM_DATA_MAX + 1},
        {.kind = BP_STREAM_CREDIT, .length = 3},
        {.kind = BP_STREAM_SIZE, .length = 4}, {.kind = BP_STREAM_EOF, .length = 1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bp_stream_encode(&bad[i], bytes);
        CU_ASSERT_EQUAL(bp_stream_decode(bytes, &out, &err), -EPROTO);
    }
}

/* A few bytes cannot ask for much memory; garbage is refused. */
static void bodies_are_bounded(void)
{
    struct bp_error err = {0};
    enum { EMPTY_ROWS = 200000 };
    uint8_t *many = calloc(EMPTY_ROWS, 2);
    for (int i = 0; many != NULL && i < EMPTY_ROWS; i++)
        many[2 * i] = 0x0a; /* NodeList.nodes, length 0 */
    CU_ASSERT_PTR_NULL(BP_UNPACK(NodeList, node_list, many, 2 * EMPTY_ROWS, &err));
    CU_ASSERT_EQUAL(err.code, -EBADMSG);
    free(many);
    CU_ASSERT_PTR_NULL(BP_UNPACK(Join, join, "\xff\xff\xff\xff", 4, &err));
    Bpmix__Refusal *empty = BP_UNPACK(Refusal, refusal, NULL, 0, &err);
    CU_ASSERT_PTR_NOT_NULL(empty);
    bp_unpack_free(empty);
}

static void packets_with_descriptors(void)
{
    int pair[2], ends[2];
    struct bp_error err;
    struct bp_local_message message;
    static const size_t sizes[] = {0, 10, BP_LOCAL_INLINE_MAX, BP_LOCAL_INLINE_MAX + 1, 3000000};
    CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    CU_ASSERT_EQUAL(pipe(ends), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *body = malloc(sizes[i] + 1);
        memset(body, 'a' + (int)i, sizes[i]);
        struct bp_frame frame = {.type = BP_JOB_OPEN, .length = (uint32_t)sizes[i], .tag = i};
        CU_ASSERT_EQUAL(bp_local_send(pair[0], &frame, body, &ends[1], 1), 0);
        int r = bp_local_receive(pair[1], BP_PEER_TOOL, BP_PEER_MASTER, &message, &err);
        CU_ASSERT_EQUAL(r, 1);
        if (r == 1) {
            CU_ASSERT(message.frame.tag == i && message.frame.length == sizes[i]);
            CU_ASSERT_EQUAL(memcmp(message.body, body, sizes[i]), 0);
            CU_ASSERT_EQUAL(message.fd_count, 1);
            bp_local_done(&message);
        }
        free(body);
    }
    CU_ASSERT_EQUAL(send(pair[0], "short", 5, 0), 5);
    CU_ASSERT(bp_local_receive(pair[1], BP_PEER_TOOL, BP_PEER_MASTER, &message, &err) < 0);
    close(pair[0]);
    CU_ASSERT_EQUAL(bp_local_receive(pair[1], BP_PEER_TOOL, BP_PEER_MASTER, &message, &err), 0);
    close(pair[1]);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    static const struct bp_test tests[] = {
        {"keys of nodes differ", keys_differ},
        {"key files", key_files},
        {"preambles", preambles},
        {"heads of the data connection", stream_heads},
        {"bodies are bounded", bodies_are_bounded},
        {"local packets with descriptors", packets_with_descriptors},
        {NULL, NULL},
    };
    return bp_tap_run("wire", tests);
}
