/* SPDX-License-Identifier: BSD-3-Clause */
/* dial.c - a connection in place of a file, as a process of libbproc's asks for. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/dial.h"
#include "common/mem.h"

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

int bp_dial(const char *where, const int32_t info[2])
{
    struct sockaddr_in address;
    const ssize_t bytes = 2 * sizeof info[0];
    int r = read_address(where, &address);
    if (r < 0)
        return r;
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    if (info != NULL && send(fd, info, (size_t)bytes, MSG_NOSIGNAL) != bytes)
        return -EPIPE;
    return bp_take_fd(fd);
}
