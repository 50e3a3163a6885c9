/* SPDX-License-Identifier: BSD-3-Clause */
/* leave.c - a process goes on to another node: its image goes from here to the launcher, who passes
 * it on. And it may come back. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "nodeagent/agent.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

void leave_done(struct space *space)
{
    if (space->leaving.fd >= 0)
        close(space->leaving.fd);
    space->leaving.fd = -1;
    space->leaving.wanted = 0;
}

int leave_take(struct space *space, struct bp_local_message *message, struct bp_error *err)
{
    struct stat st;
    int fd = message->fd_count == 1 ? message->fds[0] : -1;
    if (fd < 0 || fstat(fd, &st) < 0 || (fcntl(fd, F_GET_SEALS) & SEALS) != SEALS)
        return bp_error_set(err, -EINVAL, "its image is no sealed memory file");
    if (space->stream == NULL)
        return bp_error_set(err, -ENOTCONN, "the job's data connection is not there");
    leave_done(space);
    space->leaving.fd = bp_take_fd(message->fds[0]);
    space->leaving.bytes = (uint64_t)st.st_size;
    space->leaving.sent = 0;
    return 0;
}

void leave_wanted(struct space *space)
{
    space->leaving.wanted = 1;
    leave_send(space);
}

void leave_send(struct space *space)
{
    static uint8_t piece[BP_STREAM_DATA_MAX];
    while (space->leaving.wanted && space->leaving.fd >= 0 && !data_is_full(space)) {
        ssize_t got = pread(space->leaving.fd, piece, sizeof piece, (off_t)space->leaving.sent);
        size_t length = got > 0 ? (size_t)got : 0;
        data_send(space, BP_STREAM_IMAGE, 0, 0, piece, length);
        space->leaving.sent += length;
        if (length == 0)
            leave_done(space);
    }
}

void leave_return(struct space *space)
{
    struct rank *rank, *next;
    HASH_ITER(hh, space->ranks, rank, next)
        if (rank->reported)
            rank_free(rank);
    image_free(space);
    memset(&space->image, 0, sizeof space->image);
    space->image.fd = -1;
    bp_unpack_free(bp_take_ptr(space->waiting));
    space->open->start = BPMIX__START__SELF;
    space->open->carried = 1;
    if (space->open->n_files > 0) {
        space->open->n_files = 0; /* were opened where it began */
        if (space_send_setup(space, BP_SPACE_SETTINGS) < 0) {
            space_close(space, BPMIX__JOB_EVENT__KIND__SPACE_LOST,
                        "its bpspace does not take its strings");
            return;
        }
    }
    if (space->stream != NULL)
        guest_connected(space);
}
