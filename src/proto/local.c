/* SPDX-License-Identifier: BSD-3-Clause */
/* local.c - frames with descriptors over a local SOCK_SEQPACKET socket. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/mem.h"
#include "proto/local.h"

#define FLAG_FILE 1 /* the body is in the first descriptor, a memory file */

static int body_file(const void *body, size_t length)
{
    auto_close int fd = memfd_create("bpmix-body", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    const uint8_t *p = body;
    while (length > 0) {
        ssize_t put = write(fd, p, length);
        if (put < 0)
            return -errno;
        p += put;
        length -= (size_t)put;
    }
    return bp_take_fd(fd);
}

static int send_packet(int socket, const uint8_t *head, const void *body, size_t length,
                       const int *fds, unsigned fd_count)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * (BP_LOCAL_FDS_MAX + 1))];
    } control = {0};
    struct iovec parts[2] = {
        {.iov_base = (void *)head, .iov_len = BP_FRAME_BYTES},
        {.iov_base = (void *)body, .iov_len = length},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = length > 0 ? 2 : 1};
    if (fd_count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                              .cmsg_type = SCM_RIGHTS,
                              .cmsg_len = CMSG_LEN(sizeof(int) * fd_count)};
        memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int bp_local_send(int socket, const struct bp_frame *frame, const void *body, const int *fds,
                  unsigned fd_count)
{
    if (fd_count > BP_LOCAL_FDS_MAX)
        return -EINVAL;
    struct bp_frame sent = *frame;
    uint8_t head[BP_FRAME_BYTES];
    if (frame->length <= BP_LOCAL_INLINE_MAX) {
        sent.flags = 0;
        bp_frame_encode(&sent, head);
        return send_packet(socket, head, body, frame->length, fds, fd_count);
    }
    auto_close int file = body_file(body, frame->length);
    if (file < 0)
        return file;
    int all[BP_LOCAL_FDS_MAX + 1];
    all[0] = file;
    if (fd_count > 0)
        memcpy(all + 1, fds, sizeof(int) * fd_count);
    sent.flags = FLAG_FILE;
    bp_frame_encode(&sent, head);
    return send_packet(socket, head, NULL, 0, all, fd_count + 1);
}

static void take_fds(struct msghdr *message, int *fds, unsigned *count)
{
    *count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        unsigned n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds + *count, CMSG_DATA(c), n * sizeof(int));
        *count += n;
    }
}

/* Copy the body out of a peer's memory file. The peer may change it meanwhile: read() copes. Other
 * files than memory (which alone has seals) are refused: reading them could take forever. */
static int read_file(int fd, uint8_t *body, size_t length)
{
    struct stat st;
    if (fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        st.st_size != (off_t)length)
        return -EPROTO;
    for (size_t done = 0; done < length;) {
        ssize_t got = pread(fd, body + done, length - done, (off_t)done);
        if (got <= 0)
            return -EPROTO;
        done += (size_t)got;
    }
    return 0;
}

/* Check the packet and fill in the body; message has the descriptors already. */
static int open_packet(const uint8_t *packet, size_t size, enum bp_peer from, enum bp_peer to,
                       struct bp_local_message *message, struct bp_error *err)
{
    if (size < BP_FRAME_BYTES)
        return bp_error_set(err, -EPROTO, "a packet of %zu bytes is no frame", size);
    int r = bp_frame_decode(packet, from, to, &message->frame, err);
    if (r < 0)
        return r;
    size_t length = message->frame.length;
    message->body = calloc(1, length + 1);
    if (message->body == NULL)
        return bp_error_set(err, -ENOMEM, "no memory for a frame of %zu bytes", length);
    if ((message->frame.flags & FLAG_FILE) == 0) {
        if (size != BP_FRAME_BYTES + length)
            return bp_error_set(err, -EPROTO, "a frame's length is not its packet's");
        memcpy(message->body, packet + BP_FRAME_BYTES, length);
        return 0;
    }
    if (message->fd_count == 0 || read_file(message->fds[0], message->body, length) < 0)
        return bp_error_set(err, -EPROTO, "a frame's body file is not as announced");
    close(message->fds[0]);
    message->fd_count--;
    memmove(message->fds, message->fds + 1, sizeof(int) * message->fd_count);
    return 0;
}

int bp_local_receive(int socket, enum bp_peer from, enum bp_peer to,
                     struct bp_local_message *ret_message, struct bp_error *err)
{
    uint8_t packet[BP_FRAME_BYTES + BP_LOCAL_INLINE_MAX];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * (BP_LOCAL_FDS_MAX))];
    } control;
    struct iovec part = {.iov_base = packet, .iov_len = sizeof packet};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control};
    ssize_t got;
    do
        got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return -EAGAIN;
    if (got < 0)
        return bp_error_set(err, -errno, "%s", strerror(errno));
    struct bp_local_message message = {0};
    take_fds(&header, message.fds, &message.fd_count);
    if (got == 0 && message.fd_count == 0)
        return 0;
    int r = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0
                ? bp_error_set(err, -EMSGSIZE, "a packet is too big")
                : open_packet(packet, (size_t)got, from, to, &message, err);
    if (r < 0) {
        bp_local_done(&message);
        return r;
    }
    *ret_message = message;
    return 1;
}

void bp_local_done(struct bp_local_message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++)
        if (message->fds[i] >= 0)
            close(message->fds[i]);
    free(message->body);
    *message = (struct bp_local_message){0};
}

int bp_local_connect(const char *path, struct bp_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return bp_error_set(err, -ENAMETOOLONG, "%s: too long for a socket's path", path);
    strcpy(address.sun_path, path);
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return bp_error_set(err, -errno, "socket: %s", strerror(errno));
    int r;
    do
        r = connect(fd, (const struct sockaddr *)&address, sizeof address);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return bp_error_set(err, -errno, "%s: %s: is bpmaster running here? (bpcluster up N starts "
                            "a virtual cluster; BPMIX_MASTER names another socket)", path,
                            strerror(errno));
    return bp_take_fd(fd);
}
