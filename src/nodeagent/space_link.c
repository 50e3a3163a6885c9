/* SPDX-License-Identifier: BSD-3-Clause */
/* space_link.c - one packet between bpnode and bpspace, on a SOCK_SEQPACKET socket. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "nodeagent/space_link.h"

union fd_message { /* room for the descriptors beside a packet */
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * BP_SPACE_FDS_MAX)];
};

int bp_space_send(int fd, const struct bp_space_record *record, const void *payload, const int *fds,
                  unsigned nfds)
{
    if (record->length > BP_SPACE_PAYLOAD_MAX || nfds > BP_SPACE_FDS_MAX)
        return -EMSGSIZE;
    union fd_message control = {0};
    struct iovec parts[] = {
        {.iov_base = (void *)(uintptr_t)record, .iov_len = sizeof *record},
        {.iov_base = (void *)(uintptr_t)payload, .iov_len = record->length},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = record->length > 0 ? 2 : 1};
    if (nfds > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * nfds);
    }
    ssize_t sent;
    do
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *message, struct bp_space_packet *packet)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        packet->nfds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(packet->fds, CMSG_DATA(c), sizeof(int) * packet->nfds);
    }
}

int bp_space_receive(int fd, struct bp_space_packet *ret_packet)
{
    union fd_message control;
    struct iovec parts[] = {
        {.iov_base = &ret_packet->record, .iov_len = sizeof ret_packet->record},
        {.iov_base = ret_packet->payload, .iov_len = sizeof ret_packet->payload},
    };
    struct msghdr message = {
        .msg_iov = parts,
        .msg_iovlen = 2,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    ret_packet->nfds = 0;
    ssize_t got;
    do
        got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && (errno == EINTR || errno == ECONNRESET));
    /* ECONNRESET comes once, when the other side ended without reading all of ours, and it comes
     * before what that side sent: packets may still follow it. */
    if (got < 0)
        return -errno;
    take_fds(&message, ret_packet);
    if (got == 0)
        return 0;
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
        (size_t)got < sizeof ret_packet->record ||
        (size_t)got - sizeof ret_packet->record != ret_packet->record.length) {
        bp_space_packet_done(ret_packet);
        return -EPROTO;
    }
    return 1;
}

void bp_space_packet_done(struct bp_space_packet *packet)
{
    for (unsigned i = 0; i < packet->nfds; i++)
        close(packet->fds[i]);
    packet->nfds = 0;
}
