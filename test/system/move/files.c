/* SPDX-License-Identifier: BSD-3-Clause */
/* files.c - open files and pipes do not travel, standard output and error do. */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "move_test.h"

enum { KINDS = 8 };

static int fds[KINDS];

static void spoil(void)
{
    close(fds[3]);
}

int main(void)
{
    fds[0] = open("/dev/null", O_RDWR);
    fds[1] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    MUST(pipe(fds + 2));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, fds + 4));
    fds[6] = eventfd(1, 0);
    fds[7] = epoll_create1(0);
    MUST(write(fds[3], "kept", 4));
    enum hop how = hop(spoil);
    for (int i = 0; i < KINDS; i++) {
        int flags = fcntl(fds[i], F_GETFD);
        if (how == HOP_STAYED)
            MUST(flags);
        else
            CHECK(flags == -1 && errno == EBADF, "descriptor %d is open", fds[i]);
    }
    for (int i = 0; i < 3; i++)
        MUST(fcntl(i, F_GETFD));
    for (int i = 3; i < 64 && how != HOP_STAYED; i++)
        CHECK(fcntl(i, F_GETFD) == -1, "descriptor %d is open", i);
    return 0;
}
