// sources: src/proto/local.c src/proto/frame.c src/common/mem.c src/common/error.c
/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_local.c - any packet, with descriptors and memory files beside it, on a local socket:
 * refused, or a frame with the body it says; no descriptor is lost. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "proto/local.h"

#define FDS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void send_packet(int socket, const uint8_t *bytes, size_t size, const int *fds,
                        unsigned count)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * FDS)];
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS,
                                          .cmsg_len = CMSG_LEN(sizeof(int) * count)};
        memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * count);
    }
    if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
        abort();
}

static void check(const struct bp_local_message *message, enum bp_peer from)
{
    const struct bp_route *route = bp_route_get(message->frame.type);
    if (route == NULL || (route->from & from) == 0 || message->frame.length > route->max_body ||
        message->fd_count > FDS)
        abort();
    volatile uint8_t sum = 0; /* every byte is there */
    for (size_t i = 0; i < message->frame.length; i++)
        sum = (uint8_t)(sum + message->body[i]);
}

/* The first byte says what comes beside the packet: bits 0, 1: a memory file of the bytes behind
 * the header, a pipe; bit 2: who sends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2], ends[2], fds[FDS];
    unsigned count = 0;
    if (size < 2 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 || pipe(ends) < 0)
        return 0;
    enum bp_peer from = (data[0] & 4) != 0 ? BP_PEER_TOOL : BP_PEER_MASTER;
    enum bp_peer to = (data[0] & 4) != 0 ? BP_PEER_MASTER : BP_PEER_TOOL;
    int file = memfd_create("body", 0);
    if ((data[0] & 1) != 0)
        fds[count++] = file;
    if ((data[0] & 2) != 0)
        fds[count++] = ends[0];
    if (size > 1 + BP_FRAME_BYTES &&
        write(file, data + 1 + BP_FRAME_BYTES, size - 1 - BP_FRAME_BYTES) < 0)
        abort();
    size_t sent = (data[0] & 1) != 0 && size > BP_FRAME_BYTES ? BP_FRAME_BYTES : size - 1;
    send_packet(pair[0], data + 1, sent, fds, count);
    struct bp_local_message message;
    struct bp_error err = {0};
    int r = bp_local_receive(pair[1], from, to, &message, &err);
    if (r == 1) {
        check(&message, from);
        bp_local_done(&message);
    } else if (r < 0 && (err.code >= 0 || err.text[0] == '\0')) {
        abort();
    }
    close(file);
    for (int i = 0; i < 2; i++) {
        close(pair[i]);
        close(ends[i]);
    }
    int next = dup(STDIN_FILENO); /* the lowest number is free again: nothing was lost */
    if (next != pair[0])
        abort();
    close(next);
    return 0;
}
