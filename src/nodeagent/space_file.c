/* SPDX-License-Identifier: BSD-3-Clause */
/* space_file.c - files and connections that take the place of a process's standard descriptors. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "nodeagent/space_file.h"

/* A decimal number and one blank. */
static int read_number(const char **text, long long most, long long *ret_number)
{
    char *end;
    errno = 0;
    if (**text < '0' || **text > '9')
        return -EPROTO;
    *ret_number = strtoll(*text, &end, 10);
    if (errno != 0 || *end != ' ' || *ret_number > most)
        return -EPROTO;
    *text = end + 1;
    return 0;
}

int bp_space_file_read(const char *text, struct bp_space_file *ret_file)
{
    long long fd, flags, mode, offset;
    if (read_number(&text, BP_SPACE_FILES_MAX - 1, &fd) < 0 ||
        read_number(&text, INT_MAX, &flags) < 0 || read_number(&text, 0777, &mode) < 0 ||
        read_number(&text, LLONG_MAX, &offset) < 0 || *text == '\0')
        return -EPROTO;
    *ret_file = (struct bp_space_file){.fd = (int)fd, .flags = (int)flags, .mode = (uint32_t)mode,
                                       .offset = offset, .path = text};
    return 0;
}

/* "ADDRESS:PORT" */
static int read_address(const char *text, struct sockaddr_in *ret_address)
{
    char host[INET_ADDRSTRLEN];
    const char *colon = strchr(text, ':');
    size_t length = colon != NULL ? (size_t)(colon - text) : sizeof host;
    int port = colon != NULL ? atoi(colon + 1) : 0;
    if (length >= sizeof host || port < 1 || port > 65535)
        return -EINVAL;
    memcpy(host, text, length);
    host[length] = '\0';
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &ret_address->sin_addr) == 1 ? 0 : -EINVAL;
}

static int connect_to(const struct bp_space_file *file)
{
    struct sockaddr_in address;
    int32_t info[] = {getpid(), file->fd};
    int r = read_address(file->path, &address);
    if (r < 0)
        return r;
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    if ((file->flags & BP_SPACE_SEND_INFO) != 0 &&
        send(fd, info, sizeof info, MSG_NOSIGNAL) != (ssize_t)sizeof info)
        return -EPIPE;
    return bp_take_fd(fd);
}

static int open_file(const struct bp_space_file *file)
{
    auto_close int fd = open(file->path, file->flags | O_NOCTTY, (mode_t)file->mode);
    if (fd < 0 || (file->offset > 0 && lseek(fd, (off_t)file->offset, SEEK_SET) < 0))
        return -errno;
    return bp_take_fd(fd);
}

int bp_space_file_open(const struct bp_space_file *file)
{
    int fd = (file->flags & BP_SPACE_CONNECT) != 0 ? connect_to(file) : open_file(file);
    if (fd < 0)
        return fd;
    if (fd != file->fd && dup2(fd, file->fd) < 0)
        return -errno;
    if (fd != file->fd)
        close(fd);
    return 0;
}
