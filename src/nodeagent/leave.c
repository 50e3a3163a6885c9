/* SPDX-License-Identifier: BSD-3-Clause */
/* leave.c - processes go on to other nodes: their images go from here to the launcher, who passes
 * each on to the node that it is for. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "nodeagent/agent.h"

#define WRITE_SEALS (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define SIZE_SEALS  (F_SEAL_SHRINK | F_SEAL_GROW)

struct leaving { /* one image; it is there as long as the connection that brought it */
    uint64_t client; /* number of that connection */
    int fd;          /* memory file */
    uint64_t sent;
    uint32_t stay;   /* by which the launcher knows it; 0 = nobody has asked for it yet */
    struct leaving *prev, *next;
};

static void leaving_free(struct space *space, struct leaving *leaving)
{
    DL_DELETE(space->leaving, leaving);
    close(leaving->fd);
    free(leaving);
}

/* Numbers of connections are bpnode's, whatever the space. */
static struct leaving *find(struct agent *agent, uid_t uid, uint64_t client,
                            struct space **ret_space)
{
    struct space *space;
    struct leaving *leaving;
    for (space = agent->spaces; space != NULL; space = space->hh.next)
        DL_FOREACH(space->leaving, leaving)
            if (leaving->client == client && space->open->uid == uid) {
                *ret_space = space;
                return leaving;
            }
    return NULL;
}

static void drop(struct space *space, uint64_t client)
{
    struct leaving *leaving, *next;
    DL_FOREACH_SAFE(space->leaving, leaving, next) {
        if (leaving->client != client)
            continue;
        if (leaving->stay != 0) /* cut short: there it will not become a process */
            data_send_stay(space, BP_STREAM_IMAGE, leaving->stay, NULL, 0);
        leaving_free(space, leaving);
    }
}

/* One that went through another job's connection is there. */
void leave_drop(struct space *space, uint64_t client)
{
    struct space *where = space;
    drop(space, client);
    while (find(space->agent, space->open->uid, client, &where) != NULL)
        drop(where, client);
}

void leave_done(struct space *space)
{
    while (space->leaving != NULL)
        leaving_free(space, space->leaving);
}

int leave_take(struct space *space, uint64_t client, struct bp_local_message *message,
               struct bp_error *err)
{
    int fd = message->fd_count == 1 ? message->fds[0] : -1;
    int seals = fd >= 0 ? fcntl(fd, F_GET_SEALS) : -1; /* only memory files have them */
    if (seals < 0 || (seals & SIZE_SEALS) != SIZE_SEALS || (seals & WRITE_SEALS) == 0)
        return bp_error_set(err, -EINVAL, "its image is no sealed memory file");
    if (space->stream == NULL)
        return bp_error_set(err, -ENOTCONN, "the job's data connection is not there");
    leave_drop(space, client);
    struct leaving *leaving = bp_calloc(1, sizeof *leaving);
    *leaving = (struct leaving){.client = client, .fd = bp_take_fd(message->fds[0])};
    DL_APPEND(space->leaving, leaving);
    return 0;
}

/* As much as fits. */
static void send_image(struct space *space, struct leaving *leaving)
{
    static uint8_t piece[BP_STREAM_DATA_MAX];
    while (leaving->stay != 0 && !data_is_full(space)) {
        ssize_t got = pread(leaving->fd, piece, sizeof piece, (off_t)leaving->sent);
        size_t length = got > 0 ? (size_t)got : 0;
        data_send_stay(space, BP_STREAM_IMAGE, leaving->stay, piece, length);
        leaving->sent += length;
        if (length > 0)
            continue;
        leaving_free(space, leaving);
        return;
    }
}

void leave_send(struct space *space)
{
    struct leaving *leaving, *next;
    DL_FOREACH_SAFE(space->leaving, leaving, next)
        send_image(space, leaving);
}

void leave_wanted(struct space *space, uint32_t stay, const uint8_t body[8])
{
    uint64_t client;
    struct space *from = space;
    memcpy(&client, body, sizeof client);
    struct leaving *leaving = find(space->agent, space->open->uid, client, &from);
    if (leaving == NULL || leaving->stay != 0) { /* its process has ended */
        data_send_stay(space, BP_STREAM_IMAGE, stay, NULL, 0);
        return;
    }
    if (from != space) { /* of a job that a process of this one has opened */
        DL_DELETE(from->leaving, leaving);
        DL_APPEND(space->leaving, leaving);
    }
    leaving->stay = stay;
    send_image(space, leaving);
}
