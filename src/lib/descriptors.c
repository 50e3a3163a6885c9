/* SPDX-License-Identifier: BSD-3-Clause */
/* descriptors.c - files and connections in place of descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/bproc.h>
#include <unistd.h>

#include "common/mem.h"
#include "lib/descriptors.h"

static bool is_good(const struct bproc_io_t *io)
{
    if (io->fd < 0)
        return false;
    if (io->type == BPROC_IO_FILE)
        return memchr(io->d.file.name, '\0', sizeof io->d.file.name) != NULL &&
               io->d.file.name[0] != '\0' && io->d.file.offset >= 0;
    return io->type == BPROC_IO_SOCKET;
}

static int fill_address(struct bproc_io_t *io)
{
    struct sockaddr_in address, master;
    int size = sizeof master;
    memcpy(&address, &io->d.addr, sizeof address);
    if (io->type != BPROC_IO_SOCKET || address.sin_family != AF_INET ||
        address.sin_addr.s_addr != INADDR_ANY)
        return 0;
    if (bproc_nodeaddr(BPROC_NODE_MASTER, (struct sockaddr *)&master, &size) < 0)
        return -errno;
    address.sin_addr = master.sin_addr;
    memcpy(&io->d.addr, &address, sizeof address);
    return 0;
}

int bp_descriptors_take(const struct bproc_io_t *io, int count,
                        struct bproc_io_t ret_wishes[BPROC_IO_MAX_LEN])
{
    int r = count < 0 || count > BPROC_IO_MAX_LEN || (count > 0 && io == NULL) ? -EINVAL : 0;
    for (int i = 0; r == 0 && i < count; i++) {
        ret_wishes[i] = io[i];
        r = is_good(&io[i]) ? fill_address(&ret_wishes[i]) : -EINVAL;
    }
    return r;
}

bool bp_descriptor_suits_nodes(const struct bproc_io_t *io)
{
    return io->type == BPROC_IO_FILE || io->d.addr.sa_family == AF_INET;
}

bool bp_descriptor_is_nodes(const struct bproc_io_t *io)
{
    return io->fd <= STDERR_FILENO && bp_descriptor_suits_nodes(io);
}

static int open_file(const struct bproc_io_t *io)
{
    auto_close int fd = open(io->d.file.name, io->d.file.flags, io->d.file.mode);
    if (fd < 0 || (io->d.file.offset > 0 && lseek(fd, io->d.file.offset, SEEK_SET) < 0))
        return -errno;
    return bp_take_fd(fd);
}

/* A wait for a slow connection is not cut short by a signal. */
static int connect_to(const struct bproc_io_t *io)
{
    struct bp_descriptor_info info = {.pid = getpid(), .fd = io->fd};
    auto_close int fd = socket(io->d.addr.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, &io->d.addr, sizeof io->d.addr) < 0)
        return -errno;
    if ((io->flags & BPROC_IO_SEND_INFO) != 0 &&
        send(fd, &info, sizeof info, MSG_NOSIGNAL) != (ssize_t)sizeof info)
        return -EPIPE;
    return bp_take_fd(fd);
}

static int make(const struct bproc_io_t *io)
{
    int fd = io->type == BPROC_IO_FILE ? open_file(io) : connect_to(io);
    if (fd < 0)
        return fd;
    if (fd == io->fd) { /* it stays open at an exec */
        fcntl(fd, F_SETFD, 0);
        return 0;
    }
    int r = dup2(fd, io->fd) < 0 ? -errno : 0;
    close(fd);
    return r;
}

int bp_descriptors_apply(const struct bproc_io_t *io, int count, bool but_nodes)
{
    int r = 0;
    for (int i = 0; r == 0 && i < count; i++)
        if (!but_nodes || !bp_descriptor_is_nodes(&io[i]))
            r = make(&io[i]);
    return r;
}
