/* SPDX-License-Identifier: BSD-3-Clause */
/* client.c - the local connection to bpmaster. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "lib/client.h"

int bp_client_node(void)
{
    static const char name[] = "bpspace";
    char words[32];
    auto_close int fd = open("/proc/1/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, words, sizeof words - 1) : 0;
    words[got > 0 ? got : 0] = '\0';
    int node, used = 0;
    if (got <= (ssize_t)sizeof name || memcmp(words, name, sizeof name) != 0 ||
        sscanf(words + sizeof name, "%d%n", &node, &used) != 1 || words[sizeof name + used] != '\0')
        return -1;
    return node;
}

const char *bp_client_path(void)
{
    if (bp_client_node() >= 0)
        return BP_RUNDIR "/job/master.sock";
    const char *path = secure_getenv("BPMIX_MASTER");
    return path != NULL && *path != '\0' ? path : BP_RUNDIR "/master.sock";
}

int bp_client_connect(struct bp_error *err)
{
    return bp_local_connect(bp_client_path(), err);
}

static int refusal(const struct bp_local_message *message, struct bp_error *err)
{
    auto_unpack Bpmix__Refusal *refused =
        BP_UNPACK(Refusal, refusal, message->body, message->frame.length, err);
    if (refused == NULL)
        return err->code;
    return bp_error_set(err, refused->code > 0 ? -refused->code : -EPROTO, "%s", refused->text);
}

/* The message as bytes; *ret_bytes is the caller's. This runs in users' programs: memory that is
 * out is an error, not their end. */
static int pack(const void *message, uint8_t **ret_bytes, size_t *ret_length)
{
    *ret_length = message != NULL ? protobuf_c_message_get_packed_size(message) : 0;
    *ret_bytes = malloc(*ret_length + 1);
    if (*ret_bytes == NULL)
        return -ENOMEM;
    if (message != NULL)
        protobuf_c_message_pack(message, *ret_bytes);
    return 0;
}

int bp_client_send(int fd, struct bp_frame frame, const void *message, struct bp_error *err)
{
    auto_free uint8_t *body = NULL;
    size_t length;
    int r = pack(message, &body, &length);
    if (r < 0)
        return bp_error_set(err, r, "no memory for the request");
    const struct bp_route *route = bp_route_get(frame.type);
    frame.length = (uint32_t)length;
    frame.tag = 1;
    if (length > route->max_body)
        return bp_error_set(err, -E2BIG, "the request is too big: %zu bytes, %u are the most "
                            "(arguments and environment together)", length, route->max_body);
    r = bp_local_send(fd, &frame, body, NULL, 0);
    return r == 0 ? 0 : bp_error_set(err, r, "bpmaster does not take the request: %s",
                                     strerror(-r));
}

/* An answer that is not the one wanted; consumes it. */
static int other_answer(struct bp_local_message *got, struct bp_error *err)
{
    int r = got->frame.type == BP_REFUSED
                ? refusal(got, err)
                : bp_error_set(err, -EPROTO, "bpmaster answered with frame type %u",
                               got->frame.type);
    bp_local_done(got);
    return r;
}

int bp_client_request(int fd, struct bp_frame frame, const void *message, unsigned answer,
                      struct bp_local_message *ret_message, struct bp_error *err)
{
    int r = bp_client_send(fd, frame, message, err);
    return r < 0 ? r : bp_client_answer(fd, answer, ret_message, err);
}

int bp_client_answer(int fd, unsigned answer, struct bp_local_message *ret_message,
                     struct bp_error *err)
{
    return bp_client_news(fd, answer, answer, ret_message, err);
}

int bp_client_news(int fd, unsigned news, unsigned answer, struct bp_local_message *ret_message,
                   struct bp_error *err)
{
    struct bp_local_message got;
    int r = bp_local_receive(fd, BP_PEER_MASTER, BP_PEER_TOOL, &got, err);
    if (r == 0)
        r = bp_error_set(err, -ECONNRESET, "bpmaster closed the connection");
    if (r < 0)
        return r;
    if (got.frame.type != answer && got.frame.type != news)
        return other_answer(&got, err);
    *ret_message = got;
    return 0;
}

int bp_client_call(struct bp_frame frame, const void *message, unsigned answer,
                   struct bp_local_message *ret_message, struct bp_error *err)
{
    auto_close int fd = bp_client_connect(err);
    return fd < 0 ? fd : bp_client_request(fd, frame, message, answer, ret_message, err);
}

int bp_client_ask(int fd, unsigned type, const void *message, unsigned answer,
                  struct bp_local_message *ret_message, struct bp_error *err)
{
    return bp_client_request(fd, (struct bp_frame){.type = (uint16_t)type}, message, answer,
                             ret_message, err);
}

int bp_client_ask_nodes(int fd, uint32_t up, struct bp_local_message *ret_message,
                        struct bp_error *err)
{
    return bp_client_request(fd, (struct bp_frame){.type = BP_NODE_LIST, .node = (int32_t)up}, NULL,
                             BP_NODES, ret_message, err);
}
