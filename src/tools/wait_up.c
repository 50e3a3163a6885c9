/* SPDX-License-Identifier: BSD-3-Clause */
/* wait_up.c - waiting until nodes are up: for bpmaster's socket by inotify(7), then for the answer
 * that bpmaster gives when so many are there. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/clock.h"
#include "common/mem.h"
#include "lib/client.h"
#include "tools/wait_up.h"

/* Watch for new names in the folders of a path, from the root on: a folder that is made meanwhile
 * is an event of the one above. */
static int watch_folders(const char *path, struct bp_error *err)
{
    auto_free char *folder = bp_strdup(path);
    auto_close int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return bp_error_set(err, -errno, "inotify: %s", strerror(errno));
    for (char *slash = strchr(folder, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        inotify_add_watch(fd, slash == folder ? "/" : folder, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
        *slash = '/';
    }
    return bp_take_fd(fd);
}

static unsigned left_ms(uint64_t end)
{
    uint64_t now = bp_clock_ms();
    return now < end ? (unsigned)(end - now) : 0;
}

/* Ask with a time limit; *ret_up: how many nodes are up. */
static int ask(uint32_t nodes, unsigned limit_ms, uint32_t *ret_up, struct bp_error *err)
{
    struct bp_local_message message;
    auto_close int fd = bp_client_connect(err);
    if (fd < 0)
        return fd;
    struct timeval limit = {.tv_sec = limit_ms / 1000,
                            .tv_usec = (long)(limit_ms % 1000) * 1000 + 1};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    int r = bp_client_ask_nodes(fd, nodes, &message, err);
    if (r < 0)
        return r;
    auto_unpack Bpmix__NodeList *list =
        BP_UNPACK(NodeList, node_list, message.body, message.frame.length, err);
    bp_local_done(&message);
    if (list == NULL)
        return err->code;
    *ret_up = 0;
    for (size_t i = 0; i < list->n_nodes; i++)
        *ret_up += strcmp(list->nodes[i]->state, "up") == 0;
    return 0;
}

int wait_up(uint32_t nodes, unsigned limit_ms, struct bp_error *err)
{
    uint64_t end = bp_clock_ms() + limit_ms;
    uint32_t up = 0;
    while (left_ms(end) > 0) {
        auto_close int watch = watch_folders(bp_client_path(), err); /* before connecting */
        if (watch < 0)
            return watch;
        if (ask(nodes, left_ms(end), &up, err) == 0)
            return 0;
        struct pollfd made = {.fd = watch, .events = POLLIN};
        poll(&made, 1, (int)left_ms(end));
    }
    if (ask(0, 1000, &up, err) < 0)
        return err->code;
    return bp_error_set(err, -ETIMEDOUT, "%u of %u nodes are up after %u s", up, nodes,
                        limit_ms / 1000);
}
